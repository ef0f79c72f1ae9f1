//! Stopping fades out, starting does not fade in.

use omega_devices::clip_reader::{STOP_FADE, Segment};
use omega_dsp::simd::Level;
use omega_processor::{Processor, StateReader, StateWriter, Status, Transport};
use omega_testkit::drive::{Job, drive, even_cuts, random_cuts};
use omega_testkit::guarded::Guarded;
use omega_testkit::random::Random;

use crate::oracle::*;

fn stopped(position: i64, frames: usize) -> Job {
    Job {
        transport: Transport { position, clock: 0, rolling: false, ..Transport::default() },
        ..job(position, frames)
    }
}

#[test]
fn a_stop_reads_on_for_256_frames_along_a_straight_line() {
    let library = vec![vec![(0..5000).map(|frame| 1.0 + frame as f32).collect()]];
    let mut expected: Option<Vec<Vec<u32>>> = None;
    for seed in 0..6 {
        let mut random = Random::new(seed);
        let mut reader = Guarded(reader(list(&library, &[Segment::new(0, 0, 5000, 0)]), Level::detect()));
        drive(&mut reader, &job(0, 1000), &even_cuts(256, 1000));
        let outcome = drive(&mut reader, &stopped(1000, 900), &random_cuts(&mut random, 900));
        for (frame, sample) in outcome.output[0].iter().enumerate() {
            let k = frame as f32;
            let exact = if frame < 256 { (1001.0 + k) * (1.0 - k / 256.0) } else { 0.0 };
            assert!((sample - exact).abs() < 1e-3, "frame {frame}: {sample} is not {exact}");
        }
        assert_eq!(outcome.statuses.last(), Some(&Status::Silent));
        let bits = outcome.bits();
        assert!(*expected.get_or_insert(bits.clone()) == bits, "any cut gives the same bytes");
    }
    assert_eq!(STOP_FADE, 256);
}

#[test]
fn nothing_sounds_on_when_nothing_rolled() {
    let library = vec![vec![vec![1.0; 5000]]];
    let mut reader = reader(list(&library, &[Segment::new(0, 0, 5000, 0)]), Level::detect());
    let outcome = drive(&mut reader, &stopped(100, 512), &even_cuts(256, 512));
    assert_eq!(outcome.statuses, [Status::Silent; 2]);
    assert!(outcome.output.iter().flatten().all(|sample| sample.to_bits() == 0));
}

#[test]
fn a_start_is_exact_after_a_stop_and_adds_to_what_still_fades() {
    let library = vec![vec![vec![1.0; 5000]]];
    let mut reader = reader(list(&library, &[Segment::new(0, 0, 5000, 0)]), Level::detect());
    drive(&mut reader, &job(0, 500), &even_cuts(256, 500));
    drive(&mut reader, &stopped(500, 512), &even_cuts(256, 512));
    let outcome = drive(&mut reader, &job(200, 300), &even_cuts(256, 300));
    assert!(outcome.output[0].iter().all(|sample| *sample == 1.0));
    drive(&mut reader, &stopped(500, 128), &[128]);
    let outcome = drive(&mut reader, &job(200, 256), &[256]);
    for (frame, sample) in outcome.output[0].iter().enumerate() {
        assert_eq!(*sample, 1.0 + 0f32.max(0.5 - frame as f32 / 256.0));
    }
}

#[test]
fn a_reset_forgets_what_fades_and_a_saved_state_goes_on() {
    let library = vec![vec![(0..5000).map(|frame| frame as f32).collect()]];
    let make = || reader(list(&library, &[Segment::new(0, 0, 5000, 0)]), Level::detect());
    let mut first = make();
    drive(&mut first, &job(0, 500), &even_cuts(256, 500));
    drive(&mut first, &stopped(500, 100), &[100]);
    let mut words = vec![0; first.state_words()];
    let mut writer = StateWriter::new(&mut words);
    first.save_state(&mut writer);
    assert_eq!(writer.finish(), Some(first.state_words()));
    let mut second = make();
    second.restore_state(&mut StateReader::new(&words));
    let rest = stopped(500, 300);
    let expected = drive(&mut first, &rest, &even_cuts(256, 300)).bits();
    assert!(expected == drive(&mut second, &rest, &even_cuts(256, 300)).bits());
    assert_ne!(expected[0][0], 0);
    second.restore_state(&mut StateReader::new(&words));
    second.reset();
    assert!(drive(&mut second, &rest, &even_cuts(256, 300)).bits()[0].iter().all(|bits| *bits == 0));
    second.restore_state(&mut StateReader::new(&[u32::MAX; 6]));
    drive(&mut second, &rest, &even_cuts(256, 300));
}
