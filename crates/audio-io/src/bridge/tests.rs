//! Two clocks that are not there: hours of them in seconds, with the errors that real ones have.

use omega_rt::RtScope;
use omega_signals as signals;

use super::*;

/// −1 to 1, the same every time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as f64 / f64::from(1u32 << 30) - 1.0
    }
}

/// Hardware at both ends.
#[derive(Clone)]
struct Hardware {
    rates: (u32, u32),
    /// By how much the input's quartz is faster than it says, and the output's, in millionths.
    ppm: (f64, f64),
    /// Block lengths, in turn.
    blocks: (Vec<usize>, Vec<usize>),
    /// Calls come so many seconds early or late at most.
    jitter: f64,
    /// What the input hears.
    freq: f64,
}

impl Hardware {
    fn usual(ppm: (f64, f64)) -> Self {
        Self { rates: (48_000, 48_000), ppm, blocks: (vec![256], vec![256]), jitter: 0.0, freq: 997.0 }
    }

    /// The rate at which frames really pass: at the input, at the output.
    fn true_rates(&self) -> (f64, f64) {
        let of = |rate: u32, ppm: f64| f64::from(rate) * (1.0 + ppm * 1e-6);
        (of(self.rates.0, self.ppm.0), of(self.rates.1, self.ppm.1))
    }
}

/// The two ends under way.
struct Run {
    hardware: Hardware,
    inlet: Inlet,
    outlet: Outlet,
    shared: Arc<Shared>,
    random: Random,
    block: Planar,
    input: Vec<f32>,
    /// Frames that passed, and calls, at each end.
    captured: u64,
    played: u64,
    calls: (usize, usize),
    /// When the ends call next.
    next: (f64, f64),
    heard: Vec<f32>,
    keep: bool,
    /// Smallest and largest number of frames in the FIFO seen at a call of the output, since it was last asked.
    fill: (usize, usize),
    /// Calls of the input that are left out.
    deaf: usize,
}

impl Run {
    fn new(hardware: Hardware) -> Self {
        let shared = Arc::new(Shared::new(hardware.rates.1, 256, None));
        let (inlet, outlet) = bridge(1, hardware.rates, 4096, &shared);
        let mut run = Self {
            hardware,
            inlet,
            outlet,
            shared,
            random: Random(9),
            block: Planar::new(1, 4096),
            input: vec![0.0; 4096],
            captured: 0,
            played: 0,
            calls: (0, 0),
            next: (0.0, 0.0),
            heard: Vec::new(),
            keep: false,
            fill: (usize::MAX, 0),
            deaf: 0,
        };
        run.next = (run.due_in(), 0.01);
        run
    }

    fn block_in(&self) -> usize {
        self.hardware.blocks.0[self.calls.0 % self.hardware.blocks.0.len()]
    }

    fn block_out(&self) -> usize {
        self.hardware.blocks.1[self.calls.1 % self.hardware.blocks.1.len()]
    }

    /// When the block that is being captured is whole.
    fn due_in(&mut self) -> f64 {
        let end = self.captured + self.block_in() as u64;
        end as f64 / self.hardware.true_rates().0 + self.random.next() * self.hardware.jitter
    }

    fn capture(&mut self) {
        let (now, frames) = (self.next.0, self.block_in());
        let rate = self.hardware.true_rates().0;
        for (n, sample) in self.input[..frames].iter_mut().enumerate() {
            let cycles = self.hardware.freq * (self.captured + n as u64) as f64 / rate;
            *sample = 0.5
                * omega_dsp::math::sin_f32(omega_dsp::math::to_f32(cycles.fract() * std::f64::consts::TAU));
        }
        self.captured += frames as u64;
        self.calls.0 += 1;
        if self.deaf > 0 {
            self.deaf -= 1;
        } else {
            let scope = RtScope::enter();
            self.inlet.write(now, &self.input[..frames]);
            assert!(scope.counts().is_clean(), "the inlet: {:?}", scope.counts());
        }
        self.next.0 = self.due_in().max(now);
    }

    fn play(&mut self) {
        let (now, frames) = (self.next.1, self.block_out());
        let there = self.outlet.there();
        self.fill = (self.fill.0.min(there), self.fill.1.max(there));
        let scope = RtScope::enter();
        self.outlet.read(now, frames, &mut self.block);
        assert!(scope.counts().is_clean(), "the outlet: {:?}", scope.counts());
        if self.keep {
            self.heard.extend_from_slice(self.block.read(frames).next().unwrap());
        }
        self.played += frames as u64;
        self.calls.1 += 1;
        let due = self.played as f64 / self.hardware.true_rates().1 + 0.01;
        self.next.1 = (due + self.random.next() * self.hardware.jitter).max(now);
    }

