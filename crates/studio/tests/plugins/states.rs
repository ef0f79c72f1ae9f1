//! What becomes of the states of plugins: kept, undone, replaced by presets, left alone where the plugin is missing; and
//! what becomes of plugins when the hardware asks for more at once.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use omega_dsp::simd::Level;
use omega_media::{Depth, Format, Writer};
use omega_session::edit::{DeviceAdd, DeviceParam, DeviceState, Edit, LaneAdd};
use omega_session::model::{DeviceId, ParamTarget, Project, TrackId};
use omega_session::{CreateOptions, OpenOptions};
use omega_studio::plugin::preset::PresetPlace;
use omega_studio::{Import, LoopRange, Player, Studio};
use omega_testplugs::{GAIN, Kind, LATENCY, TRIGGER, id};
use omega_time::TimeBase;

use crate::host::{Hosted, Turner, hardware, is_heard};

/// Frames of the loop that plays: a constant level.
const LOOP: i64 = 96_000;

/// A session that plays a constant level through a plugin.
struct Stage {
    _hosted: Hosted,
    _folder: tempfile::TempDir,
    studio: Studio,
    track: TrackId,
    player: Player,
    turner: Turner,
    /// What is heard without a plugin.
    plain: f32,
}

fn dev() -> DeviceId {
    DeviceId::new("dev-plug").expect("an id")
}

/// The gain of the test plugins as a factor.
#[allow(clippy::cast_possible_truncation, reason = "sound is in single precision")]
fn factor(db: f64) -> f32 {
    (1.0 + db / 64.0) as f32
}

fn params(values: &[(u32, f64)]) -> BTreeMap<String, f64> {
    values.iter().map(|(id, value)| (id.to_string(), *value)).collect()
}

fn add(track: &TrackId, kind: &str, values: &[(u32, f64)]) -> Edit {
    let (kind, params) = (format!("clap:{kind}"), params(values));
    let (id, track) = (Some(dev()), track.clone());
    DeviceAdd { id, track, kind, name: String::new(), before: None, params, sidechain: None }.into()
}

fn open(studio: &Studio, period: usize) -> (Player, Turner) {
    let (clock, config) = hardware(2, period);
    let mut player = studio.player(&config, Level::detect()).expect("it opens");
    player.set_loop(LoopRange::new(0, LOOP));
    player.locate(0);
    player.play();
    (player, Turner::new(clock, period))
}

impl Stage {
    fn new(period: usize) -> Self {
        let hosted = Hosted::new();
        let folder = tempfile::tempdir().expect("a folder");
        let wav = folder.path().join("level.wav");
        let mut writer = Writer::create(&wav, Format::wav(Depth::Float32, 1, 48_000)).expect("created");
        writer.write(&[vec![0.5f32; 100_000]]).expect("written");
        writer.finish().expect("finished");
        let path = folder.path().join("Song.omega");
        let mut studio = Studio::create(&path, &CreateOptions::seeded("Song", 7)).expect("created");
        let report = studio.import(&[wav], &Import::default(), &mut |_, _| ControlFlow::Continue(()));
        let track = report.expect("imported").imported[0].track.clone().expect("a track");
        let (mut player, mut turner) = open(&studio, period);
        let mut plain = 0.0;
        turner.until(&mut player, |player, heard, _| {
            plain = *heard[0].last().expect("frames");
            player.settled() && plain > 0.0 && heard[0].iter().all(|sample| *sample == plain)
        });
        Self { _hosted: hosted, _folder: folder, studio, track, player, turner, plain }
    }

    fn root(&self) -> std::path::PathBuf {
        self.studio.root().to_owned()
    }

    fn project(&self) -> std::sync::Arc<Project> {
        self.studio.project()
    }

    fn apply(&mut self, edit: Edit) {
        self.studio.apply("edit", &[edit]).expect("applied");
    }

    /// Hands the session over, and plays until the plugin is heard with this gain.
    fn sounds(&mut self, gain: f64) {
        let expected = self.plain * factor(gain);
        let (project, root) = (self.project(), self.root());
        self.player.update(&project, &root).expect("it plays");
        self.turner.until(&mut self.player, |player, heard, _| {
            if player.poll() {
                player.update(&project, &root).expect("it plays");
            }
            let as_expected = heard[0].iter().all(|sample| (sample - expected).abs() < 1e-5);
            player.settled() && is_heard(player, &dev()) && as_expected
        });
    }
}

