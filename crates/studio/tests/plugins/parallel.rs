//! A plugin of others with latency in one of two parallel branches.

use std::ops::ControlFlow;
use std::path::Path;

use omega_dsp::simd::Level;
use omega_session::model::{
    Clip, ClipId, Device, DeviceId, Media, MediaId, Project, Track, TrackId, TrackKind,
};
use omega_studio::{Blocks, InMemory, RenderRequest, render};
use omega_time::{Frames, TimePoint};

use crate::common::session;
use crate::host::{Hosted, LIMITER};

/// Frames that are rendered, and from which on the limiter has settled.
const FRAMES: i64 = 28_000;
const SETTLED: usize = 12_000;

/// Two tracks with the same clip, the second one inverted; with a limiter in it that has nothing to do, or without.
fn branches(root: &Path, limited: bool) -> Project {
    let session = session(root);
    let mut project = Project::new("branches", session.sample_rate());
    let media = MediaId::new("med-1").expect("an id");
    let file = Media::clone(session.media_file(&media).expect("it is there"));
    project.put_media(media.clone(), file);
    for name in ["dry", "wet"] {
        let track = TrackId::new(&format!("trk-{name}")).expect("an id");
        let mut new = Track::new(TrackKind::Audio, name);
        new.channels = 2;
        project.put_track(track.clone(), new);
        let at = TimePoint::Absolute(Frames(0));
        let mut clip = Clip::new(track.clone(), media.clone(), at, Frames(FRAMES));
        // Below anything that a limiter would touch.
        clip.gain_db = -12.0;
        project.put_clip(ClipId::new(&format!("clp-{name}")).expect("an id"), clip);
    }
    let wet = TrackId::new("trk-wet").expect("an id");
    let mut invert = Device::new(wet.clone(), "omega.utility");
    invert.params.extend([("invert_left".to_owned(), 1.0), ("invert_right".to_owned(), 1.0)]);
    project.put_device(DeviceId::new("dev-invert").expect("an id"), invert);
    if limited {
        let mut limiter = Device::new(wet, "clap:com.zamaudio.ZaMaximX2");
        let plugin = omega_studio::open_plugin("com.zamaudio.ZaMaximX2").expect("it is installed");
        for param in &plugin.info().params {
            // Nothing that comes in reaches the threshold, and the ceiling is full scale.
            if param.name.to_lowercase().contains("thresh") || param.name.to_lowercase().contains("ceiling") {
                limiter.params.insert(param.id.to_string(), param.max);
            }
        }
        project.put_device(DeviceId::new("dev-limiter").expect("an id"), limiter);
    }
    project
}

/// The largest magnitude behind the beginning, and the latency of the graph.
fn residue(root: &Path, project: &Project, blocks: Blocks) -> (f32, u32) {
    let request =
        RenderRequest { range: Some(0..FRAMES), blocks, level: Level::detect(), ..RenderRequest::default() };
    let mut heard = Vec::new();
    let mut sink = |_: &[u16], channels: &[&[f32]]| {
        heard.extend_from_slice(channels[0]);
        Ok(())
    };
    let go_on = &mut |_| ControlFlow::Continue(());
    let rendered = render(project, root, &InMemory, &request, &mut sink, go_on).expect("rendered");
    (heard[SETTLED..].iter().fold(0.0, |most, sample| most.max(sample.abs())), rendered.latency)
}

#[test]
fn a_limiter_in_one_of_two_branches_nulls_against_the_other() {
    let _hosted = Hosted::new();
    if !Path::new(LIMITER).is_file() {
        println!("SKIPPED: the package zam-plugins is not installed");
        return;
    }
    let root = tempfile::tempdir().expect("a folder");
    let (plain, none) = residue(root.path(), &branches(root.path(), false), Blocks::Of(512));
    assert_eq!((plain, none), (0.0, 0), "without it, to the bit");
    for blocks in [Blocks::Of(512), Blocks::Of(100), Blocks::Random(5)] {
        let (residue, latency) = residue(root.path(), &branches(root.path(), true), blocks);
        // Its own latency at 48 kHz, and two quanta.
        assert_eq!(latency, 480 + 256);
        assert!(residue < 1e-5, "it leaves {residue}");
    }
    let mut alone = branches(root.path(), true);
    let dry = TrackId::new("trk-dry").expect("an id");
    let mut muted = Track::clone(alone.track(&dry).expect("it is there"));
    muted.mute = true;
    alone.put_track(dry, muted);
    let (loud, _) = residue(root.path(), &alone, Blocks::Of(512));
    assert!(loud > 0.01, "there is something to null: {loud}");
}
