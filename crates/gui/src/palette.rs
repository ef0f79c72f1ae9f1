//! Every colour of the window. Nothing else names one.

use egui::Color32;

/// Which set of colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Theme {
    /// Light on dark.
    #[default]
    Dark,
    /// Dark on light.
    Light,
}

/// The colours of a theme, named after what they are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Behind the time line.
    pub canvas: Color32,
    /// Every other stretch of it, so that the eye finds its place.
    pub canvas_alt: Color32,
    /// Panels: bars, headers, strips.
    pub panel: Color32,
    /// What lies on a panel: fields, buttons.
    pub raised: Color32,
    /// The same under the pointer.
    pub hovered: Color32,
    /// What is sunk into a panel: displays, meters.
    pub sunk: Color32,
    /// Between panels.
    pub edge: Color32,
    /// Bars on the time line.
    pub grid_bar: Color32,
    /// Beats on it.
    pub grid_beat: Color32,
    /// What is read.
    pub text: Color32,
    /// What is read second.
    pub dim: Color32,
    /// Selection, focus, what is in use.
    pub accent: Color32,
    /// Text on that.
    pub on_accent: Color32,
    /// The playhead.
    pub playhead: Color32,
    /// Playing, and levels that are fine.
    pub green: Color32,
    /// Solo, and levels that are high.
    pub yellow: Color32,
    /// Mute.
    pub orange: Color32,
    /// Recording, clipping, what went wrong.
    pub red: Color32,
    /// Text on a switch that is on.
    pub on_switch: Color32,
    /// How much of the canvas a clip's body takes of its track's colour, 0 to 255.
    pub clip_body: u8,
    /// Text on a clip.
    pub on_clip: Color32,
}

const fn rgb(hex: u32) -> Color32 {
    let [_, r, g, b] = hex.to_be_bytes();
    Color32::from_rgb(r, g, b)
}

/// Colours for tracks that have none of their own, in turn: alike in lightness, far apart in hue.
const TRACKS: [Color32; 10] = [
    rgb(0x00d0_6a5c),
    rgb(0x00d3_8f4a),
    rgb(0x00c4_a93c),
    rgb(0x0092_b450),
    rgb(0x0055_b072),
    rgb(0x0043_aea8),
    rgb(0x004e_9fce),
    rgb(0x0074_8bdc),
    rgb(0x009d_7bd4),
    rgb(0x00c8_70b2),
];

impl Palette {
    /// The colours of a theme.
    #[must_use]
    pub const fn of(theme: Theme) -> Self {
        match theme {
            Theme::Dark => Self::dark(),
            Theme::Light => Self::light(),
        }
    }

    const fn dark() -> Self {
        Self {
            canvas: rgb(0x0017_191d),
            canvas_alt: rgb(0x001a_1d21),
            panel: rgb(0x0022_252b),
            raised: rgb(0x002f_333b),
            hovered: rgb(0x003b_404a),
            sunk: rgb(0x0013_1518),
            edge: rgb(0x000d_0e10),
            grid_bar: rgb(0x0032_363d),
            grid_beat: rgb(0x0023_262b),
            text: rgb(0x00e6_e8ec),
            dim: rgb(0x00a2_a9b5),
            accent: rgb(0x0058_b7dd),
            on_accent: rgb(0x000c_1a20),
            playhead: rgb(0x00f2_f4f7),
            green: rgb(0x004c_c38a),
            yellow: rgb(0x00ec_c94b),
            orange: rgb(0x00f0_9a4a),
            red: rgb(0x00f0_6a62),
            on_switch: rgb(0x0014_161a),
            clip_body: 96,
            on_clip: rgb(0x00f4_f5f7),
        }
    }

    const fn light() -> Self {
        Self {
            canvas: rgb(0x00ea_ecef),
            canvas_alt: rgb(0x00f1_f2f5),
            panel: rgb(0x00fa_fafb),
            raised: rgb(0x00e8_eaed),
            hovered: rgb(0x00d9_dce1),
            sunk: rgb(0x00df_e2e6),
            edge: rgb(0x00c3_c8d0),
            grid_bar: rgb(0x00ca_ced5),
            grid_beat: rgb(0x00dc_dfe4),
            text: rgb(0x001b_1e24),
            dim: rgb(0x0054_5b67),
            accent: rgb(0x0012_6f96),
            on_accent: rgb(0x00ff_ffff),
            playhead: rgb(0x0016_181c),
            green: rgb(0x001f_9d62),
            yellow: rgb(0x00d9_a800),
            orange: rgb(0x00e0_8020),
            red: rgb(0x00e5_5a52),
            on_switch: rgb(0x0014_161a),
            clip_body: 110,
            on_clip: rgb(0x0014_161a),
        }
    }

