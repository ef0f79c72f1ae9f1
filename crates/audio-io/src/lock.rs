//! Two clocks followed and brought together: when hardware calls, how fast it really is, and how much faster or slower its
//! sound has to be read so that nothing piles up or runs out.
//!
//! Method: a delay-locked loop smooths the times at which hardware calls (F. Adriaensen, 'Using a DLL to filter time', LAC
//! 2005), one on each side, so that the delay between the two is known at any moment and not only block by block; a second
//! loop steers the ratio of resampling by that delay (the same, 'Controlling adaptive resampling', LAC 2012). What fills a FIFO
//! cannot be steered by directly: seen block by block it beats with the difference of the clocks, down to any frequency.
//!
//! Both loops begin wide, to find the rates within a second, and get narrower with their age, down to [`NARROW`]: what they know
//! grows with the time that they have listened, and jitter is heard the less the narrower they are.

use std::f64::consts::{SQRT_2, TAU};

/// Bandwidth of the loops at first, in hertz.
const WIDE: f64 = 0.5;
/// Bandwidth in the end: quartz drifts more slowly than this.
const NARROW: f64 = 0.02;
/// The bandwidth times the age, between the two.
const PRODUCT: f64 = 1.0;
/// A rate is within this of what it is called. (Quartz: below 0.0003; clocks of virtual machines are worse.)
const FARTHEST: f64 = 0.02;
/// Hardware that has not called for so many seconds begins anew.
const GAP: f64 = 1.0;
/// A call that is this much of its block's length too early or too late, and more than [`STRAY`] seconds, counts as no more: a
/// thread that was held up says nothing about the clock.
const OUTLIER: f64 = 2.0;
const STRAY: f64 = 0.005;
/// After so many calls that are all too late, or all too early, it is the clock that went on elsewhere: frames were lost.
const STRAYS: i32 = 8;
/// What is left of the age then.
const YOUNG: f64 = 2.0;

fn bandwidth(age: f64) -> f64 {
    (PRODUCT / age.max(1e-3)).clamp(NARROW, WIDE)
}

/// The clock of one side: seconds for frames. Real-time safe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// When the frame after all that were counted is due, in seconds.
    time: f64,
    /// Seconds from frame to frame.
    spacing: f64,
    nominal: f64,
    age: f64,
    begun: bool,
    /// Calls in a row that were too late; negative: too early.
    strays: i32,
}

impl Clock {
    /// A clock that nothing is known of but what it is called: frames per second.
    pub(crate) fn new(rate: f64) -> Self {
        let spacing = 1.0 / rate.max(1.0);
        Self { time: 0.0, spacing, nominal: spacing, age: 0.0, begun: false, strays: 0 }
    }

    /// Hardware called at `now`, `frames` frames after its last call.
    pub(crate) fn called(&mut self, now: f64, frames: f64) {
        if !now.is_finite() {
            return;
        }
        let due = self.time + frames * self.spacing;
        if !self.begun || (now - due).abs() > GAP {
            *self = Self { time: now, begun: true, ..Self::new(1.0 / self.nominal) };
            return;
        }
        if frames <= 0.0 {
            return;
        }
        let length = frames * self.spacing;
        let far = (OUTLIER * length).max(STRAY);
        let error = (now - due).max(-far).min(far);
        self.strays = match error {
            late if late >= far => self.strays.max(0) + 1,
            early if early <= -far => self.strays.min(0) - 1,
            _ => 0,
        };
        if self.strays.abs() >= STRAYS {
            *self = Self { time: now, strays: 0, age: self.age.min(YOUNG), ..*self };
            return;
        }
        let omega = (TAU * bandwidth(self.age) * length).min(0.5);
        self.time = due + SQRT_2 * omega * error;
        self.spacing += omega * omega * error / frames;
        self.spacing = self.spacing.max(self.nominal * (1.0 - FARTHEST)).min(self.nominal * (1.0 + FARTHEST));
        self.age += length;
    }

    /// When the last call should have come.
    pub(crate) fn time(&self) -> f64 {
        self.time
    }

    /// Frames that pass in `seconds`.
    pub(crate) fn frames_in(&self, seconds: f64) -> f64 {
        seconds / self.spacing
    }

    /// Whether the last call came about when it should.
    pub(crate) fn is_steady(&self) -> bool {
        self.strays == 0
    }

