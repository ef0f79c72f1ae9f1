//! A render is a pure function of the session: block sizes and instruction sets change no byte.

mod common;

use std::ops::ControlFlow;
use std::path::Path;

use common::session;
use omega_dsp::simd::Level;
use omega_session::model::Project;
use omega_studio::{Blocks, InMemory, RenderRequest, Rendered, Tail, render};

fn rendered(
    project: &Project,
    root: &Path,
    blocks: Blocks,
    level: Level,
    tail: Tail,
) -> (Rendered, Vec<f32>) {
    let request = RenderRequest { blocks, level, tail, ..RenderRequest::default() };
    let mut left = Vec::new();
    let mut sink = |_: &[u16], channels: &[&[f32]]| {
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
    let mut sink = |_: &[u16], channels: &[&[f32]]| {
        part.extend_from_slice(channels[0]);
        Ok(())
    };
    render(&project, root.path(), &InMemory, &request, &mut sink, &mut |_| ControlFlow::Continue(()))
        .expect("rendered");
    // Nothing here has a memory, so a part equals the same part of the whole.
    assert!(part == whole[7_013..9_500], "{:?}", part.iter().zip(&whole[7_013..]).position(|(a, b)| a != b));
}