    /// Lets `seconds` pass; gives what was heard of it.
    fn pass(&mut self, seconds: f64) -> Vec<f32> {
        let until = self.next.0.min(self.next.1) + seconds;
        self.fill = (usize::MAX, 0);
        while self.next.0.min(self.next.1) < until {
            if self.next.0 <= self.next.1 { self.capture() } else { self.play() }
        }
        std::mem::take(&mut self.heard)
    }

    fn hear(&mut self, seconds: f64) -> Vec<f32> {
        self.keep = true;
        let heard = self.pass(seconds);
        self.keep = false;
        heard
    }

    fn breaks(&self) -> u64 {
        self.shared.input_breaks.load(Relaxed)
    }
}

/// What is not the sine in `heard`, relative to it in dB, and by how much its pitch is off in millionths: the worst of short windows, each with the sine that fits it best. That leaves out what is within a few hertz of the sine, as a meter's
/// notch does: the slow wander of the loops, which the second number bounds.
fn judge(heard: &[f32], hardware: &Hardware) -> (f64, f64) {
    let rate = hardware.true_rates().1;
    let mut worst = (f64::NEG_INFINITY, 0.0f64);
    // 85 milliseconds, in two halves.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a length")]
    let half = (rate * 0.0425) as usize;
    for window in heard.chunks_exact(2 * half) {
        let mut freq = hardware.freq;
        for _ in 0..3 {
            let (a, b) = window.split_at(half);
            let (a, b) = (signals::fit_sine(a, freq, rate), signals::fit_sine(b, freq, rate));
            let expected = a.phase + std::f64::consts::TAU * (freq * half as f64 / rate).fract();
            let off = (b.phase - expected + std::f64::consts::PI).rem_euclid(std::f64::consts::TAU)
                - std::f64::consts::PI;
            freq += off / std::f64::consts::TAU / (half as f64 / rate);
        }
        let fit = signals::fit_sine(window, freq, rate);
        let noise = signals::db(fit.residual_rms / (fit.amplitude / std::f64::consts::SQRT_2));
        worst = (worst.0.max(noise), worst.1.max(((freq / hardware.freq - 1.0) * 1e6).abs()));
        assert!((fit.amplitude - 0.5).abs() < 1e-3, "{}", fit.amplitude);
    }
    worst
}

#[test]
fn clocks_that_differ_are_joined_without_dropouts_noise_or_a_wrong_pitch() {
    for ppm in [(300.0, -300.0), (-300.0, 300.0), (0.0, 0.0), (20.0, -15.0)] {
        let mut run = Run::new(Hardware::usual(ppm));
        run.pass(40.0);
        let breaks = run.breaks();
        let (noise, pitch) = judge(&run.hear(5.0), &run.hardware);
        assert!(noise < -100.0, "{ppm:?} ppm: {noise:.1} dB of noise and distortion");
        assert!(pitch < 0.5, "{ppm:?} ppm: the pitch is {pitch:.3} ppm off");
        assert_eq!((breaks, run.breaks()), (0, 0), "{ppm:?} ppm");
        let least = run.outlet.resampler.half() + 256;
        assert!(run.fill.0 >= 256 && run.fill.1 < least + 3 * 256, "{ppm:?} ppm: {:?} frames", run.fill);
    }
}

#[test]
fn late_and_early_calls_and_changing_blocks_are_not_heard() {
    let mut hardware = Hardware::usual((250.0, -120.0));
    hardware.jitter = 0.001;
    let blocks = [
        (vec![256], vec![256]),
        (vec![264, 512, 264], vec![128]),
        (vec![64], vec![1024]),
        (vec![480], vec![441, 512, 300]),
    ];
    for blocks in blocks {
        hardware.blocks = blocks;
        let mut run = Run::new(hardware.clone());
        run.pass(60.0);
        let breaks = run.breaks();
        let (noise, pitch) = judge(&run.hear(5.0), &run.hardware);
        let what = &hardware.blocks;
        assert!(noise < -100.0, "{what:?}: {noise:.1} dB of noise and distortion");
        assert!(pitch < 20.0, "{what:?}: the pitch is {pitch:.3} ppm off");
        assert_eq!(run.breaks(), breaks, "{what:?}: no dropouts once it is locked");
        assert!(breaks <= 2, "{what:?}: {breaks} breaks to begin with");
    }
}

