//! Loudness and peaks of audio as it streams by (EBU R 128, ITU-R BS.1770-4, EBU Tech 3341 and 3342; measured by ebur128).
//!
//! Channels 1 to 6 are left, right, centre, LFE, left and right surround, as ITU-R BS.1770 weighs them (4 and 5 channels
//! are quadro and 5.0); further ones count for the peaks only.

use ebur128::{EbuR128, Mode};
use omega_dsp::math;

use crate::read::{AudioFile, ReadError};

/// Loudness below which nothing is reported: the absolute gate, in LUFS.
const GATE: f64 = -70.0;
/// Windows are evaluated this often a second, as EBU Tech 3341 asks.
const EVALUATIONS: u32 = 10;

/// What was measured. `None` is silence: nothing above the gate at −70 LUFS, or no sample but 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loudness {
    /// Integrated loudness in LUFS.
    pub integrated: Option<f64>,
    /// Loudness range in LU; 0 for less than three seconds.
    pub range: f64,
    /// The loudest 400 ms, in LUFS.
    pub momentary_max: Option<f64>,
    /// The loudest 3 s, in LUFS.
    pub short_term_max: Option<f64>,
    /// True peak of all channels in dBTP (four-fold oversampled below 96 kHz, two-fold below 192 kHz).
    pub true_peak: Option<f64>,
    /// Largest sample of all channels in dBFS.
    pub sample_peak: Option<f64>,
    /// Infinities and NaNs, which were measured as silence.
    pub non_finite: u64,
    /// Frames measured.
    pub frames: u64,
}

/// Why loudness cannot be measured.
#[derive(Debug, thiserror::Error)]
pub enum LoudnessError {
    /// Beyond the method.
    #[error(
        "loudness cannot be measured of {channels} channels at {rate} Hz; 1 to 64 channels from 16 Hz to 2.8 MHz can"
    )]
    Format {
        /// Channels asked for.
        channels: usize,
        /// Rate asked for.
        rate: u32,
    },
    /// The file cannot be read to its end.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Measures audio that is given block by block; the blocks make no difference.
pub struct LoudnessMeter {
    meter: EbuR128,
    /// Frames between two evaluations of the windows.
    hop: usize,
    /// Frames since the last one, a vector per channel.
    pending: Vec<Vec<f32>>,
    result: Loudness,
}

impl LoudnessMeter {
    /// A meter for `channels` at `rate`.
    ///
    /// # Errors
    /// [`LoudnessError::Format`].
    pub fn new(channels: usize, rate: u32) -> Result<Self, LoudnessError> {
        let count = u32::try_from(channels).unwrap_or(u32::MAX);
        let mode = Mode::I | Mode::LRA | Mode::TRUE_PEAK;
        let meter = EbuR128::new(count, rate, mode).map_err(|_| LoudnessError::Format { channels, rate })?;
        let hop = usize::try_from(rate / EVALUATIONS).unwrap_or(1).max(1);
        Ok(Self { meter, hop, pending: vec![Vec::with_capacity(hop); channels], result: Loudness::default() })
    }

    /// Measures the next frames: one slice (or vector) per channel, of equal length; what some lack is silence.
    pub fn add<C: AsRef<[f32]>>(&mut self, channels: &[C]) {
        let frames = channels.iter().map(|samples| samples.as_ref().len()).max().unwrap_or(0);
        let mut done = 0;
        while done < frames {
            let filled = self.pending.first().map_or(0, Vec::len);
            let count = (self.hop - filled).min(frames - done);
            for (index, pending) in self.pending.iter_mut().enumerate() {
                let samples = channels.get(index).map_or(&[][..], AsRef::as_ref);
                let samples = samples.get(done..samples.len().min(done + count)).unwrap_or(&[]);
                for &sample in samples {
                    self.result.non_finite += u64::from(!sample.is_finite());
                    pending.push(if sample.is_finite() { sample } else { 0.0 });
                }
                pending.resize(filled + count, 0.0);
            }
            done += count;
            if filled + count == self.hop {
                self.evaluate();
            }
        }
        self.result.frames += frames as u64;
    }

