//! Sixteen tracks play while a plugin of a seventeenth does what it should not.

use std::path::Path;
use std::time::{Duration, Instant};

use omega_dsp::simd::Level;
use omega_media::stream;
use omega_plugin::state::PluginState;
use omega_session::model::{
    Clip, ClipId, Device, DeviceId, MediaId, Output, Project, Track, TrackId, TrackKind,
};
use omega_studio::{LoopRange, Player, Streaming};
use omega_testplugs::{GAIN, Kind, LATENCY, TRIGGER, id};
use omega_time::{Frames, TimePoint};

use crate::common::session;
use crate::host::{Hosted, LONG, Turner, hardware, is_heard};

/// Frames at once, and of the loop that plays.
const BLOCK: usize = 256;
const LOOP: usize = 30_000;
/// Blocks that are compared, and the one before which the plugin is triggered.
const BLOCKS: usize = 400;
const TRIGGERED: usize = 120;
/// Gain of the plugin in decibels, which only its state has.
const DB: f64 = -6.4;

fn device() -> DeviceId {
    DeviceId::new("dev-bad").expect("an id")
}

/// The session of the other tests with ten more tracks, and one with a plugin that has outputs of its own.
fn desk(root: &Path, kind: Kind) -> Project {
    let mut project = session(root);
    let mut add = |name: &str, media: usize, output: Output| {
        let track = TrackId::new(&format!("trk-{name}")).expect("an id");
        let mut new = Track::new(TrackKind::Audio, name);
        new.channels = 2;
        new.output = output;
        project.put_track(track.clone(), new);
        let media = MediaId::new(&format!("med-{media}")).expect("an id");
        let clip = Clip::new(track.clone(), media, TimePoint::Absolute(Frames(0)), Frames(30_000));
        project.put_clip(ClipId::new(&format!("clp-{name}")).expect("an id"), clip);
        track
    };
    for number in 0..10 {
        add(&format!("more{number}"), number % 6, Output::master());
    }
    let bad = add("bad", 3, Output::Hardware(vec![2, 3]));
    let mut plugin = Device::new(bad, &format!("clap:{}", id(kind)));
    plugin.state = state(root, kind);
    project.put_device(device(), plugin);
    project
}

/// Puts a state with the gain into the session; gives its name.
fn state(root: &Path, kind: Kind) -> String {
    let mut bytes = b"testplug".to_vec();
    bytes.extend_from_slice(&DB.to_le_bytes());
    let values = vec![(GAIN, DB), (TRIGGER, 0.0)];
    let state = PluginState { id: id(kind), version: "1.0".to_owned(), values, bytes: Some(bytes) };
    let bytes = state.to_bytes();
    let hash = blake3::hash(&bytes).to_hex().to_string();
    std::fs::create_dir_all(root.join("plugins")).expect("a folder");
    std::fs::write(root.join(format!("plugins/{hash}.state")), bytes).expect("written");
    hash
}

fn triggered(project: &Project, on: bool) -> Project {
    let mut project = project.clone();
    let mut changed = Device::clone(project.device(&device()).expect("it is there"));
    changed.params.insert(TRIGGER.to_string(), f64::from(u8::from(on)));
    project.put_device(device(), changed);
    project
}

/// A desk that plays.
struct Show<'a> {
    root: &'a Path,
    project: Project,
    player: Player,
    turner: Turner,
    /// Frames since it began to play.
    frames: usize,
    heard: Vec<Vec<f32>>,
    /// When it was first said that the plugin is not well, and how much later it was heard again.
    noticed: Option<Instant>,
    again: Option<Duration>,
}

impl<'a> Show<'a> {
    fn begin(root: &'a Path, kind: Kind) -> Self {
        let project = desk(root, kind);
        let (clock, config) = hardware(4, BLOCK);
        let sources = Streaming::new(&stream::StreamConfig::default()).expect("threads");
        let mut player = Player::open(&project, root, sources, &config, Level::detect()).expect("it opens");
        assert_eq!(player.plugin_complaints(), Vec::<String>::new());
        let mut turner = Turner::new(clock, BLOCK);
        player.set_loop(LoopRange::new(0, i64::try_from(LOOP).expect("small")));
        turner.until(&mut player, |player, _, _| player.settled() && is_heard(player, &device()));
        player.locate(0);
        turner.turn(&mut player);
        player.play();
        let heard = vec![Vec::new(); 4];
        Self { root, project, player, turner, frames: 0, heard, noticed: None, again: None }
    }

    fn turn(&mut self) {
        let heard = self.turner.turn(&mut self.player);
        self.heard.iter_mut().zip(heard).for_each(|(row, new)| row.extend(new));
        self.frames += BLOCK;
        let back = self.turner.said.iter().any(|line| line.contains("is back"));
        if back && self.again.is_none() && is_heard(&self.player, &device()) {
            self.again = self.noticed.map(|noticed| noticed.elapsed());
        }
    }

    /// Turns the trigger on or off; keeps asking for it while an earlier change is being cross-faded.
    fn trigger(&mut self, on: bool) {
        self.project = triggered(&self.project, on);
        self.player.update(&self.project, self.root).expect("it plays");
    }

