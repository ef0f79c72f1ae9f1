//! What segments read, frame by frame, held against what the document says of each clip.

use omega_devices::clip_reader::{Fade, FadeShape, Segment};
use omega_lowering::{Purpose, lower};
use omega_session::model::{
    Clip, ClipId, ClipLoop, CompId, CompSpan, Media, MediaId, Project, Take, TakeId, Track, TrackId,
    TrackKind,
};
use omega_time::{Frames, SampleRate, TimePoint};

fn track() -> TrackId {
    TrackId::new("a").expect("an id")
}

fn take(name: &str) -> TakeId {
    TakeId::new(name).expect("an id")
}

fn media() -> MediaId {
    MediaId::new("m").expect("an id")
}

fn empty() -> Project {
    let rate = SampleRate::new(48_000).expect("a rate");
    let mut project = Project::new("test", rate);
    project.put_track(track(), Track::new(TrackKind::Audio, "A"));
    project.put_media(media(), Media::new("m.wav", 1, Frames(100_000), rate));
    project
}

fn clip(at: i64, length: i64, offset: i64) -> Clip {
    let mut clip = Clip::new(track(), media(), TimePoint::Absolute(Frames(at)), Frames(length));
    clip.offset = Frames(offset).into();
    clip
}

fn put(project: &mut Project, name: &str, clip: Clip) {
    project.put_clip(ClipId::new(name).expect("an id"), clip);
}

fn comp(project: &mut Project, name: &str, to: &str, start: i64, length: i64, fade: i64) {
    let start = TimePoint::Absolute(Frames(start));
    let mut span = CompSpan::new(track(), take(to), start, Frames(length));
    span.fade = Frames(fade);
    project.put_comp(CompId::new(name).expect("an id"), span);
}

fn segments(project: &Project) -> Vec<Segment> {
    let lowered = lower(project, &Purpose::Play, &|_, _| 0);
    lowered.play_lists.into_values().flatten().map(|(segment, _)| segment).collect()
}

/// The frames of the source that a segment reads, in the order in which they are heard.
fn read(segment: &Segment) -> Vec<i64> {
    let frames = usize::try_from(segment.length).expect("short");
    let runs = segment.source_ranges(0, frames);
    runs.flat_map(|(first, frames)| {
        let run: Vec<i64> = (first..first + i64::try_from(frames).expect("short")).collect();
        if segment.reverse { run.into_iter().rev().collect() } else { run }
    })
    .collect()
}

#[test]
fn a_segment_reads_what_the_clip_says_forwards_backwards_and_in_loops() {
    let loops = [
        ClipLoop::off(),
        ClipLoop::over(Frames(0), Frames(64)),
        ClipLoop::over(Frames(500), Frames(40)),
        ClipLoop::over(Frames(530), Frames(999)),
    ];
    let mut cases = 0;
    for (reverse, looping) in
        [false, true].into_iter().flat_map(|reverse| loops.iter().map(move |l| (reverse, l)))
    {
        for (length, offset) in [(1, 520), (63, 520), (64, 500), (200, 531), (2_000, 507)] {
            let mut one = clip(100, length, offset);
            (one.reverse, one.looping) = (reverse, looping.clone());
            let wanted: Vec<i64> = (0..length).map(|n| one.media_frame(Frames(n)).0).collect();
            let mut project = empty();
            put(&mut project, "c", one.clone());
            let found = segments(&project);
            assert_eq!((found.len(), found[0].start), (1, 100));
            assert_eq!(read(&found[0]), wanted, "{one:?}");

            // And a part of it reads that part.
            project.put_take(take("x"), Take::new(track(), "X"));
            one.take = Some(take("x"));
            put(&mut project, "c", one);
            let (from, to) = (length / 3, length - length / 4);
            comp(&mut project, "s", "x", 100 + from, to - from, 0);
            let found = segments(&project);
            assert_eq!((found.len(), found[0].start, found[0].length), (1, 100 + from, to - from));
            let part = usize::try_from(from).expect("short")..usize::try_from(to).expect("short");
            assert_eq!(read(&found[0]), wanted[part]);
            cases += 1;
        }
    }
    assert_eq!(cases, 40);
}

#[test]
fn the_fades_of_a_clip_run_on_where_a_comp_cuts_it() {
    let mut project = empty();
    for name in ["x", "y"] {
        project.put_take(take(name), Take::new(track(), name));
        let mut one = clip(0, 1_000, 0);
        one.fade_in = omega_session::model::Fade::new(Frames(700), omega_session::model::FadeShape::SCurve);
        one.fade_out = omega_session::model::Fade::new(Frames(600), omega_session::model::FadeShape::Slow);
        (one.take, one.gain_db) = (Some(take(name)), -6.0);
        put(&mut project, name, one);
    }
    comp(&mut project, "s1", "x", 200, 300, 50);
    comp(&mut project, "s2", "y", 500, 400, 80);
    #[allow(clippy::cast_possible_truncation, reason = "a gain is kept in single precision")]
    let gain = libm::pow(10.0, -6.0 / 20.0) as f32;
    let curve = |shape: FadeShape, length: i64, distance: i64| Fade { length, shape }.gain(distance);
    let mut total = 0;
    for segment in segments(&project) {
        for frame in 0..segment.length {
            let at = segment.start + frame;
            let clip = curve(FadeShape::SCurve, 700, at) * 1.0;
            let tail = curve(FadeShape::Exponential, 600, 1_000 - at);
            // The seam lies at 500 with 80 frames; the outer ends fade inside.
            let (rise, fall) = match segment.start {
                200 => {
                    (curve(FadeShape::EqualPower, 50, at - 200), curve(FadeShape::EqualPower, 80, 540 - at))
                }
                460 => {
                    (curve(FadeShape::EqualPower, 80, at - 460), curve(FadeShape::EqualPower, 80, 900 - at))
                }
                other => panic!("a segment at {other}"),
            };
            let wanted = gain * clip * tail * rise * fall;
            assert_eq!(segment.gain_at(frame).to_bits(), wanted.to_bits(), "frame {at}");
            total += 1;
        }
    }
    assert_eq!(total, (540 - 200) + (900 - 460));
}

#[test]
fn what_no_comp_names_is_not_played_and_does_not_make_the_session_longer() {
    let mut project = empty();
    project.put_take(take("x"), Take::new(track(), "X"));
    let mut one = clip(0, 50_000, 0);
    one.take = Some(take("x"));
    put(&mut project, "c", one);
    assert!(segments(&project).is_empty());
    comp(&mut project, "s", "x", 0, 1_000, 0);
    assert_eq!(lower(&project, &Purpose::Play, &|_, _| 0).end, 1_000);
    let mut muted = Take::new(track(), "X");
    muted.mute = true;
    project.put_take(take("x"), muted);
    assert!(segments(&project).iter().all(|segment| segment.muted));
}
