//! A render is a pure function of the session: block sizes and instruction sets change no byte.

use std::ops::ControlFlow;
use std::path::Path;

use omega_dsp::simd::Level;
use omega_media::{Depth, Format, Writer};
use omega_session::model::{
    Automation, Clip, ClipId, Device, DeviceId, Fade, FadeShape, Lane, LaneId, Media, MediaId, Output,
    ParamTarget, Point, PointId, PointShape, Project, Send, SendId, Track, TrackId, TrackKind, TrackParam,
};
use omega_studio::{Blocks, InMemory, RenderRequest, Rendered, Tail, render};
use omega_time::{Frames, SampleRate, TimeBase, TimePoint};

const FRAMES: usize = 30_000;

/// A session of six tracks with clips, buses, sends, devices and automation, in `root`.
fn session(root: &Path) -> Project {
    let rate = SampleRate::new(48_000).expect("a rate");
    let mut project = Project::new("test", rate);
    let bus = TrackId::new("trk-bus").expect("an id");
    project.put_track(bus.clone(), Track::new(TrackKind::Bus, "Bus"));
    let echo = TrackId::new("trk-return").expect("an id");
    project.put_track(echo.clone(), Track::new(TrackKind::Return, "Return"));
    for number in 0..6usize {
        let name = format!("{number}");
        let channels = 1 + number % 2;
        let media = MediaId::new(&format!("med-{number}")).expect("an id");
        let file = format!("media-{number}.wav");
        let mut writer = Writer::create(&root.join(&file), Format::wav(Depth::Float32, channels, 48_000))
            .expect("created");
        let noise = omega_signals::noise(number as u64, FRAMES);
        let sine = omega_signals::sine(110.0 * (1 + number) as f64, 48_000.0, FRAMES);
        let rows = [noise, sine];
        writer.write(&rows[..channels]).expect("written");
        writer.finish().expect("finished");
        let length = Frames(i64::try_from(FRAMES).expect("small"));
        project.put_media(
            media.clone(),
            Media::new(&file, u16::try_from(channels).expect("small"), length, rate),
        );
        let id = TrackId::new(&format!("trk-{number}")).expect("an id");
        let mut track = Track::new(TrackKind::Audio, &name);
        track.pan = number as f64 * 0.3 - 0.9;
        track.volume_db = -6.0 - number as f64;
        track.channels = u16::try_from(channels).expect("small");
        track.delay = Frames(if number == 2 { -37 } else { 0 });
        track.output = if number < 3 { Output::Track(bus.clone()) } else { Output::master() };
        project.put_track(id.clone(), track);
        let mut clip = Clip::new(
            id.clone(),
            media,
            TimePoint::Absolute(Frames(1000 * i64::try_from(number).expect("small"))),
            Frames(20_000),
        );
        clip.fade_in = Fade::new(Frames(700), FadeShape::EqualPower);
        clip.fade_out = Fade::new(Frames(3000), FadeShape::SCurve);
        clip.reverse = number == 4;
        project.put_clip(ClipId::new(&format!("clp-{number}")).expect("an id"), clip);
        let mut device = Device::new(id.clone(), "omega.utility");
        device.params.insert("gain".to_owned(), -3.0);
        project.put_device(DeviceId::new(&format!("dev-{number}")).expect("an id"), device);
        project.put_send(
            SendId::new(&format!("snd-{number}")).expect("an id"),
            Send::new(id.clone(), echo.clone()),
        );
        let mut lane = Lane::new(ParamTarget::Track(id.clone(), TrackParam::Volume));
        lane.base = TimeBase::Absolute;
        let shapes = [PointShape::Linear, PointShape::Curve(0.5), PointShape::Hold, PointShape::Linear];
        let points = shapes.into_iter().enumerate().map(|(index, shape)| Point {
            id: PointId::new(&format!("pnt-{index}")).expect("an id"),
            at: 4_001 * i64::try_from(index).expect("small"),
            value: -3.0 * index as f64,
            shape,
        });
        lane.points = Automation::new(points.collect());
        project.put_lane(LaneId::new(&format!("lan-{number}")).expect("an id"), lane);
    }
    project
}

fn rendered(
    project: &Project,
    root: &Path,
    blocks: Blocks,
    level: Level,
    tail: Tail,
) -> (Rendered, Vec<f32>) {
    let request = RenderRequest { blocks, level, tail, ..RenderRequest::default() };
    let mut left = Vec::new();
    let mut sink = |channels: &[&[f32]]| {
        left.extend_from_slice(channels[0]);
        Ok(())
    };
    let done = render(project, root, &InMemory, &request, &mut sink, &mut |_| ControlFlow::Continue(()));
    (done.expect("rendered"), left)
}

#[test]
fn block_sizes_and_instruction_sets_change_no_byte() {
    let root = tempfile::tempdir().expect("a folder");
    let project = session(root.path());
    let (first, left) = rendered(&project, root.path(), Blocks::Of(1024), Level::detect(), Tail::None);
    assert_eq!(first.frames, 25_000);
    assert_eq!(first.latency, 37, "the early track holds the others back");
    let level = omega_signals::rms(&left);
    assert!((0.05..0.9).contains(&level), "{level}");
    for size in [1, 16, 64, 333, 1000, 4096] {
        let (other, _) = rendered(&project, root.path(), Blocks::Of(size), Level::detect(), Tail::None);
        assert_eq!(other.hash, first.hash, "blocks of {size}");
    }
    for seed in 0..3 {
        let (other, _) = rendered(&project, root.path(), Blocks::Random(seed), Level::detect(), Tail::None);
        assert_eq!(other.hash, first.hash, "random blocks {seed}");
    }
    for level in Level::ALL {
        let (other, _) = rendered(&project, root.path(), Blocks::Of(256), level, Tail::None);
        assert_eq!(other.hash, first.hash, "level {level}");
    }
}

#[test]
fn an_automatic_tail_ends_where_silence_begins_whatever_the_blocks() {
    let root = tempfile::tempdir().expect("a folder");
    let project = session(root.path());
    let (first, _) = rendered(&project, root.path(), Blocks::Of(512), Level::detect(), Tail::Auto);
    assert_eq!(first.frames, 25_000 + omega_studio::QUIET);
    let (other, _) = rendered(&project, root.path(), Blocks::Random(9), Level::detect(), Tail::Auto);
    assert_eq!((other.frames, other.hash), (first.frames, first.hash));
}

#[test]
fn a_part_of_the_range_is_a_part_of_the_whole() {
    let root = tempfile::tempdir().expect("a folder");
    let project = session(root.path());
    let (_, whole) = rendered(&project, root.path(), Blocks::Of(512), Level::detect(), Tail::None);
    let request = RenderRequest { range: Some(7_013..9_500), ..RenderRequest::default() };
    let mut part = Vec::new();
    let mut sink = |channels: &[&[f32]]| {
        part.extend_from_slice(channels[0]);
        Ok(())
    };
    render(&project, root.path(), &InMemory, &request, &mut sink, &mut |_| ControlFlow::Continue(()))
        .expect("rendered");
    // Nothing here has a memory, so a part equals the same part of the whole.
    assert!(part == whole[7_013..9_500], "{:?}", part.iter().zip(&whole[7_013..]).position(|(a, b)| a != b));
}