    /// For how many seconds it has been listened to.
    pub(crate) fn age(&self) -> f64 {
        self.age
    }
}

/// Steers the ratio: a proportional and an integrating part, critically damped, behind two low-passes that keep jitter from
/// becoming noise. Real-time safe.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Steering {
    rate: f64,
    /// The error after one low-pass and after two.
    smooth: [f64; 2],
    offset: f64,
    age: f64,
}

impl Steering {
    /// For a delay that is counted in frames of `rate`.
    pub(crate) fn new(rate: f64) -> Self {
        Self { rate: rate.max(1.0), smooth: [0.0; 2], offset: 0.0, age: 0.0 }
    }

    /// Looks for the delay anew and keeps what is known of the rates.
    pub(crate) fn begin_anew(&mut self) {
        *self = Self { offset: self.offset, ..Self::new(self.rate) };
    }

    /// How much faster than by the nominal ratio to read for the next `seconds`, when the delay is `error` frames too long: a
    /// factor near 1.
    pub(crate) fn factor(&mut self, error: f64, seconds: f64) -> f64 {
        let bandwidth = bandwidth(self.age);
        let omega = TAU * bandwidth;
        let pole = (TAU * 5.0 * bandwidth * seconds).min(1.0);
        let [first, second] = &mut self.smooth;
        *first += pole * (error - *first);
        *second += pole * (*first - *second);
        let error = *second;
        self.offset += omega * omega * seconds * error / self.rate;
        self.offset = self.offset.clamp(-FARTHEST, FARTHEST);
        self.age += seconds;
        let proportional = (2.0 * omega * error / self.rate).clamp(-FARTHEST, FARTHEST);
        1.0 + self.offset + proportional
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// −1 to 1, the same every time.
    fn random(seed: &mut u64) -> f64 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*seed >> 33) as f64 / f64::from(1u32 << 30) - 1.0
    }

    #[test]
    fn a_clock_is_known_through_jitter_stalls_and_changing_blocks() {
        let mut seed = 5;
        for ppm in [-300.0, 0.0, 300.0] {
            let rate = 48_000.0 * (1.0 + ppm * 1e-6);
            let mut clock = Clock::new(48_000.0);
            let mut frames = 0.0;
            for call in 0..40_000 {
                let block = if call % 3 == 0 { 264.0 } else { 512.0 };
                frames += block;
                let stall = if call % 1000 == 999 { 0.02 } else { 0.0 };
                clock.called(frames / rate + random(&mut seed) * 1e-3 + stall, block);
            }
            let error = (clock.time() - frames / rate) * 48_000.0;
            assert!(error.abs() < 8.0, "{ppm} ppm: {error} frames off after {:.0} s", clock.age());
            let found = (clock.frames_in(1.0) / 48_000.0 - 1.0) * 1e6;
            assert!((found - ppm).abs() < 10.0, "{ppm} ppm: found {found}");
        }
    }

    #[test]
    fn hardware_that_was_away_begins_anew() {
        let mut clock = Clock::new(48_000.0);
        for call in 0..100 {
            clock.called(f64::from(call) * 0.01, 480.0);
        }
        assert!(clock.age() > 0.9);
        clock.called(1000.0, 480.0);
        assert!(clock.age() == 0.0 && clock.time() == 1000.0);
        clock.called(f64::NAN, 480.0);
        clock.called(1000.02, 480.0);
        clock.called(1000.03, 480.0);
        assert!((clock.frames_in(0.01) - 480.0).abs() < 1.0, "NaN is no time");
    }

    #[test]
    fn lost_frames_move_the_clock_and_one_late_call_does_not() {
        let mut clock = Clock::new(48_000.0);
        let at = |call: i32| f64::from(call) * 0.01;
        for call in 0..1000 {
            clock.called(at(call), 480.0);
        }
        clock.called(at(1000) + 0.1, 480.0);
        clock.called(at(1001), 480.0);
        assert!((clock.time() - at(1001)).abs() < 1e-3, "a thread was held up");
        for call in 1002..1020 {
            clock.called(at(call) + 0.1, 480.0);
        }
        assert!((clock.time() - at(1019) - 0.1).abs() < 1e-3, "a tenth of a second was lost");
        assert!((clock.frames_in(1.0) - 48_000.0).abs() < 50.0);
    }
}
