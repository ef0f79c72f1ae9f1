//! Edits while playing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use omega_devices::clip_reader::{ChannelMap, ClipReader, PlayList, Segment, SourceId};
use omega_dsp::simd::Level;
use omega_processor::{Processor, Transport};
use omega_rt::Shared;
use omega_testkit::drive::{Job, drive, even_cuts, random_cuts};
use omega_testkit::guarded::Guarded;
use omega_testkit::random::Random;

use crate::oracle::*;

/// Hands `list` over; what comes back is dropped here, off the audio thread.
fn hand_over(reader: &mut impl Processor, list: PlayList) -> Option<PlayList> {
    let mut payload = ClipReader::payload(list);
    reader.exchange(&mut *payload);
    payload.downcast_mut::<Option<PlayList>>().expect("still a list").take()
}

fn collect(reader: &mut impl Processor) -> Option<PlayList> {
    let mut payload = ClipReader::empty_payload();
    reader.exchange(&mut *payload);
    payload.downcast_mut::<Option<PlayList>>().expect("still a list").take()
}

/// Some clips removed, some changed, some new, the rest kept, in another order.
fn edited(random: &mut Random, library: &Library, segments: &[Segment]) -> Vec<Segment> {
    let mut edited = Vec::new();
    for old in segments {
        match random.index(5) {
            0 => {}
            1 => edited.push(Segment { gain: old.gain * 0.5, ..old.clone() }),
            _ => edited.push(old.clone()),
        }
    }
    (0..random.index(4)).for_each(|_| edited.push(segment(random, library)));
    random.shuffle(&mut edited);
    edited
}

/// A list that brings only the sources that `before` has not.
fn list_after(before: &[SourceId], library: &Library, segments: &[Segment]) -> PlayList {
    let mut new = sources(library, segments);
    new.retain(|(id, _)| !before.contains(id));
    PlayList::build(segments.to_vec(), new).expect("good")
}

/// Sums of `old` and `new` while one is faded into the other, from the first frame of `job` on.
fn faded(library: &Library, old: &[Segment], new: &[Segment], job: &Job) -> Vec<Vec<u32>> {
    let count = |list: &[Segment], wanted: &Segment| list.iter().filter(|s| *s == wanted).count();
    let frame = |output: usize, k: i64| {
        let at = job.transport.position + k;
        if k >= FADE {
            let parts = new.iter().filter_map(|s| heard(library, s, output, at));
            return parts.fold(0.0f32, |sum, (sample, gain)| sum + sample * gain);
        }
        let share = k as f32 / FADE as f32;
        let mut sum = 0.0f32;
        for (list, other, weight) in [(new, old, share), (old, new, 1.0 - share)] {
            for (index, segment) in list.iter().enumerate() {
                let kept = count(&list[..index], segment) < count(other, segment);
                let falling = std::ptr::eq(list.as_ptr(), old.as_ptr());
                let Some((sample, gain)) = heard(library, segment, output, at) else { continue };
                match (kept, falling) {
                    (true, true) => {}
                    (true, false) => sum += sample * gain,
                    (false, _) => sum += sample * (gain * weight),
                }
            }
        }
        sum
    };
    let frames = i64::try_from(job.frames).expect("small");
    (0..OUTPUTS).map(|output| (0..frames).map(|k| frame(output, k).to_bits()).collect()).collect()
}

#[test]
fn a_cross_fade_is_the_naive_one_and_kept_clips_are_untouched() {
    for seed in 0..60 {
        let mut random = Random::new(seed);
        let library = library(&mut random);
        let before: Vec<Segment> = (0..random.index(30)).map(|_| segment(&mut random, &library)).collect();
        let after = edited(&mut random, &library, &before);
        let (old, level) = (list(&library, &before), Level::ALL[random.index(3)]);
        let names: Vec<SourceId> = old.sources().collect();
        let new = list_after(&names, &library, &after);
        let ordered = |list: &PlayList| list.segments().cloned().collect::<Vec<_>>();
        let (old_order, new_order) = (ordered(&old), ordered(&new));
        let mut reader = Guarded(reader(old, level));
        let first = job(random.within(-300, 300), 700);
        drive(&mut reader, &first, &random_cuts(&mut random, 700));
        assert!(hand_over(&mut reader, new).is_none(), "the old list is still heard");
        let second = job(first.transport.position + 700, 900);
        let outcome = drive(&mut reader, &second, &random_cuts(&mut random, 900));
        assert!(outcome.bits() == faded(&library, &old_order, &new_order, &second), "seed {seed}");
        assert_eq!(outcome.missing, 0, "sources are moved over, not lost");
        assert!(collect(&mut reader).is_some() && collect(&mut reader).is_none());
    }
}

#[test]
fn a_clip_nobody_touches_sounds_on_bit_for_bit_through_a_storm_of_edits() {
    let mut random = Random::new(3);
    let library = library(&mut random);
    let only = |output: usize| {
        let mut map = vec![None; OUTPUTS];
        map[output] = Some(0);
        ChannelMap::Listed(Shared::from(Arc::from(map)))
    };
    let on = |random: &mut Random, output| Segment { channels: only(output), ..segment(random, &library) };
    let kept: Vec<Segment> = (0..25).map(|_| on(&mut random, 0)).collect();
    let frames = 3000;
    let job = job(-400, frames);
    let alone =
        drive(&mut reader(list(&library, &kept), Level::detect()), &job, &even_cuts(256, frames)).bits();
    let mut reader = Guarded(reader(list(&library, &kept), Level::detect()));
    let (mut done, mut heard, mut names) =
        (0, Vec::new(), list(&library, &kept).sources().collect::<Vec<_>>());
    while done < frames {
        let mut segments = kept.clone();
        segments.extend((0..random.index(20)).map(|_| on(&mut random, 1)));
        random.shuffle(&mut segments);
        let list = list_after(&names, &library, &segments);
        names = list.sources().collect();
        hand_over(&mut reader, list);
        let part = (1 + random.index(250)).min(frames - done);
        let moved = i64::try_from(done).expect("small");
        let transport = Transport { position: job.transport.position + moved, ..job.transport };
        let outcome = drive(&mut reader, &Job { frames: part, transport, ..job.clone() }, &[part]);
        assert_eq!(outcome.missing, 0);
        heard.extend(outcome.bits().swap_remove(0));
        done += part;
    }
    assert!(heard == alone[0]);
}

