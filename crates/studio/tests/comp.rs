//! A comp sounds like the clips and cross-fades that somebody would make by hand, byte for byte.

use std::ops::{ControlFlow, Range};
use std::path::Path;

use omega_dsp::simd::Level;
use omega_media::{Depth, Format, Writer};
use omega_session::edit::{ClipSplit, CompFlatten, Edit};
use omega_session::model::{
    Clip, ClipId, CompId, CompSpan, Fade, FadeShape, Media, MediaId, Project, Take, TakeId, Track, TrackId,
    TrackKind,
};
use omega_studio::{Blocks, InMemory, RenderRequest, Rendered, Tail, render};
use omega_time::{Frames, SampleRate, TimePoint};

const FRAMES: usize = 20_000;

fn track() -> TrackId {
    TrackId::new("voice").expect("an id")
}

fn media(number: usize) -> MediaId {
    MediaId::new(&format!("med-{number}")).expect("an id")
}

fn at(frame: i64) -> TimePoint {
    TimePoint::Absolute(Frames(frame))
}

/// A track, and three recordings of noise in the pool.
fn empty(root: &Path) -> Project {
    let rate = SampleRate::new(48_000).expect("a rate");
    let mut project = Project::new("test", rate);
    project.put_track(track(), Track::new(TrackKind::Audio, "Voice"));
    for number in 0..3usize {
        let file = format!("{number}.wav");
        let format = Format::wav(Depth::Float32, 1, 48_000);
        let mut writer = Writer::create(&root.join(&file), format).expect("created");
        writer.write(&[omega_signals::noise(number as u64, FRAMES)]).expect("written");
        writer.finish().expect("finished");
        let length = Frames(i64::try_from(FRAMES).expect("small"));
        project.put_media(media(number), Media::new(&file, 1, length, rate));
    }
    project
}

/// Takes of all of each recording, which begin a little apart, and the comp:
/// `take 0` over 1,000..5,000, `take 1` to 9,000 in two spans, nothing to 10,000, `take 2` to 14,000, `take 0` to the end.
fn comped(root: &Path) -> Project {
    let mut project = empty(root);
    let take = |number: usize| TakeId::new(&format!("tak-{number}")).expect("an id");
    for number in 0..3usize {
        project.put_take(take(number), Take::new(track(), "Take"));
        let start = 100 * i64::try_from(number).expect("small");
        let mut clip = Clip::new(track(), media(number), at(start), Frames(18_000));
        clip.take = Some(take(number));
        clip.gain_db = -3.0;
        project.put_clip(ClipId::new(&format!("clp-{number}")).expect("an id"), clip);
    }
    let spans = [
        (0, 1_000..5_000, 480),
        (1, 5_000..7_000, 301),
        (1, 7_000..9_000, 7),
        (2, 10_000..14_000, 200),
        (0, 14_000..25_000, 1_000),
    ];
    for (number, (of, Range { start, end }, fade)) in spans.into_iter().enumerate() {
        let mut span = CompSpan::new(track(), take(of), at(start), Frames(end - start));
        span.fade = Frames(fade);
        project.put_comp(CompId::new(&format!("cmp-{number}")).expect("an id"), span);
    }
    project
}

/// The same by hand: clips that overlap at the seams, half of a fade on each side, and fades inside where there is no seam.
fn by_hand(root: &Path) -> Project {
    let mut project = empty(root);
    let pieces = [
        (0, 1_000..5_151, 480, 301),
        (1, 4_850..9_000, 301, 7),
        (2, 10_000..14_500, 200, 1_000),
        // It ends with its material, before the fade of the comp would begin.
        (0, 13_500..18_000, 1_000, 0),
    ];
    for (number, (of, Range { start, end }, rise, fall)) in pieces.into_iter().enumerate() {
        let offset = start - 100 * i64::try_from(of).expect("small");
        let mut clip = Clip::new(track(), media(of), at(start), Frames(end - start));
        (clip.offset, clip.gain_db) = (Frames(offset).into(), -3.0);
        clip.fade_in = Fade::new(Frames(rise), FadeShape::EqualPower);
        clip.fade_out = Fade::new(Frames(fall), FadeShape::EqualPower);
        project.put_clip(ClipId::new(&format!("clp-{number}")).expect("an id"), clip);
    }
    project
}

fn rendered(project: &Project, root: &Path, blocks: Blocks, level: Level) -> (Rendered, Vec<f32>) {
    let request = RenderRequest { blocks, level, tail: Tail::None, ..RenderRequest::default() };
    let mut left = Vec::new();
    let mut sink = |_: &[u16], channels: &[&[f32]]| {
        left.extend_from_slice(channels[0]);
        Ok(())
    };
    let done = render(project, root, &InMemory, &request, &mut sink, &mut |_| ControlFlow::Continue(()));
    (done.expect("rendered"), left)
}

#[test]
fn a_comp_sounds_like_clips_that_were_cut_by_hand_at_any_cut_into_blocks() {
    let root = tempfile::tempdir().expect("a folder");
    let (comp, hand) = (comped(root.path()), by_hand(root.path()));
    let (wanted, sound) = rendered(&hand, root.path(), Blocks::Of(1024), Level::detect());
    assert_eq!(wanted.frames, 18_000);
    let loud = |range: Range<usize>| omega_signals::rms(&sound[range]) > 0.05;
    assert!(loud(2_000..4_800) && loud(4_850..5_151) && loud(13_500..14_500) && loud(17_000..18_000));
    assert!(sound[9_000..10_000].iter().chain(&sound[..1_000]).all(|sample| *sample == 0.0));
    for blocks in [Blocks::Of(1024), Blocks::Of(1), Blocks::Of(37), Blocks::Random(3), Blocks::Random(4)] {
        let (found, _) = rendered(&comp, root.path(), blocks, Level::detect());
        assert_eq!((found.frames, &found.hash), (wanted.frames, &wanted.hash));
    }
    for level in Level::ALL {
        assert_eq!(rendered(&comp, root.path(), Blocks::Of(256), level).0.hash, wanted.hash, "level {level}");
    }
}

#[test]
fn flattened_it_sounds_the_same() {
    let root = tempfile::tempdir().expect("a folder");
    let comp = comped(root.path());
    let flatten: Edit = CompFlatten { track: track() }.into();
    let flat = Edit::try_all(&[flatten], &comp, [3; 32]).expect("flattened");
    assert!(flat.comp().is_empty() && flat.takes().values().all(|take| take.mute));
    let hash = |project: &Project| rendered(project, root.path(), Blocks::Of(512), Level::detect()).0.hash;
    assert_eq!(hash(&flat), hash(&comp));
}

#[test]
fn clips_that_are_split_within_a_seam_sound_the_same() {
    let root = tempfile::tempdir().expect("a folder");
    let comp = comped(root.path());
    let split = |name: &str, frame: i64| -> Edit {
        let id = ClipId::new(name).expect("an id");
        ClipSplit { id, at: at(frame), right: None }.into()
    };
    let edits =
        [split("clp-0", 13_700), split("clp-0", 4_950), split("clp-1", 5_100), split("clp-2", 10_050)];
    let parted = Edit::try_all(&edits, &comp, [3; 32]).expect("split");
    let hash = |project: &Project| rendered(project, root.path(), Blocks::Random(5), Level::detect()).0.hash;
    assert_eq!(hash(&parted), hash(&comp));
}
