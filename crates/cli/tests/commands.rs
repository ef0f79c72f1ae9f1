//! The `omega` binary as people and scripts run it.

mod common;

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use common::Desk;
use serde_json::Value;

#[test]
fn a_session_from_its_making_to_its_sound() {
    let desk = Desk::new();
    let track = desk.session();
    let info = desk.json(&["info", "song.omega", "--json"]);
    // A quarter of 120 BPM, and the second that the file lasts.
    assert_eq!((&info["frames"], &info["sample_rate"]), (&72_000.into(), &48_000.into()));
    assert!(desk.well(&["info", "song.omega"]).contains("'ramp'"));

    desk.well(&["edit", "song.omega", "track.volume", "--id", &track, "--db", "-6"]);
    let volume = |project: &Value| project["tracks"][&track]["volume_db"].as_f64();
    assert_eq!(volume(&desk.project()), Some(-6.0));
    assert!(desk.well(&["undo", "song.omega"]).contains("track.volume"));
    assert_eq!(volume(&desk.project()), None);
    desk.well(&["redo", "song.omega"]);
    assert_eq!(volume(&desk.project()), Some(-6.0));
    let history = desk.json(&["history", "song.omega", "--json"]);
    let kinds: Vec<&str> =
        history.as_array().unwrap().iter().map(|step| step["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds[kinds.len() - 4..], ["edit", "edit", "undo", "redo"]);
    assert!(history.as_array().unwrap().iter().skip(1).all(|step| step["author"] == "ann"));

    let render = |name: &str, more: &[&str]| {
        let report = desk.json(&[&["render", "song.omega", "--json", "-o", name], more].concat());
        assert!(desk.path(name).is_file());
        (report["blake3"].as_str().unwrap().to_owned(), report["frames"].as_u64().unwrap())
    };
    let plain = render("a.wav", &["--tail", "none"]);
    assert_eq!(plain.1, 72_000);
    assert_eq!(
        plain,
        render("b.flac", &["--tail", "none", "--block", "random:9", "--simd", "scalar", "--dither"])
    );
    assert_eq!(
        plain,
        render("c.wav", &["--tail", "none", "--block", "37", "--simd", "sse2", "--bits", "16"])
    );
    let part = render("d.wav", &["--range", "1|2|0..0:01", "--tail", "none"]);
    assert!(part.1 == 24_000 && part.0 != plain.0);
    render("e.wav", &["--stems", "--tail", "0.5"]);
    assert!(desk.path("e.ramp.wav").is_file());
}

#[test]
fn fields_are_read_as_the_verb_needs_them() {
    let desk = Desk::new();
    desk.session();
    // A name that looks like a number, a tempo that is a text, a place in bars, a flag, an object.
    let bus = desk.well(&["edit", "song.omega", "track.add", "--name", "808", "--kind", "bus"]);
    assert_eq!(desk.project()["tracks"][bus.trim()]["name"], "808");
    desk.well(&["edit", "song.omega", "tempo.add", "--at", "5|1|0", "--tempo", "97.5"]);
    let tempo = desk.project()["tempo"].as_object().unwrap().values().next().unwrap().clone();
    assert_eq!((&tempo["at"], &tempo["tempo"]), (&1_290_240.into(), &"97.5".into()));
    let clip = desk.project()["clips"].as_object().unwrap().keys().next().unwrap().clone();
    desk.well(&["edit", "song.omega", "clip.move", "--id", &clip, "--position", "3|1"]);
    assert_eq!(desk.project()["clips"][&clip]["position"], "645120t");
    desk.well(&["edit", "song.omega", "clip.mute", "--id", &clip, "--on=true"]);
    desk.well(&[
        "edit",
        "song.omega",
        "clip.fade",
        "--id",
        &clip,
        "--in",
        r#"{"length": 480, "shape": "s-curve"}"#,
    ]);
    desk.well(&["edit", "song.omega", "loop.set", "--on", "true", "--range", "1|1..3|1"]);
    let project = desk.project();
    assert_eq!(project["session"]["loop_range"]["range"], "0t..645120t");
    assert_eq!(project["clips"][&clip]["mute"], true);
    let listed = desk.well(&["edit", "--list"]);
    assert!(listed.lines().count() > 70 && listed.contains("clip.crossfade"));
}

#[test]
fn a_batch_is_done_whole_or_not_at_all() {
    let desk = Desk::new();
    let track = desk.session();
    let feed = |text: &str| {
        let mut command = desk.command(&["edit", "song.omega", "--json", "-", "--name", "two things"]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let before = desk.project();
    let wrong = [
        format!(
            r#"[{{"edit":"track.mute","id":"{track}","on":true}},{{"edit":"track.mute","id":"none","on":true}}]"#
        ),
        format!(
            r#"[{{"edit":"track.mute","id":"{track}","on":true}},{{"edit":"track.mute","id":"{track}","on":3}}]"#
        ),
        format!(r#"[{{"edit":"track.mute","id":"{track}","on":true}},"#),
        format!(r#"[{{"edit":"track.mute","id":"{track}","on":true}},{{"edit":"no.such"}}]"#),
        "\u{0}\u{1}".to_owned(),
    ];
    for text in &wrong {
        let output = feed(text);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && errors.starts_with("error: "), "{text}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert_eq!(desk.project(), before, "{text}");
    }
    let right = format!(
        r#"[{{"edit":"track.mute","id":"{track}","on":true}},{{"edit":"marker.add","at":"0t","name":"Here"}}]"#
    );
    assert_eq!(feed(&right).status.code(), Some(0));
    let history = desk.json(&["history", "song.omega", "--json", "--last", "1"]);
    assert_eq!(history[0]["name"], "two things");
    desk.well(&["undo", "song.omega"]);
    assert_eq!(desk.project(), before);
}

#[test]
fn what_is_asked_for_wrongly_is_refused_in_a_line() {
    let desk = Desk::new();
    let track = desk.session();
    let usage: [(&[&str], &str); 12] = [
        (&["frobnicate"], "frobnicate"),
        (&["render", "song.omega"], "--output"),
        (&["render", "song.omega", "-o", "x.wav", "--bits", "12"], "12"),
        (&["render", "song.omega", "-o", "x.wav", "--block", "0"], "1048576"),
        (&["render", "song.omega", "-o", "x.wav", "--tail", "-1"], "tail"),
        (&["render", "song.omega", "-o", "x.wav", "--range", "1|1"], "A..B"),
        (&["render", "song.omega", "-o", "x.wav", "--range", "9|1..2|1"], "empty"),
        (&["render", "song.omega", "-o", "x.flac", "--bits", "float"], "FLAC"),
        (&["edit", "song.omega", "track.explode"], "track.mute"),
        (&["edit", "song.omega", "track.volume", "--id"], "--id has no value"),
        (&["edit", "song.omega", "track.volume", "--id", &track], "db"),
        (&["edit", "song.omega", "track.volume", "--id", &track, "--db", "loud"], "--db"),
    ];
    for (arguments, why) in usage {
        let errors = desk.refused(2, arguments);
        assert!(errors.contains(why), "{arguments:?}: {errors}");
    }
    let failures: [(&[&str], &str); 7] = [
        (&["info", "nothing.omega"], "nothing.omega"),
        (&["new", "song.omega"], "song.omega"),
        (&["import", "song.omega", "nothing.wav"], "nothing.wav"),
        (&["edit", "song.omega", "track.volume", "--id", "trk-none", "--db", "3"], "trk-none"),
        (&["edit", "song.omega", "track.volume", "--id", &track, "--db", "1e9"], "out of range"),
        (&["render", "song.omega", "-o", "no/such/folder/x.wav"], "no/such/folder"),
        (&["redo", "song.omega"], "nothing to redo"),
    ];
    for (arguments, why) in failures {
        let errors = desk.refused(1, arguments);
        assert!(errors.contains(why) && errors.lines().count() == 1, "{arguments:?}: {errors}");
    }
    assert!(!desk.path("x.wav").exists());
}

#[test]
fn sessions_of_garbage_are_refused() {
    let desk = Desk::new();
    let make = |name: &str, text: &[u8]| {
        std::fs::create_dir_all(desk.path(name)).unwrap();
        std::fs::write(desk.path(name).join("project.json"), text).unwrap();
    };
    make("empty.omega", b"");
    make("noise.omega", &(0..4096u32).map(|n| n.wrapping_mul(97).to_le_bytes()[0]).collect::<Vec<_>>());
    make("deep.omega", "[".repeat(100_000).as_bytes());
    make("newer.omega", br#"{"format": "omega-session", "schema": 999, "session": {"name": "x"}}"#);
    std::fs::write(desk.path("file.omega"), b"no folder").unwrap();
    for name in ["empty.omega", "noise.omega", "deep.omega", "newer.omega", "file.omega"] {
        for command in ["info", "undo", "history", "play"] {
            desk.refused(1, &[command, name]);
        }
        desk.refused(1, &["render", name, "-o", "x.wav"]);
    }
    assert!(!desk.path("x.wav").exists());
    // What is no session is not replaced.
    std::fs::create_dir(desk.path("precious")).unwrap();
    std::fs::write(desk.path("precious/thesis.txt"), b"text").unwrap();
    desk.refused(1, &["demo", "precious", "--force"]);
    assert!(desk.path("precious/thesis.txt").is_file());
}

#[test]
fn playing_without_hardware_counts_and_ends() {
    let desk = Desk::new();
    desk.session();
    let counts =
        desk.well(&["play", "song.omega", "--backend", "timer", "--seconds", "0.2", "--from", "1|2"]);
    assert!(counts.contains("blocks") && counts.contains("xruns"), "{counts}");
    let ended = desk.well(&["play", "song.omega", "--backend", "timer", "--from", "0:01.4", "-q"]);
    assert!(ended.contains("frames"), "{ended}");
}

#[test]
fn hardware_that_is_not_there_is_told_and_not_replaced_by_silence() {
    let desk = Desk::new();
    desk.session();
    let told = desk.refused(1, &["play", "song.omega", "--device", "no hardware is called that"]);
    assert!(told.contains("no hardware is called that") || told.contains("cannot be used"), "{told}");
    let told = desk.refused(2, &["play", "song.omega", "--backend", "gramophone"]);
    assert!(told.contains("pipewire") && told.contains("alsa"), "{told}");
    for backend in desk.json(&["devices", "--json"]).as_array().unwrap() {
        assert!(backend["reason"].is_string() || backend["devices"].is_array(), "{backend}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let desk = Desk::new();
    let mut child =
        desk.command(&["edit", "--list"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn every_command_has_an_example_and_shells_complete_them() {
    let desk = Desk::new();
    let commands = [
        "new",
        "import",
        "info",
        "edit",
        "undo",
        "redo",
        "history",
        "takes",
        "save-as",
        "template",
        "collect",
        "clean",
        "play",
        "render",
        "devices",
        "doctor",
        "demo",
        "completions",
    ];
    let bash = desk.well(&["completions", "bash"]);
    for command in commands {
        let help = desk.well(&[command, "--help"]);
        assert!(help.contains("Example") && help.contains(&format!("omega {command}")), "{command}: {help}");
        assert!(bash.contains(command));
    }
    assert!(Path::new(env!("CARGO_BIN_EXE_omega")).is_file());
    let devices = desk.json(&["devices", "--json"]);
    assert!(devices.as_array().unwrap().iter().any(|backend| backend["backend"] == "timer"));
    let doctor = desk.run(&["doctor", "--json"]);
    let findings: Value = serde_json::from_slice(&doctor.stdout).unwrap();
    let problem = findings.as_array().unwrap().iter().any(|finding| finding["state"] == "problem");
    assert_eq!(doctor.status.code(), Some(i32::from(problem)));
}

#[test]
fn damage_to_the_history_is_told_without_being_asked() {
    let desk = Desk::new();
    desk.well(&["new", "song.omega", "--seed", "5", "-q"]);
    desk.well(&["edit", "song.omega", "track.add", "--kind", "audio", "--id", "drums"]);
    let log = std::fs::read_dir(desk.path("song.omega/history")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[60] ^= 1;
    std::fs::write(&log, &bytes).unwrap();
    let output = desk.run(&["edit", "song.omega", "track.volume", "--id", "drums", "--db", "-6"]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{errors}");
    assert!(
        errors.contains("warning: ") && errors.contains("damaged; the file is kept as it is"),
        "{errors}"
    );
    assert!(errors.contains("facts were taken from project.json"), "{errors}");
    assert_eq!(std::fs::read(&log).unwrap(), bytes);
    assert_eq!(desk.project()["tracks"]["drums"]["volume_db"], -6.0);
    let output = desk.run(&["info", "song.omega"]);
    assert_eq!(output.stderr, b"", "it is told once");
}

#[test]
fn sessions_are_copied_templates_made_and_media_brought_in_and_cleaned_up() {
    let desk = Desk::new();
    let track = desk.session();
    desk.well(&["edit", "song.omega", "track.volume", "--id", &track, "--db", "-6"]);
    desk.well(&["save-as", "song.omega", "copy.omega"]);
    desk.well(&["edit", "copy.omega", "track.rename", "--id", &track, "--name", "only here"]);
    assert_eq!(desk.project()["tracks"][&track]["name"], "ramp");
    let history = |session| desk.json(&["history", session, "--json"]).as_array().unwrap().len();
    assert_eq!(history("copy.omega"), history("song.omega") + 1, "the copy has the history");
    assert!(desk.refused(1, &["save-as", "song.omega", "copy.omega"]).contains("is there already"));

    desk.well(&["template", "song.omega", "band.json"]);
    assert!(desk.refused(1, &["template", "song.omega", "band.json"]).contains("is there already"));
    desk.well(&["new", "next.omega", "--template", "band.json", "-q"]);
    let next = desk.json(&["info", "next.omega", "--json"]);
    assert_eq!(next["project"]["tracks"][&track]["volume_db"], -6.0);
    assert_eq!((&next["counts"]["clips"], &next["counts"]["media"]), (&0.into(), &0.into()));
    assert_eq!(next["project"]["session"]["name"], "next");
    desk.well(&["new", "fast.omega", "--template", "band.json", "--rate", "96000", "-q"]);
    assert_eq!(desk.json(&["info", "fast.omega", "--json"])["sample_rate"], 96_000);
    assert!(desk.refused(1, &["new", "x.omega", "--template", "ramp.wav"]).contains("ramp.wav"));
    assert!(desk.refused(1, &["new", "x.omega", "--template", "none.json"]).contains("no such template"));
    assert!(!desk.path("x.omega").exists());

    let media = desk.project()["media"].as_object().unwrap().keys().next().unwrap().clone();
    let inside = desk.path("song.omega").join(desk.project()["media"][&media]["file"].as_str().unwrap());
    std::fs::rename(&inside, desk.path("outside.wav")).unwrap();
    let outside = desk.path("outside.wav").display().to_string();
    desk.well(&["edit", "song.omega", "media.relink", "--id", &media, "--file", &outside]);
    desk.well(&["collect", "song.omega"]);
    let file = desk.project()["media"][&media]["file"].as_str().unwrap().to_owned();
    assert!(file.starts_with("media/") && desk.path("song.omega").join(&file).is_file());
    std::fs::write(desk.path("song.omega/media/stray.wav"), "stray").unwrap();
    assert_eq!(desk.well(&["clean", "song.omega", "--dry-run"]).trim(), "media/stray.wav");
    assert!(desk.path("song.omega/media/stray.wav").exists());
    assert_eq!(desk.well(&["clean", "song.omega"]).trim(), "media/stray.wav");
    assert!(!desk.path("song.omega/media/stray.wav").exists());
    assert!(desk.path("song.omega").join(&file).is_file());
}

#[test]
fn a_parameter_that_a_device_does_not_have_is_refused_and_the_right_one_named() {
    let desk = Desk::new();
    let track = desk.session();
    let add = ["edit", "song.omega", "device.add", "--id", "d", "--track", &track, "--kind"];
    desk.well(&[&add[..], &["omega.compressor"]].concat());
    let before = desk.project();
    let set = |param, value| {
        ["edit", "song.omega", "device.param", "--id", "d", "--param", param, "--value", value]
    };
    let errors = desk.refused(1, &set("treshold", "-20"));
    assert!(errors.contains("did you mean \"threshold\"?"), "{errors}");
    let errors = desk.refused(1, &set("threshold", "20000"));
    assert!(errors.contains("out of range") && errors.contains(" dB"), "{errors}");
    let lane = ["edit", "song.omega", "lane.add", "--target", "device/d/treshold"];
    assert!(desk.refused(1, &lane).contains("did you mean"));
    assert_eq!(desk.project(), before);
    desk.well(&set("threshold", "-20"));
    // By hand it may say anything: it opens, and is forced into the range when it is heard.
    let path = desk.path("song.omega/project.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"threshold\": -20.0", "\"threshold\": -2e6")).unwrap();
    assert_eq!(desk.project()["devices"]["d"]["params"]["threshold"], -2e6);
    desk.well(&["render", "song.omega", "-o", "x.wav", "--tail", "none", "-q"]);
}

#[test]
fn takes_are_listed_with_what_the_comp_lets_sound() {
    let desk = Desk::new();
    let track = desk.session();
    let edit = |words: &[&str]| desk.well(&[&["edit", "song.omega"], words].concat());
    assert_eq!(desk.well(&["takes", "song.omega"]), "");
    let media = desk.project()["media"].as_object().unwrap().keys().next().unwrap().clone();
    for (take, at) in [("one", "0f"), ("two", "4800f")] {
        edit(&["take.add", "--track", &track, "--id", take]);
        edit(&["clip.add", "--track", &track, "--take", take, "--media", &media, "--position", at]);
    }
    edit(&["comp.take", "--take", "one"]);
    edit(&["comp.set", "--take", "two", "--range", "10000f..20000f", "--fade", "100", "--id", "span"]);
    let info = desk.json(&["info", "song.omega", "--json"]);
    assert_eq!((&info["counts"]["takes"], &info["frames"]), (&2.into(), &72_000.into()));
    assert!(desk.well(&["info", "song.omega"]).contains("3 clips (2 takes)"));
    let listed = desk.well(&["takes", "song.omega"]);
    let lines: Vec<&str> = listed.lines().map(str::trim).collect();
    assert_eq!(lines.len(), 6, "{listed}");
    assert!(
        lines[0].ends_with("'ramp'") && lines[1] == "one  'Take 1'  1 clips" && lines[2].contains("'Take 2'")
    );
    assert!(lines[3].starts_with("0..10000  one  'Take 1'  fade 480"), "{listed}");
    assert_eq!(lines[4], "10000..20000  two  'Take 2'  fade 100  span");
    assert!(lines[5].starts_with("20000..48000  one"), "{listed}");
    let all = desk.json(&["takes", "song.omega", "--json"]);
    let here = &all["tracks"][0];
    assert_eq!(here["id"], track.as_str());
    assert_eq!(here["takes"][1]["clips"][0]["start"], 4_800);
    let comp = here["comp"].as_array().unwrap();
    assert_eq!(comp.len(), 3);
    assert_eq!(
        (&comp[1]["take"], &comp[1]["start"], &comp[1]["end"]),
        (&"two".into(), &10_000.into(), &20_000.into())
    );
    assert_eq!(comp[1]["position"], "10000f");
    desk.well(&["render", "song.omega", "-o", "x.wav", "--tail", "none", "-q"]);
}
