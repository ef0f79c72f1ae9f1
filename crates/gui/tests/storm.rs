//! Random events: whatever hands do, nothing panics, the document stays whole, and undo leads back to the start.

mod common;

use common::Bench;
use egui::{Event, Key, Modifiers, MouseWheelUnit, PointerButton, Pos2, vec2};

/// Events of one storm.
const EVENTS: usize = 800;

/// A small generator (xorshift), so that a storm is known by its seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn place(&mut self) -> Pos2 {
        Pos2::new(self.roll(1_300) as f32 - 10.0, self.roll(740) as f32 - 10.0)
    }

    fn modifiers(&mut self) -> Modifiers {
        match self.roll(8) {
            0 => Modifiers::COMMAND,
            1 => Modifiers::SHIFT,
            2 => Modifiers::ALT,
            _ => Modifiers::NONE,
        }
    }
}

const KEYS: &[(Modifiers, Key)] = &[
    (Modifiers::COMMAND, Key::Z),
    (Modifiers::COMMAND, Key::D),
    (Modifiers::COMMAND, Key::A),
    (Modifiers::NONE, Key::S),
    (Modifiers::NONE, Key::Delete),
    (Modifiers::NONE, Key::ArrowLeft),
    (Modifiers::NONE, Key::ArrowRight),
    (Modifiers::NONE, Key::ArrowDown),
    (Modifiers::NONE, Key::Home),
    (Modifiers::NONE, Key::End),
    (Modifiers::NONE, Key::L),
    (Modifiers::NONE, Key::Escape),
    (Modifiers::NONE, Key::Tab),
    (Modifiers::NONE, Key::Enter),
    (Modifiers::NONE, Key::Plus),
    (Modifiers::NONE, Key::Minus),
];

fn event(dice: &mut Dice, last: &mut Pos2) -> Vec<Event> {
    let modifiers = dice.modifiers();
    match dice.roll(10) {
        0..=3 => {
            *last = dice.place();
            vec![Event::PointerMoved(*last)]
        }
        4..=6 => {
            let pressed = dice.roll(2) == 0;
            vec![Event::PointerButton { pos: *last, button: PointerButton::Primary, pressed, modifiers }]
        }
        7 => {
            let delta = vec2(0.0, dice.roll(240) as f32 - 120.0);
            let (unit, phase) = (MouseWheelUnit::Point, egui::TouchPhase::Move);
            vec![Event::MouseWheel { unit, delta, phase, modifiers, source: egui::MouseWheelSource::Wheel }]
        }
        8 => vec![Event::PointerGone],
        _ => {
            let which = usize::try_from(dice.roll(KEYS.len() as u64)).unwrap();
            let (modifiers, key) = KEYS[which];
            let press = |pressed| Event::Key { key, physical_key: None, pressed, repeat: false, modifiers };
            vec![press(true), press(false)]
        }
    }
}

#[test]
fn a_storm_of_events_harms_nothing_and_undo_leads_back() {
    for seed in [0x9e37_79b9_7f4a_7c15, 0x2545_f491_4f6c_dd1d] {
        let mut bench = Bench::new();
        let start = bench.project().to_text();
        let steps = bench.steps();
        let (mut dice, mut last) = (Dice(seed), Pos2::new(600.0, 300.0));
        for _ in 0..EVENTS {
            for event in event(&mut dice, &mut last) {
                bench.harness.event(event);
            }
            bench.harness.step();
        }
        let project = bench.project();
        let again = omega_studio::session::Project::from_text(&project.to_text());
        assert!(again.is_ok_and(|again| again == *project), "seed {seed:#x}: the document is not whole");
        while bench.steps() > steps {
            assert!(bench.window().desk_mut().undo().unwrap().is_some(), "seed {seed:#x}");
        }
        assert_eq!(bench.project().to_text(), start, "seed {seed:#x}");
    }
}