    /// Hands the project over again where the player asks for it: a latency changed.
    fn follow(&mut self) {
        if self.player.poll() {
            self.player.update(&self.project, self.root).expect("it plays");
        }
    }
}

/// What the desk sounds like whose plugin is well.
fn well(root: &Path) -> Vec<Vec<f32>> {
    let mut show = Show::begin(root, Kind::Gain);
    for block in 0..BLOCKS {
        if block == TRIGGERED {
            show.trigger(true);
        }
        show.turn();
    }
    assert_eq!(show.turner.said, Vec::<String>::new());
    assert!(show.heard[0].iter().any(|&sample| sample != 0.0));
    show.player.close();
    show.heard
}

/// A frame of the track with the plugin as it sounds when all is well, long after the beginning: it only depends on where
/// in the loop it is.
fn expected(well: &[Vec<f32>], frame: usize, later: usize) -> f32 {
    let whole = 2 * LOOP + (frame + LOOP - later % LOOP) % LOOP;
    well[2][whole]
}

/// Plays the desk with a bad plugin: the others null against the one that is well, and the plugin is heard again in the
/// end, with its state.
fn check(root: &Path, well: &[Vec<f32>], kind: Kind, says: Option<&str>) {
    let mut show = Show::begin(root, kind);
    // Giving it more and more time would hide what some are there for.
    show.turner.pace.1 = false;
    let seen = |said: &[String]| says.is_none_or(|says| said.iter().any(|line| line.contains(says)));
    for block in 0..BLOCKS {
        if block == TRIGGERED {
            show.trigger(true);
        }
        show.turn();
        show.follow();
        // An instance that comes back is not to do it again and again.
        if says.is_some() && show.noticed.is_none() && seen(&show.turner.said) {
            show.noticed = Some(Instant::now());
            show.trigger(false);
        }
    }
    let later = if matches!(kind, Kind::Latency | Kind::Moving) { LATENCY as usize } else { 0 };
    // Whose latency changes while it plays has the others go over to it; before and after, they null.
    let before = if kind == Kind::Moving { TRIGGERED * BLOCK } else { 0 };
    for channel in 0..2 {
        let (well, heard) = (&well[channel], &show.heard[channel]);
        assert!(well[..before] == heard[..before], "{kind:?}: channel {channel} before it was triggered");
        if kind != Kind::Moving {
            assert!(well[..well.len() - later] == heard[later..], "{kind:?}: channel {channel} heard of it");
        }
    }
    // Until it was seen, and then until it is heard again.
    let until = Instant::now() + LONG;
    show.turner.pace.1 = true;
    while !seen(&show.turner.said) {
        show.turn();
        assert!(Instant::now() < until, "{kind:?}: nothing was said: {:?}", show.turner.said);
    }
    show.noticed.get_or_insert_with(Instant::now);
    show.trigger(kind == Kind::Moving);
    let back = |show: &Show<'_>| {
        let crashed = says.is_some() && !show.turner.said.iter().any(|line| line.contains("is back"));
        let moved = kind != Kind::Moving || show.player.plugin_health()[&device()].latency >= LATENCY;
        !crashed && moved && show.player.settled() && is_heard(&show.player, &device())
    };
    while !back(&show) {
        show.turn();
        show.follow();
        assert!(Instant::now() < until, "{kind:?}: it did not come back: {:?}", show.turner.said);
    }
    if let Some(again) = show.again {
        println!("{kind:?}: heard again {again:?} after it was noticed");
    }
    sounds_as_before(&mut show, well, kind, later);
    assert!(
        show.heard[2].iter().chain(&show.heard[3]).all(|sample| sample.is_finite() && sample.abs() < 4.0)
    );
    show.player.close();
}

/// Turns until a whole loop of the track with the plugin is what it would be had nothing happened: its gain is in its
/// state alone.
fn sounds_as_before(show: &mut Show<'_>, well: &[Vec<f32>], kind: Kind, later: usize) {
    let until = Instant::now() + LONG;
    let mut right = 0;
    while right <= LOOP / BLOCK {
        let begin = show.frames;
        show.turn();
        let heard = &show.heard[2][begin..];
        let same = heard.iter().zip(begin..).all(|(heard, frame)| *heard == expected(well, frame, later));
        right = if same { right + 1 } else { 0 };
        assert!(
            Instant::now() < until,
            "{kind:?}: it is not heard as it was: {:?}",
            show.player.plugin_health()
        );
    }
}

#[test]
fn sixteen_tracks_null_whatever_a_plugin_does_and_it_is_heard_again_with_its_state() {
    let _hosted = Hosted::new();
    let root = tempfile::tempdir().expect("a folder");
    let well = well(root.path());
    let crashed = Some("crashed; its input is heard in its place");
    let kinds = [
        (Kind::Latency, None),
        (Kind::Allocates, None),
        (Kind::NotANumber, Some("no numbers")),
        (Kind::Loud, Some("+60 dBFS")),
        (Kind::Panics, Some("cannot process")),
        (Kind::Refuses, Some("cannot process")),
        (Kind::Aborts, crashed),
        (Kind::Segfaults, crashed),
        (Kind::Hangs, Some("did not come back from a call")),
        (Kind::Slow, None),
        (Kind::Moving, None),
    ];
    for (kind, says) in kinds {
        check(root.path(), &well, kind, says);
    }
}