#[test]
fn what_a_plugin_changes_by_itself_is_kept_can_be_undone_and_is_there_the_next_time() {
    let mut stage = Stage::new(256);
    stage.apply(add(&stage.track.clone(), &id(Kind::Wilful), &[(GAIN, -1.28)]));
    stage.sounds(-1.28);
    let kept = stage.studio.keep_plugins(&mut stage.player).expect("kept");
    assert!(kept.kept.is_empty() && kept.failed.is_empty(), "it only did what the session says");
    // It goes to −12.8 dB by itself.
    stage.apply(DeviceParam { id: dev(), param: TRIGGER.to_string(), value: Some(1.0) }.into());
    stage.sounds(-12.8);
    stage.turner.until(&mut stage.player, |player, _, _| !player.changed_plugins().is_empty());
    let before = stage.project().to_text();
    let kept = stage.studio.keep_plugins(&mut stage.player).expect("kept");
    assert_eq!((kept.kept, kept.failed), (vec![dev()], Vec::new()));
    let after = stage.project();
    let device = after.device(&dev()).expect("it is there");
    assert_eq!(device.params[&GAIN.to_string()], -12.8, "what the session says of it is what it is");
    assert!(stage.root().join(format!("plugins/{}.state", device.state)).is_file());
    stage.sounds(-12.8);
    let again = stage.studio.keep_plugins(&mut stage.player).expect("kept");
    assert!(again.kept.is_empty(), "it is kept once");
    // Undone, the plugin that plays is what it was; redone, what it was then.
    stage.studio.undo().expect("undone");
    assert_eq!(stage.project().to_text(), before);
    stage.sounds(-1.28);
    stage.studio.redo().expect("redone");
    stage.sounds(-12.8);
    // The next time nothing but the state says so.
    for (param, value) in [(TRIGGER, Some(0.0)), (GAIN, None)] {
        stage.apply(DeviceParam { id: dev(), param: param.to_string(), value }.into());
    }
    stage.studio.save().expect("saved");
    let path = stage.root();
    let Stage { _hosted, _folder, studio, player, plain, track, .. } = stage;
    player.close();
    drop(studio);
    let studio = Studio::open(&path, &OpenOptions::new("me")).expect("opened");
    let (player, turner) = open(&studio, 256);
    let mut stage = Stage { _hosted, _folder, studio, track, player, turner, plain };
    stage.sounds(-12.8);
    stage.player.close();
}

#[test]
fn a_preset_is_loaded_while_it_plays_and_undone() {
    let mut stage = Stage::new(256);
    stage.apply(add(&stage.track.clone(), &id(Kind::Gain), &[(GAIN, -1.28)]));
    stage.sounds(-1.28);
    let place = |key: &str| PresetPlace { file: None, key: Some(key.to_owned()) };
    let before = (stage.project().to_text(), stage.studio.history().len());
    let refused = stage.studio.load_preset(&dev(), &place("nothing"), "Nothing").unwrap_err().to_string();
    assert!(refused.contains("there is no gain in it"), "{refused}");
    assert_eq!((stage.project().to_text(), stage.studio.history().len()), before);
    stage.studio.load_preset(&dev(), &place("half"), "Half").expect("loaded");
    assert!(
        stage.project().device(&dev()).expect("there").params.is_empty(),
        "the preset has the values now"
    );
    stage.sounds(-32.0);
    stage.studio.load_preset(&dev(), &place("quiet"), "Quiet").expect("loaded");
    stage.sounds(-48.0);
    stage.studio.undo().expect("undone");
    stage.sounds(-32.0);
    stage.studio.undo().expect("undone");
    assert_eq!(stage.project().to_text(), before.0);
    stage.sounds(-1.28);
    stage.player.close();
}

#[test]
fn a_plugin_that_is_missing_keeps_its_state_its_parameters_and_its_lanes() {
    let mut stage = Stage::new(256);
    stage.apply(add(&stage.track.clone(), "org.nobody.gone", &[(7, 0.25)]));
    stage.apply(DeviceState { id: dev(), state: "ab".repeat(32) }.into());
    let target = ParamTarget::Device(dev(), "7".to_owned());
    stage.apply(LaneAdd { id: None, target, base: TimeBase::Musical }.into());
    let (project, root) = (stage.project(), stage.root());
    stage.player.update(&project, &root).expect("it plays");
    let plain = stage.plain;
    stage.turner.until(&mut stage.player, |player, heard, _| {
        player.settled() && heard[0].iter().all(|sample| *sample == plain)
    });
    let complaints = stage.player.plugin_complaints();
    assert!(
        complaints.len() == 1 && complaints[0].contains("org.nobody.gone is not installed"),
        "{complaints:?}"
    );
    let kept = stage.studio.keep_plugins(&mut stage.player).expect("kept");
    assert!(kept.kept.is_empty() && kept.failed.is_empty());
    assert_eq!(stage.project().to_text(), project.to_text());
    stage.studio.save().expect("saved");
    stage.player.close();
    let text = std::fs::read_to_string(Path::new(&root).join("project.json")).expect("there");
    for part in ["clap:org.nobody.gone", &"ab".repeat(32), "device/dev-plug/7"] {
        assert!(text.contains(part), "{part}");
    }
}

#[test]
fn plugins_get_the_time_of_the_period_wherever_the_hardware_goes() {
    let mut stage = Stage::new(128);
    stage.apply(add(&stage.track.clone(), &id(Kind::Latency), &[(GAIN, -6.4)]));
    let latency = |stage: &Stage| stage.player.plugin_health()[&dev()].latency;
    let lag = |period: usize| 128 + u32::try_from(period.next_multiple_of(128)).expect("small") + LATENCY;
    stage.sounds(-6.4);
    assert_eq!(latency(&stage), lag(128));
    // With the lead of before no reply would ever be in time: all that a period asks for is asked for at once.
    for period in [1024, 100, 2048] {
        let (clock, config) = hardware(2, period);
        stage.studio.reopen(&mut stage.player, &config).expect("it goes on");
        stage.turner = Turner::new(clock, period);
        stage.sounds(-6.4);
        assert_eq!(latency(&stage), lag(period), "at {period} frames");
        let (clock, state) = (&stage.turner.clock, stage.player.lowered().is_some());
        assert!(state && clock.frame() > 0);
    }
    // The hardware changes it by itself.
    stage.turner.clock.set_period(512);
    stage.turner.frames = 512;
    stage.studio.period_changed(&mut stage.player, 512).expect("it goes on");
    stage.sounds(-6.4);
    assert_eq!(latency(&stage), lag(512));
    stage.player.close();
}