/// A list of one clip of a steady source for each gain, all from the beginning to the end of the test.
fn steady(gains: &[f32], names: &mut Vec<SourceId>, alive: &Arc<AtomicUsize>) -> PlayList {
    let segments: Vec<Segment> = (0u64..)
        .zip(gains)
        .map(|(id, gain)| Segment { gain: *gain, ..Segment::new(id, -1000, 1_000_000, 0) })
        .filter(|segment| segment.gain != 0.0)
        .collect();
    let new = segments.iter().filter(|segment| !names.contains(&segment.source));
    let new = new.map(|segment| (segment.source, Steady::source(alive))).collect();
    let list = PlayList::build(segments, new).expect("good");
    *names = list.sources().collect();
    list
}

#[test]
fn edits_in_quick_succession_never_step_and_leak_no_source() {
    let alive = Arc::new(AtomicUsize::new(0));
    let mut random = Random::new(9);
    let mut names = Vec::new();
    let mut gains = [0.0f32; 6];
    let mut reader = Guarded(reader(steady(&gains, &mut names, &alive), Level::detect()));
    drive(&mut reader, &job(-1, 1), &[1]);
    let (mut position, mut before, mut returned) = (0, 0.0f32, 0);
    for round in 0..400 {
        for gain in &mut gains {
            *gain = if random.once_in(3) { random.value(-1.0, 1.0) } else { *gain };
        }
        gains[random.index(6)] = 0.0;
        let list = steady(&gains, &mut names, &alive);
        returned += usize::from(hand_over(&mut reader, list).is_some());
        let frames = 1 + random.index(if round % 7 == 0 { 900 } else { 150 });
        let outcome = drive(&mut reader, &job(position, frames), &random_cuts(&mut random, frames));
        assert_eq!(outcome.missing, 0);
        position += i64::try_from(frames).expect("small");
        // Six old gains of at most 1 are faded out while six new ones are faded in.
        let steepest = 12.0 / FADE as f32 + 1e-5;
        for sample in &outcome.output[0] {
            assert!((sample - before).abs() <= steepest, "from {before} to {sample} at round {round}");
            before = *sample;
        }
    }
    let rest = drive(&mut reader, &job(position, 1500), &even_cuts(256, 1500));
    let sum: f32 = gains.iter().sum();
    assert!((rest.output[0][1499] - sum).abs() < 1e-5, "the newest list counts in the end");
    while collect(&mut reader).is_some() {
        returned += 1;
    }
    assert_eq!(returned, 400, "every list but the last comes back");
    assert_eq!(alive.load(Ordering::Relaxed), names.len());
    drop(reader);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

#[test]
fn a_list_that_arrives_while_nothing_sounds_begins_exactly() {
    let library = vec![vec![vec![1.0; 5000]]];
    let at = |gain| list(&library, &[Segment { gain, ..Segment::new(0, 0, 5000, 0) }]);
    let mut reader = Guarded(reader(at(0.5), Level::detect()));
    assert!(hand_over(&mut reader, at(0.25)).is_some(), "nothing fades, so the old list may go at once");
    assert!(drive(&mut reader, &job(0, 200), &[200]).output[0].iter().all(|sample| *sample == 0.25));
    hand_over(&mut reader, at(0.75));
    hand_over(&mut reader, at(1.0));
    let stopped = Job {
        transport: Transport { position: 200, clock: 0, rolling: false, ..Transport::default() },
        ..job(0, 512)
    };
    drive(&mut reader, &stopped, &even_cuts(256, 512));
    let outcome = drive(&mut reader, &job(200, 300), &even_cuts(256, 300));
    assert!(outcome.output[0].iter().all(|sample| *sample == 1.0), "the fade ended with the sound");
}

#[test]
fn removing_one_of_two_equal_clips_fades_one_out() {
    let library = vec![vec![vec![0.5; 5000]]];
    let clip = Segment::new(0, 0, 5000, 0);
    let mut reader = Guarded(reader(list(&library, &[clip.clone(), clip.clone()]), Level::detect()));
    drive(&mut reader, &job(0, 100), &[100]);
    hand_over(&mut reader, list_after(&[0], &library, &[clip]));
    let outcome = drive(&mut reader, &job(100, 600), &even_cuts(256, 600));
    for (frame, sample) in outcome.output[0].iter().enumerate() {
        let exact = 0.5 + 0.5 * 0f32.max(1.0 - frame as f32 / FADE as f32);
        assert!((sample - exact).abs() < 1e-6, "frame {frame}: {sample}");
    }
}

#[test]
fn a_foreign_payload_is_left_alone() {
    let library = vec![vec![vec![1.0; 500]]];
    let mut reader = Guarded(reader(list(&library, &[Segment::new(0, 0, 500, 0)]), Level::detect()));
    let mut foreign = String::from("not a list");
    reader.exchange(&mut foreign);
    assert_eq!(foreign, "not a list");
    assert!(drive(&mut reader, &job(0, 200), &[200]).output[0].iter().all(|sample| *sample == 1.0));
}
