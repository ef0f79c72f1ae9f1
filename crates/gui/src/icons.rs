//! The signs of the window: one set, drawn from a few shapes on a grid of 16 points.

use egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, vec2};

/// A sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    /// A triangle to the right.
    Play,
    /// A square.
    Stop,
    /// To the start.
    Home,
    /// Arrows that go round.
    Loop,
    /// A filled circle.
    Arm,
    /// Back by a step.
    Undo,
    /// On by a step.
    Redo,
    /// A curve through points.
    Automation,
    /// A speaker.
    Speaker,
    /// A speaker that is crossed out.
    Silent,
}

/// Draws a sign in the middle of `rect`, in its size on the grid.
pub fn draw(painter: &Painter, rect: Rect, icon: Icon, colour: Color32) {
    let at = |x: f32, y: f32| rect.center() + vec2(x - 8.0, y - 8.0);
    let line = Stroke::new(1.5, colour);
    let filled = |points: Vec<Pos2>| Shape::convex_polygon(points, colour, Stroke::NONE);
    match icon {
        Icon::Play => {
            painter.add(filled(vec![at(4.5, 2.5), at(13.5, 8.0), at(4.5, 13.5)]));
        }
        Icon::Stop => {
            painter.rect_filled(Rect::from_min_max(at(3.5, 3.5), at(12.5, 12.5)), 1.0, colour);
        }
        Icon::Home => {
            painter.rect_filled(Rect::from_min_max(at(3.0, 3.5), at(5.0, 12.5)), 0.0, colour);
            painter.add(filled(vec![at(13.0, 3.0), at(6.0, 8.0), at(13.0, 13.0)]));
        }
        Icon::Loop => {
            painter.add(Shape::line(vec![at(3.0, 8.5), at(3.0, 5.5), at(4.5, 4.0), at(11.0, 4.0)], line));
            painter.add(filled(vec![at(10.5, 1.2), at(14.5, 4.0), at(10.5, 6.8)]));
            painter
                .add(Shape::line(vec![at(13.0, 7.5), at(13.0, 10.5), at(11.5, 12.0), at(5.0, 12.0)], line));
            painter.add(filled(vec![at(5.5, 9.2), at(1.5, 12.0), at(5.5, 14.8)]));
        }
        Icon::Arm => {
            painter.circle_filled(at(8.0, 8.0), 4.5, colour);
        }
        Icon::Undo | Icon::Redo => {
            let flip = |x: f32, y: f32| if icon == Icon::Undo { at(x, y) } else { at(16.0 - x, y) };
            let arc = (0..=10_u8).map(|n| {
                let (sin, cos) = turn(-0.5 + 0.11 * f32::from(n));
                flip(8.5 + 4.5 * sin, 8.5 - 4.5 * cos)
            });
            painter.add(Shape::line(arc.collect(), line));
            painter.add(filled(vec![flip(1.5, 6.2), flip(7.2, 4.4), flip(5.6, 9.8)]));
        }
        Icon::Speaker | Icon::Silent => {
            painter.add(filled(vec![
                at(2.5, 6.0),
                at(5.5, 6.0),
                at(9.0, 3.0),
                at(9.0, 13.0),
                at(5.5, 10.0),
                at(2.5, 10.0),
            ]));
            if icon == Icon::Silent {
                painter.line_segment([at(10.5, 6.0), at(14.5, 10.0)], line);
                painter.line_segment([at(14.5, 6.0), at(10.5, 10.0)], line);
            } else {
                painter.add(Shape::line(vec![at(11.0, 5.5), at(12.2, 8.0), at(11.0, 10.5)], line));
            }
        }
        Icon::Automation => {
            let way = vec![at(2.0, 12.0), at(6.0, 5.0), at(10.0, 9.0), at(14.0, 3.0)];
            for point in &way {
                painter.circle_filled(*point, 1.8, colour);
            }
            painter.add(Shape::line(way, Stroke::new(1.2, colour)));
        }
    }
}

/// Sine and cosine of a share of a half turn.
fn turn(share: f32) -> (f32, f32) {
    let angle = egui::emath::Rot2::from_angle(share * std::f32::consts::PI);
    let unit = angle * vec2(1.0, 0.0);
    (unit.y, unit.x)
}
