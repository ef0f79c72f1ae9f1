//! The frame delay.

use omega_devices::frame_delay::MAX_DELAY;
use omega_processor::Status;
use omega_testkit::drive::{Job, Track, drive, even_cuts};
use omega_testkit::random::Random;

use crate::{job, run};

const KEY: &str = "omega.frame_delay";
/// Frames of a change: 10 ms.
const FADE: usize = 480;

fn noise(frames: usize) -> Vec<f32> {
    let mut random = Random::new(2);
    (0..frames).map(|_| random.value(-1.0, 1.0)).collect()
}

fn delayed(input: &[f32], frame: usize, delay: usize) -> f32 {
    frame.checked_sub(delay).map_or(0.0, |from| input[from])
}

#[test]
fn a_constant_delay_is_exact_from_the_first_frame() {
    let frames = 70_000;
    let input = noise(frames);
    for delay in [0u16, 1, 255, 256, 257, 40_000, u16::MAX] {
        let changes = [("delay", Track::Constant(f32::from(delay)))];
        let output = run(KEY, 1, &job(KEY, vec![input.clone()], &changes)).output;
        let wrong = (0..frames).find(|frame| output[0][*frame] != delayed(&input, *frame, delay.into()));
        assert_eq!(wrong, None, "delay {delay}");
    }
    let most = run(KEY, 1, &job(KEY, vec![input.clone()], &[("delay", Track::Constant(1e9))])).output;
    assert_eq!(most[0][66_000], delayed(&input, 66_000, MAX_DELAY as usize));
}

#[test]
fn a_change_is_a_straight_line_and_a_change_within_it_waits() {
    let frames = 2500;
    let input = noise(frames);
    let delay = |frame| [10.0, 300.0, 77.0][usize::from(frame >= 700) + usize::from(frame >= 900)];
    let track = Track::Frames((0..frames).map(delay).collect());
    let output = run(KEY, 1, &job(KEY, vec![input.clone()], &[("delay", track)])).output;
    for (frame, sample) in output[0].iter().enumerate() {
        let (begin, from, to) = match frame {
            0..700 => (0, 10, 10),
            700..1180 => (700, 10, 300),
            _ => (1180, 300, 77),
        };
        let t = ((frame - begin) as f32 / FADE as f32).min(1.0);
        let (a, b) = (delayed(&input, frame, from), delayed(&input, frame, to));
        assert!((sample - (a + (b - a) * t)).abs() < 1e-6, "frame {frame}");
    }
}

#[test]
fn a_reset_forgets_what_was_heard_and_silence_comes_after_the_tail() {
    let config = omega_processor::PrepareConfig { sample_rate: 48_000, inputs: 1, outputs: 1 };
    let level = omega_dsp::simd::Level::detect();
    let mut device = omega_devices::registry::build(KEY, &config, level).expect("there");
    let sounding = job(KEY, vec![noise(1000)], &[("delay", Track::Constant(500.0))]);
    drive(&mut *device, &sounding, &even_cuts(256, 1000));
    device.reset();
    let frames = 80_000;
    let silence = Job { frames, input: vec![vec![0.0; frames]], ..sounding.clone() };
    let outcome = drive(&mut *device, &silence, &even_cuts(256, frames));
    assert!(outcome.bits()[0].iter().all(|bits| *bits == 0));
    assert_eq!(outcome.statuses[1], Status::Silent);
    drive(&mut *device, &sounding, &even_cuts(256, 1000));
    let outcome = drive(&mut *device, &silence, &even_cuts(256, frames));
    assert_eq!(outcome.output[0].iter().rposition(|sample| *sample != 0.0), Some(499));
    assert_eq!((outcome.statuses[0], outcome.statuses.last()), (Status::Sound, Some(&Status::Silent)));
}