    /// Gives the pending frames to the meter and looks at its windows.
    fn evaluate(&mut self) {
        let planar: Vec<&[f32]> = self.pending.iter().map(Vec::as_slice).collect();
        // It fails for another number of channels only.
        let _ = self.meter.add_frames_planar_f32(&planar);
        self.pending.iter_mut().for_each(Vec::clear);
        let louder = |max: Option<f64>, now: Result<f64, ebur128::Error>| {
            let now = now.ok().filter(|&now| now >= GATE);
            now.map_or(max, |now| Some(max.map_or(now, |max| max.max(now))))
        };
        self.result.momentary_max = louder(self.result.momentary_max, self.meter.loudness_momentary());
        self.result.short_term_max = louder(self.result.short_term_max, self.meter.loudness_shortterm());
    }

    /// Everything that was measured.
    #[must_use]
    pub fn finish(mut self) -> Loudness {
        if self.pending.first().is_some_and(|pending| !pending.is_empty()) {
            self.evaluate();
        }
        let largest = |of: &dyn Fn(u32) -> Result<f64, ebur128::Error>| {
            let peak = (0..self.meter.channels()).filter_map(|channel| of(channel).ok()).fold(0.0, f64::max);
            (peak > 0.0).then(|| 20.0 * math::log10(peak))
        };
        Loudness {
            integrated: self.meter.loudness_global().ok().filter(|&loudness| loudness >= GATE),
            range: self.meter.loudness_range().unwrap_or(0.0),
            true_peak: largest(&|channel| self.meter.true_peak(channel)),
            sample_peak: largest(&|channel| self.meter.sample_peak(channel)),
            ..self.result
        }
    }
}

