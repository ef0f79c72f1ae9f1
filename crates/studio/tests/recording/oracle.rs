//! Punching, loops, count-ins and pre-rolls against what they ought to give, frame by frame.

use std::ops::Range;

use omega_media::record::Stretch;
use omega_studio::{LoopRange, RecordRequest};

use super::{finish, media, player, read, session};

/// What is fed at frame `t` after recording was asked for.
fn fed(t: i64) -> f32 {
    (t + 1) as f32 / (1 << 22) as f32
}

/// What ought to be recorded when it is stopped after `stop` frames: places and samples.
fn wanted(request: &RecordRequest, lag: i64, stop: i64) -> (Vec<Stretch>, Vec<f32>) {
    let begin = request.from.expect("given");
    let punch: Range<i64> = match (&request.punch, request.looped) {
        (Some(punch), Some(_)) => punch.clone(),
        (Some(punch), None) => punch.start.max(begin)..punch.end,
        (None, _) => begin..i64::MAX,
    };
    let mut position = begin - request.pre_roll;
    let (mut stretches, mut samples) = (Vec::<Stretch>::new(), Vec::new());
    for heard in request.count_in..stop {
        if punch.contains(&position) {
            let at = i64::try_from(samples.len()).expect("short");
            match stretches.last_mut() {
                Some(last) if last.position + last.frames == position => last.frames += 1,
                _ => stretches.push(Stretch { at, position, frames: 1 }),
            }
            // What is played to what is heard now comes in a round trip later.
            samples.push(fed(heard + lag));
        }
        position += 1;
        if let Some(looped) = request.looped.filter(|looped| looped.end() == position) {
            position = looped.begin();
        }
    }
    (stretches, samples)
}

#[test]
fn punches_loops_count_ins_and_pre_rolls_are_exact_to_the_frame() {
    let root = tempfile::tempdir().expect("a folder");
    let studio = session(root.path(), 48_000, 1, 1);
    let looped = |begin, end| LoopRange::new(begin, end);
    let base = RecordRequest { from: Some(1000), ..RecordRequest::default() };
    let cases = [
        base.clone(),
        RecordRequest { punch: Some(1500..2777), ..base.clone() },
        RecordRequest { punch: Some(0..1001), ..base.clone() },
        RecordRequest { pre_roll: 900, count_in: 333, ..base.clone() },
        RecordRequest { looped: looped(1000, 2501), ..base.clone() },
        RecordRequest { looped: looped(1000, 1064), ..base.clone() },
        RecordRequest { looped: looped(500, 3000), punch: Some(700..1200), pre_roll: 400, ..base.clone() },
        RecordRequest { from: Some(-4000), count_in: 1, looped: looped(-3000, -1000), ..base },
    ];
    for (number, request) in cases.iter().enumerate() {
        for lag in [0, 1, 64, 1500] {
            let (clock, mut player) = player(&studio, 1, lag);
            clock.feed(vec![(0..60_000).map(fed).collect()]);
            player.record(&studio.project(), studio.root(), request).expect("it begins");
            let stop = 12_345;
            clock.run_frames(stop);
            let takes = finish(&clock, &mut player);
            assert!(player.stats().violations.is_clean(), "{:?}", player.stats().violations);
            player.close();
            let (stretches, samples) = wanted(request, lag, i64::try_from(stop).expect("short"));
            let take = &takes[0];
            assert_eq!(take.log.stretches, stretches, "case {number}, {lag} frames late");
            let rows = read(&media(&studio, take));
            let wrong = rows[0].iter().zip(&samples).position(|(a, b)| a != b);
            assert_eq!((rows[0].len(), wrong), (samples.len(), None), "case {number}, {lag} frames late");
            omega_media::record::forget(&take.log_file).expect("removed");
        }
    }
}

#[test]
fn recording_begins_and_ends_while_the_time_line_rolls_and_a_locate_begins_another_stretch() {
    let root = tempfile::tempdir().expect("a folder");
    let studio = session(root.path(), 48_000, 1, 1);
    let lag = 300;
    let (clock, mut player) = player(&studio, 1, lag);
    clock.feed(vec![(0..100_000).map(fed).collect()]);
    player.locate(7000);
    player.play();
    clock.run_frames(4000);
    let here = RecordRequest::default();
    player.record(&studio.project(), studio.root(), &here).expect("it begins");
    clock.run_frames(5000);
    player.locate(90_000);
    clock.run_frames(5000);
    player.stop_recording();
    clock.run_frames(5000);
    let takes = finish(&clock, &mut player);
    player.close();
    let take = &takes[0];
    let rows = read(&media(&studio, take));
    let [before, after] = &take.log.stretches[..] else { panic!("{:?}", take.log.stretches) };
    let sample = |stretch: &Stretch, n: i64| rows[0][usize::try_from(stretch.at + n).expect("there")];
    // Position 7,000 was heard at frame 0: what is recorded at a position came in as much later, and the round trip.
    assert_eq!(before.position, 7000 + 4000);
    assert!((0..before.frames).all(|n| sample(before, n) == fed(before.position + n - 7000 + lag)));
    // The jump is faded, so it comes a moment later than it was asked for.
    let jump = 14_000 - (after.frames);
    assert_eq!(after.position, 90_000);
    assert!((9000..9000 + 700).contains(&jump), "{jump}");
    assert!((0..after.frames).all(|n| sample(after, n) == fed(jump + n + lag)));
    // What was heard in the round trip before the jump is forgotten with the rest of the past.
    assert_eq!(before.frames, jump - 4000 - lag);
}