    /// The colour of the `n`-th track that has none of its own.
    #[must_use]
    pub fn track(n: usize) -> Color32 {
        TRACKS[n % TRACKS.len()]
    }

    /// The body of a clip of this colour, on the canvas.
    #[must_use]
    pub fn clip(&self, colour: Color32) -> Color32 {
        mix(self.canvas, colour, f32::from(self.clip_body) / 255.0)
    }

    /// The strip at its top that has its name.
    #[must_use]
    pub fn title(&self, colour: Color32) -> Color32 {
        mix(self.clip(colour), colour, 0.3)
    }

    /// The waveform on such a body.
    #[must_use]
    pub fn wave(&self, colour: Color32) -> Color32 {
        if self.is_dark() { mix(colour, Color32::WHITE, 0.5) } else { mix(colour, Color32::BLACK, 0.6) }
    }

    /// Whether text is lighter than what it stands on.
    #[must_use]
    pub fn is_dark(&self) -> bool {
        luminance(self.canvas) < luminance(self.text)
    }
}

/// `share` of `b` over `a`, both opaque.
#[must_use]
pub fn mix(a: Color32, b: Color32, share: f32) -> Color32 {
    a.lerp_to_gamma(b, share.clamp(0.0, 1.0))
}

/// The same colour, through which `1 − share` of what is behind it shows.
#[must_use]
pub fn veil(colour: Color32, share: f32) -> Color32 {
    colour.gamma_multiply(share.clamp(0.0, 1.0))
}

/// Relative luminance of an opaque colour, 0 to 1 (WCAG 2.2).
fn luminance(colour: Color32) -> f32 {
    let linear = |c: u8| {
        let c = f32::from(c) / 255.0;
        #[allow(clippy::disallowed_methods, reason = "a colour on a screen, no sound")]
        let curved = ((c + 0.055) / 1.055).powf(2.4);
        if c <= 0.040_45 { c / 12.92 } else { curved }
    };
    0.2126 * linear(colour.r()) + 0.7152 * linear(colour.g()) + 0.0722 * linear(colour.b())
}

/// How far two opaque colours stand apart, 1 to 21 (WCAG 2.2). Text needs 4.5; large text and signs need 3.
#[must_use]
pub fn contrast(a: Color32, b: Color32) -> f32 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_that_of_the_standard() {
        assert!((contrast(Color32::WHITE, Color32::BLACK) - 21.0).abs() < 1e-3);
        assert!((contrast(rgb(0x0077_7777), Color32::WHITE) - 4.48).abs() < 0.01);
    }

    #[test]
    fn whatever_is_read_stands_out_by_4_5_and_every_sign_by_3() {
        let mut faint = Vec::new();
        for theme in [Theme::Dark, Theme::Light] {
            let p = Palette::of(theme);
            let mut check = |what: &str, fore: Color32, back: Color32, least: f32| {
                let got = contrast(fore, back);
                if got < least {
                    faint.push(format!("{theme:?}: {what}: {got:.2}, needs {least}"));
                }
            };
            for (name, back) in [
                ("canvas", p.canvas),
                ("canvas_alt", p.canvas_alt),
                ("panel", p.panel),
                ("raised", p.raised),
                ("sunk", p.sunk),
            ] {
                check(&format!("text on {name}"), p.text, back, 4.5);
                check(&format!("dim on {name}"), p.dim, back, 4.5);
            }
            check("text on hovered", p.text, p.hovered, 4.5);
            check("on accent", p.on_accent, p.accent, 4.5);
            check("accent on panel", p.accent, p.panel, 3.0);
            check("playhead on canvas", p.playhead, p.canvas, 4.5);
            for (name, on) in [("green", p.green), ("yellow", p.yellow), ("orange", p.orange), ("red", p.red)]
            {
                check(&format!("text on {name}"), p.on_switch, on, 4.5);
            }
            for (n, colour) in TRACKS.into_iter().enumerate() {
                check(&format!("text on clip {n}"), p.on_clip, p.clip(colour), 4.5);
                check(&format!("text on title {n}"), p.on_clip, p.title(colour), 4.5);
                check(&format!("wave on clip {n}"), p.wave(colour), p.clip(colour), 3.0);
            }
        }
        assert!(faint.is_empty(), "{}", faint.join("\n"));
    }
}
