//! Sources whose sample is a function of where the frame lies on the time line. What was in their channels is lost.

use omega_processor::{ProcessBlock, Processor, Status};

/// Puts `sample(frame of the block)` into every channel.
fn write(block: &mut ProcessBlock<'_>, mut sample: impl FnMut(i64) -> f32) -> Status {
    for channel in block.main.iter_mut() {
        channel.iter_mut().zip(0i64..).for_each(|(out, frame)| *out = sample(frame));
    }
    Status::Sound
}

/// One frame of 1.0 on all channels at time-line frame `at`, while rolling.
#[derive(Clone, Copy, Debug)]
pub struct Impulse {
    /// Time-line frame.
    pub at: i64,
}

impl Processor for Impulse {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let transport = block.transport;
        let at = self.at;
        write(block, |frame| if transport.rolling && transport.position + frame == at { 1.0 } else { 0.0 })
    }

    fn reset(&mut self) {}
}

/// The time-line frame as sample value while rolling, else zero: 2⁻²⁰ for each frame (exact below 2²⁴ frames).
#[derive(Clone, Copy, Debug, Default)]
pub struct Ramp;

impl Ramp {
    /// The sample at time-line frame `position`.
    #[must_use]
    pub fn sample(position: i64) -> f32 {
        position as f32 / 1_048_576.0
    }
}

impl Processor for Ramp {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let transport = block.transport;
        write(block, |frame| if transport.rolling { Self::sample(transport.position + frame) } else { 0.0 })
    }

    fn reset(&mut self) {}
}

/// The clock as sample value (exact below 2²⁴), rolling or not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock;

impl Processor for Clock {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let clock = block.transport.clock;
        write(block, |frame| (clock + frame) as f32)
    }

    fn reset(&mut self) {}
}

/// A constant, rolling or not.
#[derive(Clone, Copy, Debug)]
pub struct Constant {
    /// Sample value.
    pub value: f32,
}

impl Processor for Constant {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let value = self.value;
        write(block, |_| value)
    }

    fn reset(&mut self) {}
}

/// A sine of the time-line position while rolling, phase zero at frame zero.
#[derive(Clone, Copy, Debug)]
pub struct Sine {
    /// Cycles per frame: frequency over sample rate.
    pub cycles_per_frame: f64,
    /// Peak value.
    pub peak: f32,
}

impl Processor for Sine {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let (transport, own) = (block.transport, *self);
        write(block, |frame| {
            if !transport.rolling {
                return 0.0;
            }
            let turns = (transport.position + frame) as f64 * own.cycles_per_frame;
            #[allow(clippy::cast_possible_truncation, reason = "a sine fits into a sample")]
            let sine = libm::sin((turns - libm::floor(turns)) * core::f64::consts::TAU) as f32;
            own.peak * sine
        })
    }

    fn reset(&mut self) {}
}

/// White noise in −1..1 while rolling: a hash of seed, channel and time-line frame.
#[derive(Clone, Copy, Debug)]
pub struct Noise {
    /// Makes one noise differ from another.
    pub seed: u64,
}

impl Noise {
    /// The sample on `channel` at time-line frame `position`.
    #[must_use]
    pub fn sample(self, channel: u64, position: i64) -> f32 {
        // SplitMix64's finaliser (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
        let key = self.seed ^ channel.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut x = key.wrapping_add(position.cast_unsigned().wrapping_mul(0xd1b5_4a32_d192_ed03));
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
        (x >> 40) as f32 / 8_388_608.0 - 1.0
    }
}

impl Processor for Noise {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let transport = block.transport;
        if !transport.rolling {
            block.main.clear();
            return Status::Sound;
        }
        for (channel, out) in (0u64..).zip(block.main.iter_mut()) {
            let positions = transport.position..;
            out.iter_mut().zip(positions).for_each(|(out, at)| *out = self.sample(channel, at));
        }
        Status::Sound
    }

    fn reset(&mut self) {}
}
