//! Where sound stops and begins again without a step: data that did not come in time.

/// Frames of a fade: a millisecond and a third at 48 kHz.
const FADE: u16 = 64;

/// Fades several channels: down from the last sample that sounded, and up from silence. Real-time safe but for its making.
#[derive(Debug)]
pub(crate) struct Seam {
    last: Vec<f32>,
    /// Frames that the fade to silence still has; 0 is silence.
    falling: u16,
    /// Frames that the fade from silence still has.
    rising: u16,
    sounding: bool,
}

impl Seam {
    /// Silent.
    pub(crate) fn new(channels: usize) -> Self {
        Self { last: vec![0.0; channels], falling: 0, rising: 0, sounding: false }
    }

    /// Finishes a block of which the first `sounding` frames are there; the rest is written here.
    pub(crate) fn finish<'a>(&mut self, channels: impl Iterator<Item = &'a mut [f32]>, sounding: usize) {
        if sounding > 0 && !self.sounding {
            self.rising = FADE;
        }
        let (mut rising, mut falling) = (self.rising, self.falling);
        for (channel, last) in channels.zip(&mut self.last) {
            (rising, falling) = (self.rising, self.falling);
            let (sound, rest) = channel.split_at_mut_checked(sounding).unwrap_or_default();
            for sample in sound.iter_mut() {
                if rising == 0 {
                    break;
                }
                *sample *= 1.0 - f32::from(rising) / f32::from(FADE);
                rising -= 1;
            }
            if let Some(sample) = sound.last() {
                *last = *sample;
                falling = FADE;
            }
            for sample in rest {
                falling = falling.saturating_sub(1);
                *sample = *last * (f32::from(falling) / f32::from(FADE));
                rising = 0;
            }
        }
        self.sounding = falling == FADE || (self.sounding && sounding > 0);
        (self.rising, self.falling) = (rising, falling);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_steps_wherever_sound_ends_and_begins() {
        for ends in [1, 63, 64, 100, 333] {
            let mut seam = Seam::new(1);
            let mut heard = Vec::new();
            for (block, sounding) in [128, 128, ends.min(128), 0, 0, 5, 128, 128].into_iter().enumerate() {
                let mut channel = vec![if block == 5 { 0.9 } else { 1.0 }; 128];
                seam.finish(std::iter::once(&mut channel[..]), sounding);
                heard.extend(channel);
            }
            let steps = heard.windows(2).map(|pair| (pair[1] - pair[0]).abs());
            assert!(steps.fold(0.0, f32::max) < 0.1, "ends after {ends}");
            assert_eq!(heard[0], 0.0);
            assert_eq!(heard[127], 1.0);
            assert!(heard[4 * 128..5 * 128].iter().all(|sample| *sample == 0.0), "silence after the fade");
            assert_eq!(heard.last(), Some(&1.0));
        }
    }
}