#[test]
fn rates_that_differ_by_name_and_by_quartz_are_joined_too() {
    for rates in [(44_100, 48_000), (48_000, 44_100), (96_000, 48_000), (48_000, 192_000)] {
        let mut run = Run::new(Hardware { rates, ..Hardware::usual((-180.0, 90.0)) });
        run.pass(40.0);
        let (noise, pitch) = judge(&run.hear(5.0), &run.hardware);
        assert!(noise < -100.0 && pitch < 0.5, "{rates:?}: {noise:.1} dB, {pitch:.3} ppm");
        assert_eq!(run.breaks(), 0, "{rates:?}");
    }
}

#[test]
fn for_hours_nothing_piles_up_and_nothing_runs_out() {
    for (ppm, hours) in [((300.0, -300.0), 2), ((-300.0, 300.0), 1)] {
        let hardware = Hardware {
            rates: (8_000, 8_000),
            blocks: (vec![64, 96], vec![80]),
            jitter: 0.002,
            freq: 220.0,
            ..Hardware::usual(ppm)
        };
        let mut run = Run::new(hardware);
        run.pass(60.0);
        let (breaks, mut fill) = (run.breaks(), (usize::MAX, 0));
        for _ in 0..hours * 12 {
            run.pass(300.0);
            fill = (fill.0.min(run.fill.0), fill.1.max(run.fill.1));
        }
        assert_eq!(run.breaks(), breaks, "{ppm:?} ppm: no dropout in {hours} h");
        assert!(fill.1 - fill.0 <= 96 + 80 + 64, "{ppm:?} ppm: {fill:?} frames in the FIFO");
        let (noise, pitch) = judge(&run.hear(10.0), &run.hardware);
        assert!(noise < -90.0 && pitch < 60.0, "{ppm:?} ppm, {hours} h later: {noise:.1} dB, {pitch:.3} ppm");
    }
}

#[test]
fn what_is_missing_or_too_much_is_counted_faded_and_over_soon() {
    let mut run = Run::new(Hardware::usual((100.0, 0.0)));
    run.pass(20.0);
    assert_eq!(run.breaks(), 0);
    // The input stands still for a while, then goes on where it was.
    run.deaf = 20;
    let gap = run.hear(1.0);
    assert_eq!(run.breaks(), 1, "an underrun");
    // The output stands still: the input finds no room, and what is old is not played late.
    run.next.1 += 2.0;
    run.played += 96_000;
    let jump = run.hear(2.5);
    assert!(run.shared.input_lost.load(Relaxed) > 0);
    assert!(run.breaks() >= 2);
    for (what, heard) in [("gap", gap), ("jump", jump)] {
        // A sine of 997 Hz at 0.5 steps by 0.065 from frame to frame; a cut would by up to 0.5.
        let step = signals::max_step(&heard);
        assert!(step < 0.09, "{what}: a step of {step}");
        let silent = heard.iter().filter(|sample| **sample == 0.0).count();
        assert!(silent > 1000, "{what}: {silent} silent frames");
        assert!(heard[heard.len() - 4800..].iter().all(|sample| sample.is_finite()));
        assert!(signals::rms(&heard[heard.len() - 4800..]) > 0.3, "{what}: it sounds again");
    }
    run.pass(30.0);
    let breaks = run.breaks();
    let (noise, pitch) = judge(&run.hear(5.0), &run.hardware);
    assert!(noise < -100.0 && pitch < 0.5 && run.breaks() == breaks, "{noise:.1} dB, {pitch:.3} ppm");
}

#[test]
fn the_delay_is_the_one_that_is_told() {
    for blocks in [(vec![256], vec![256]), (vec![64], vec![512])] {
        let mut run = Run::new(Hardware { freq: 20.0, blocks, ..Hardware::usual((50.0, -50.0)) });
        run.pass(30.0);
        let begun = (run.captured, run.played);
        let heard = run.hear(1.0);
        let rate = run.hardware.true_rates();
        let fit = signals::fit_sine(&heard, 20.0, rate.1);
        // The phase at the output's frame `begun.1`, against that of the input at the same moment.
        let moment = begun.1 as f64 / rate.1 + 0.01;
        let there = (20.0 * moment).fract() * std::f64::consts::TAU;
        let late =
            (there - fit.phase).rem_euclid(std::f64::consts::TAU) / std::f64::consts::TAU / 20.0 * 48_000.0;
        let told = run.shared.input_delay.load(Relaxed) as f64;
        assert!((late - told).abs() < 2.0, "{late:.2} frames late, {told} told");
    }
}
