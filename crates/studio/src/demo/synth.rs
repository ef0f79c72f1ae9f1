//! Oscillators, noise, filters and envelopes that the sounds of the demo are made of.
//!
//! Plain arithmetic and [`omega_dsp::math`] only: the same samples on every machine.

use omega_dsp::math;

/// Frames per second of all sounds.
pub const RATE: f64 = 48_000.0;
const TURN: f64 = 2.0 * std::f64::consts::PI;

/// The frequency of a note in Hz; 69 is A at 440 Hz.
pub fn hertz(note: i32) -> f64 {
    440.0 * math::exp2(f64::from(note - 69) / 12.0)
}

/// White noise from a seed: SplitMix64 (Steele, Lea, Flood 2014) over a counter.
pub struct Noise(u64);

impl Noise {
    /// The noise of a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// −1 to 1.
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // 53 bits are exact in a double.
        ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }
}

/// A phase that runs from 0 to 1.
pub struct Phase(f64);

impl Phase {
    /// Starts at a phase.
    pub const fn new(start: f64) -> Self {
        Self(start)
    }

    fn step(&mut self, hertz: f64) -> (f64, f64) {
        let (now, by) = (self.0, hertz / RATE);
        self.0 = now + by;
        self.0 -= math::floor(self.0);
        (now, by)
    }

    /// A sine, −1 to 1.
    pub fn sine(&mut self, hertz: f64) -> f64 {
        math::sin(TURN * self.step(hertz).0)
    }

    /// A saw-tooth with rounded corners (PolyBLEP: Välimäki, Huovilainen 2007), −1 to 1.
    pub fn saw(&mut self, hertz: f64) -> f64 {
        let (phase, by) = self.step(hertz);
        2.0 * phase - 1.0 - corner(phase, by)
    }

    /// A square wave with rounded corners, −1 to 1.
    pub fn square(&mut self, hertz: f64) -> f64 {
        let (phase, by) = self.step(hertz);
        let half = if phase < 0.5 { phase + 0.5 } else { phase - 0.5 };
        let plain = if phase < 0.5 { 1.0 } else { -1.0 };
        plain + corner(phase, by) - corner(half, by)
    }
}

fn corner(phase: f64, by: f64) -> f64 {
    if phase < by {
        let x = phase / by;
        x + x - x * x - 1.0
    } else if phase > 1.0 - by {
        let x = (phase - 1.0) / by;
        x * x + x + x + 1.0
    } else {
        0.0
    }
}

/// A state-variable filter of second order, trapezoidal (Zavalishin, The Art of VA Filter Design, 2012).
#[derive(Default)]
pub struct Filter {
    first: f64,
    second: f64,
}

/// What a [`Filter`] lets through.
pub struct Bands {
    /// Below.
    pub low: f64,
    /// Around; 0 dB at its frequency.
    pub band: f64,
    /// Above.
    pub high: f64,
}

impl Filter {
    /// One frame. `hertz` below half the rate, `q` above 0.
    pub fn next(&mut self, input: f64, hertz: f64, q: f64) -> Bands {
        let g = math::tan(TURN / 2.0 * hertz / RATE);
        let k = 1.0 / q;
        let high = (input - (k + g) * self.first - self.second) / (1.0 + k * g + g * g);
        let band = g * high + self.first;
        let low = g * band + self.second;
        self.first = g * high + band;
        self.second = g * band + low;
        Bands { low, band: band * k, high }
    }
}

/// e^(−t/time): a decay from 1.
pub fn decay(seconds: f64, time: f64) -> f64 {
    math::exp(-seconds / time)
}

/// Rises from 0 to 1 in `attack` seconds, falls to 0 in the last `release` of `whole`.
pub fn swell(seconds: f64, attack: f64, release: f64, whole: f64) -> f64 {
    let up = (seconds / attack).min(1.0);
    let down = ((whole - seconds) / release).clamp(0.0, 1.0);
    up * up * (3.0 - 2.0 * up) * down * down * (3.0 - 2.0 * down)
}

/// A channel of `seconds`, a function of the time in seconds.
pub fn channel(seconds: f64, mut sound: impl FnMut(f64) -> f64) -> Vec<f32> {
    let mut samples = Vec::new();
    let mut frame = 0u32;
    while f64::from(frame) < seconds * RATE {
        samples.push(math::to_f32(sound(f64::from(frame) / RATE)));
        frame += 1;
    }
    samples
}

/// Scales all channels so that the largest sample is `peak`.
pub fn normalise(channels: &mut [Vec<f32>], peak: f32) {
    let most = channels.iter().flatten().fold(0.0f32, |most, sample| most.max(sample.abs()));
    if most > 0.0 {
        let gain = peak / most;
        channels.iter_mut().flatten().for_each(|sample| *sample *= gain);
    }
}