/// Measures what is left of an open file.
///
/// # Errors
/// [`LoudnessError`].
pub fn measure(file: &mut AudioFile) -> Result<Loudness, LoudnessError> {
    let (channels, rate) = (file.info().channels, file.info().rate);
    let mut meter = LoudnessMeter::new(channels, rate)?;
    let mut block = vec![vec![0.0; 4_096]; channels];
    loop {
        let frames = file.read_block(&mut block)?;
        if frames == 0 {
            return Ok(meter.finish());
        }
        let cut: Vec<&[f32]> = block.iter().map(|samples| samples.get(..frames).unwrap_or(&[])).collect();
        meter.add(&cut);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omega_signals as signals;

    const RATE: u32 = 48_000;

    /// A stereo 1 kHz sine in steps of (dBFS, seconds), measured.
    fn steps(levels: &[(f64, usize)]) -> Loudness {
        let mut meter = LoudnessMeter::new(2, RATE).expect("stereo");
        for &(level, seconds) in levels {
            let sine = signals::sine(1_000.0, f64::from(RATE), seconds * 48_000);
            let sine = signals::scaled(&sine, math::to_f32(signals::from_db(level)));
            meter.add(&[&sine, &sine]);
        }
        meter.finish()
    }

    fn close(got: Option<f64>, want: f64, tolerance: f64) -> bool {
        got.is_some_and(|got| (got - want).abs() <= tolerance)
    }

    #[test]
    fn integrated_loudness_of_the_test_signals_of_ebu_tech_3341() {
        assert!(close(steps(&[(-23.0, 20)]).integrated, -23.0, 0.1));
        assert!(close(steps(&[(-33.0, 20)]).integrated, -33.0, 0.1));
        // The relative gate takes away what is 10 LU softer; the absolute gate what is below −70.
        let gated = steps(&[(-36.0, 10), (-23.0, 60), (-36.0, 10)]).integrated;
        assert!(close(gated, -23.0, 0.1), "{gated:?}");
        let gated = steps(&[(-72.0, 10), (-36.0, 10), (-23.0, 60), (-36.0, 10), (-72.0, 10)]).integrated;
        assert!(close(gated, -23.0, 0.1), "{gated:?}");
        let gated = steps(&[(-26.0, 20), (-20.0, 20), (-26.0, 20)]).integrated;
        assert!(close(gated, -23.0, 0.1), "{gated:?}");
    }

    #[test]
    fn windows_and_range_of_the_test_signals_of_ebu_tech_3341_and_3342() {
        let steady = steps(&[(-23.0, 20)]);
        assert!(
            close(steady.momentary_max, -23.0, 0.1) && close(steady.short_term_max, -23.0, 0.1),
            "{steady:?}"
        );
        let louder_once = steps(&[(-40.0, 5), (-23.0, 1), (-40.0, 5)]);
        assert!(close(louder_once.momentary_max, -23.0, 0.1), "{louder_once:?}");
        assert!(louder_once.short_term_max.expect("loud enough") < -26.0, "{louder_once:?}");
        for (levels, want) in [([-20.0, -30.0], 10.0), ([-20.0, -15.0], 5.0), ([-40.0, -20.0], 20.0)] {
            let range = steps(&[(levels[0], 20), (levels[1], 20)]).range;
            assert!((range - want).abs() <= 1.0, "{levels:?}: {range}");
        }
    }

    #[test]
    fn true_peak_lies_between_the_samples() {
        // A quarter of the rate at 45 degrees: the samples reach 0.707 of the sine.
        let sine: Vec<f32> = signals::sine(12_000.0, 48_000.0, 48_001).into_iter().collect();
        let eighth: Vec<f32> =
            signals::sine(6_000.0, 48_000.0, 96_003).into_iter().skip(1).step_by(2).collect();
        assert!(signals::peak(&eighth) < 0.708 && signals::peak(&sine) > 0.999);
        let mut meter = LoudnessMeter::new(1, RATE).expect("mono");
        meter.add(&[signals::scaled(&eighth, 0.5)]);
        let loudness = meter.finish();
        assert!(close(loudness.sample_peak, -9.03, 0.01), "{loudness:?}");
        let true_peak = loudness.true_peak.expect("not silence");
        assert!((-6.4..=-5.8).contains(&true_peak), "{loudness:?}: EBU Tech 3341 allows +0.2 and −0.4 dB");
    }

    #[test]
    fn silence_is_nothing_and_blocks_make_no_difference() {
        let silent = steps(&[(-200.0, 5)]);
        assert_eq!((silent.integrated, silent.momentary_max, silent.range), (None, None, 0.0));
        let nothing = LoudnessMeter::new(2, RATE).expect("stereo").finish();
        assert_eq!(nothing, Loudness::default());
        let noise = [signals::noise(1, 100_000), signals::noise(2, 100_000)];
        let measured = |block: usize| {
            let mut meter = LoudnessMeter::new(2, RATE).expect("stereo");
            for start in (0..100_000).step_by(block) {
                let end = (start + block).min(100_000);
                meter.add(&[&noise[0][start..end], &noise[1][start..end]]);
            }
            meter.finish()
        };
        let whole = measured(100_000);
        assert_eq!(whole.frames, 100_000);
        assert!(measured(64) == whole && measured(4_801) == whole);
    }

    #[test]
    fn infinities_and_nans_are_counted_and_measured_as_silence() {
        let mut meter = LoudnessMeter::new(1, RATE).expect("mono");
        meter.add(&[[f32::NAN, f32::INFINITY, 0.5, -0.25]]);
        let loudness = meter.finish();
        assert_eq!(loudness.non_finite, 2);
        assert!(close(loudness.sample_peak, -6.02, 0.01), "{loudness:?}");
        assert!(matches!(LoudnessMeter::new(0, 48_000), Err(LoudnessError::Format { .. })));
        assert!(matches!(LoudnessMeter::new(65, 48_000), Err(LoudnessError::Format { .. })));
        assert!(matches!(LoudnessMeter::new(2, 3), Err(LoudnessError::Format { .. })));
    }
}
