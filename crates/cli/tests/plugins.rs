//! Plugins from the command line: found, put into a session, rendered through workers of the `omega` binary.
#![cfg(target_os = "linux")]

mod common;

use std::process::Command;

use common::Desk;
use serde_json::Value;

/// A desk on which nothing is found but the test plugins.
struct Stage {
    desk: Desk,
    track: String,
}

impl Stage {
    fn new() -> Self {
        let desk = Desk::new();
        let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
        let library = folder.join("libomega_testplugs.so");
        std::fs::create_dir(desk.path("clap")).unwrap();
        std::fs::copy(library, desk.path("clap/Test.clap")).unwrap();
        let track = desk.session();
        Self { desk, track }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.desk.command(arguments);
        command
            .env("CLAP_PATH", self.desk.path("clap"))
            .env("HOME", self.desk.path("home"))
            .env("XDG_CACHE_HOME", self.desk.path("cache"));
        command
    }

    fn well(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn render(&self, name: &str) -> String {
        let report = self.well(&["render", "song.omega", "--json", "--tail", "none", "-o", name]);
        let report: Value = serde_json::from_str(&report).unwrap();
        report["blake3"].as_str().unwrap().to_owned()
    }

    fn add(&self, plugin: &str) -> String {
        let id = format!("org.omega.test.{plugin}");
        let added = self.well(&["edit", "song.omega", "device.add", "--track", &self.track, "--clap", &id]);
        added.trim().to_owned()
    }

    fn set(&self, device: &str, param: &str, value: &str) {
        let fields = ["--id", device, "--param", param, "--value", value];
        self.well(&[&["edit", "song.omega", "device.param"], &fields[..]].concat());
    }
}

impl Drop for Stage {
    /// A test is not passed while a plugin has something against the host.
    fn drop(&mut self) {
        let report = self.desk.path("clap/Test.clap.violations");
        if !std::thread::panicking() {
            assert!(!report.exists(), "{}", std::fs::read_to_string(report).unwrap_or_default());
        }
    }
}

#[test]
fn plugins_are_found_listed_and_asked() {
    let stage = Stage::new();
    // What is installed for all is found as well.
    let first = stage.well(&["plugins", "scan"]);
    assert!(first.contains("files looked at, 0 known already") && !first.contains(" 0 files"), "{first}");
    let second = stage.well(&["plugins", "scan"]);
    assert!(second.contains("; 0 files looked at"), "{second}");
    assert!(stage.desk.path("cache/omegastudio/plugins.json").is_file());
    let list: Value = serde_json::from_str(&stage.well(&["plugins", "list", "--json"])).unwrap();
    let ids: Vec<&str> =
        list.as_array().unwrap().iter().map(|plugin| plugin["id"].as_str().unwrap()).collect();
    assert!(ids.contains(&"org.omega.test.gain"), "{ids:?}");
    let info = stage.well(&["plugins", "info", "org.omega.test.latency"]);
    assert!(info.contains("latency 512 frames") && info.contains("Gain: 0.0 dB"), "{info}");
    let nobody = stage.command(&["plugins", "info", "org.nobody"]).output().unwrap();
    assert_eq!(nobody.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nobody.stderr).contains("not installed here"));
}

#[test]
fn a_plugin_that_does_nothing_nulls_whatever_its_latency_and_one_that_does_something_does_not() {
    let stage = Stage::new();
    let plain = stage.render("plain.wav");
    let gain = stage.add("gain");
    assert_eq!(stage.render("gain.wav"), plain);
    stage.add("latency");
    assert_eq!(stage.render("latency.wav"), plain, "its latency is compensated");
    stage.set(&gain, "1", "-6.4");
    let quieter = stage.render("quieter.wav");
    assert_ne!(quieter, plain);
    assert_eq!(stage.render("again.wav"), quieter);
    let info = stage.well(&["info", "song.omega"]);
    assert!(
        info.contains("clap:org.omega.test.gain") && info.contains("outside what a render promises"),
        "{info}"
    );
    stage.well(&["undo", "song.omega"]);
    assert_eq!(stage.render("undone.wav"), plain);
}

#[test]
fn a_render_names_the_plugin_that_crashed() {
    let stage = Stage::new();
    let device = stage.add("aborts");
    stage.set(&device, "2", "1");
    let output = stage.command(&["render", "song.omega", "-o", "crash.wav"]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("Test aborts on ramp"), "{errors}");
    assert!(!stage.desk.path("crash.wav").exists());
}

#[test]
fn a_plugin_that_is_missing_passes_the_sound_on_and_keeps_what_is_known_of_it() {
    let stage = Stage::new();
    let plain = stage.render("plain.wav");
    let device = stage.add("latency");
    stage.set(&device, "1", "-6.4");
    std::fs::remove_file(stage.desk.path("clap/Test.clap")).unwrap();
    assert_eq!(stage.render("missing.wav"), plain);
    let kept = stage.desk.project()["devices"][&device].clone();
    assert_eq!(
        (&kept["kind"], &kept["params"]["1"]),
        (&"clap:org.omega.test.latency".into(), &(-6.4).into())
    );
}

#[test]
fn a_preset_is_listed_loaded_heard_and_undone() {
    let stage = Stage::new();
    let folder = stage.desk.path("clap/Test.clap.presets");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("Soft.testpreset"), "-19.2").unwrap();
    let device = stage.add("gain");
    let plain = stage.render("plain.wav");
    let listed = stage.well(&["plugins", "presets", "org.omega.test.gain", "--json"]);
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let names: Vec<&str> =
        listed.as_array().unwrap().iter().map(|preset| preset["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["Half", "Quiet", "Soft"]);
    let listed = stage.well(&["plugins", "presets", "org.omega.test.gain"]);
    assert!(
        listed.contains("in the plugin, by OmegaStudio") && listed.contains("Soft.testpreset"),
        "{listed}"
    );
    stage.set(&device, "1", "-3");
    let load = ["plugins", "load-preset", "song.omega", &device];
    stage.well(&[&load[..], &["--name", "Half"]].concat());
    let half = stage.render("half.wav");
    assert_ne!(half, plain);
    assert_eq!(
        stage.desk.project()["devices"][&device]["params"]["1"],
        Value::Null,
        "the preset has the values"
    );
    let file = folder.join("Soft.testpreset").display().to_string();
    stage.well(&[&load[..], &["--file", &file]].concat());
    assert_ne!(stage.render("soft.wav"), half);
    stage.well(&["undo", "song.omega"]);
    assert_eq!(stage.render("undone.wav"), half);
    let nobody = stage.command(&[&load[..], &["--name", "Nobody"]].concat()).output().unwrap();
    let errors = String::from_utf8_lossy(&nobody.stderr);
    assert!(nobody.status.code() == Some(1) && errors.contains("omega plugins presets"), "{errors}");
    assert_eq!(stage.render("as-before.wav"), half);
}

#[test]
fn a_worker_serves_nobody_but_the_program_that_started_it() {
    let desk = Desk::new();
    let errors = desk.refused(1, &["plugin-worker", "1"]);
    assert!(errors.contains("serves the program that started it"), "{errors}");
    assert!(!desk.well(&["--help"]).contains("plugin-worker"));
}
