//! MIDI files from the command line: in, shown, out, and heard through an instrument.

mod common;

use common::Desk;

/// A file with two tracks at 480 ticks to a quarter note: a held C with a pedal, and three notes.
fn file() -> Vec<u8> {
    let conductor: &[u8] = &[0, 0xff, 0x51, 3, 0x0f, 0x42, 0x40, 0, 0xff, 0x2f, 0];
    let held: &[u8] = &[
        0, 0xff, 3, 3, b'P', b'a', b'd', 0, 0xb0, 64, 127, 0, 0x90, 48, 90, 0x87, 0x40, 48, 0, 0, 0xff, 0x2f,
        0,
    ];
    let three: &[u8] = &[
        0, 0xff, 3, 4, b'L', b'e', b'a', b'd', 0, 0x90, 60, 1, 0x81, 0x70, 60, 0, 0, 64, 100, 0x81, 0x70, 64,
        0, 0, 67, 127, 0x81, 0x70, 67, 0, 0, 0xff, 0x2f, 0,
    ];
    let mut bytes = b"MThd\0\0\0\x06\0\x01\0\x03\x01\xe0".to_vec();
    for track in [conductor, held, three] {
        bytes.extend(b"MTrk");
        bytes.extend(u32::try_from(track.len()).unwrap().to_be_bytes());
        bytes.extend(track);
    }
    bytes
}

#[test]
fn a_midi_file_comes_in_is_shown_and_goes_out_with_the_same_notes() {
    let desk = Desk::new();
    desk.well(&["new", "song.omega", "-q"]);
    std::fs::write(desk.path("a.mid"), file()).unwrap();
    let report = desk.json(&["midi", "import", "song.omega", "a.mid", "--tempo", "--json"]);
    assert_eq!(report["tracks"][1]["notes"], 3);
    let info = desk.json(&["info", "song.omega", "--json"]);
    let lead = info["notes"].as_array().unwrap().iter().find(|track| track["notes"] == 3).unwrap();
    assert_eq!((lead["lowest_key"].as_i64(), lead["highest_key"].as_i64()), (Some(60), Some(67)));
    assert!(info["frames"].as_i64().unwrap() >= 96_000, "two quarter notes at 60 BPM");
    let shown = desk.well(&["info", "song.omega"]);
    assert!(
        shown.contains("1 clips, 1 of notes (3 notes, keys 60 to 67)") && shown.contains("60.00 BPM"),
        "{shown}"
    );
    desk.well(&["midi", "export", "song.omega", "b.mid"]);
    let refused = desk.refused(1, &["midi", "export", "song.omega", "b.mid"]);
    assert!(refused.contains("cannot write 'b.mid'"), "nothing is written over: {refused}");
    desk.well(&["new", "again.omega", "-q"]);
    desk.well(&["midi", "import", "again.omega", "b.mid", "--tempo"]);
    desk.well(&["midi", "export", "again.omega", "c.mid"]);
    let read = |name| std::fs::read(desk.path(name)).unwrap();
    assert_eq!(read("b.mid"), read("c.mid"));
    desk.well(&["undo", "song.omega", "-q"]);
    assert_eq!(desk.json(&["info", "song.omega", "--json"])["counts"]["clips"], 0);
}

#[test]
fn what_is_no_midi_file_or_goes_nowhere_is_refused_and_changes_nothing() {
    let desk = Desk::new();
    let track = desk.session();
    let before = desk.project();
    std::fs::write(desk.path("a.mid"), file()).unwrap();
    for (arguments, code, message) in [
        (vec!["ramp.wav"], 1, "this is no MIDI file"),
        (vec!["none.mid"], 1, "cannot read 'none.mid'"),
        (vec!["."], 1, "'.' is no file"),
        (vec!["a.mid", "--track", "nobody"], 2, "there is no track 'nobody'"),
        (vec!["a.mid", "--track", "master"], 1, "clips lie on audio tracks"),
        (vec!["a.mid", "--tempo", "--at", "2|1"], 2, "begins at the start"),
    ] {
        let arguments = [&["midi", "import", "song.omega"], &arguments[..]].concat();
        let refused = desk.refused(code, &arguments);
        assert!(refused.contains(message), "{refused}\nwants {message}");
    }
    let refused = desk.refused(1, &["midi", "export", "song.omega", "x.mid", "--track", &track]);
    assert!(refused.contains("no clip of notes is heard"), "{refused}");
    assert!(!desk.path("x.mid").exists());
    assert_eq!(desk.project(), before);
    desk.well(&["midi", "import", "song.omega", "a.mid", "--track", &track, "--at", "3|1"]);
    assert_eq!(desk.project()["clips"].as_object().unwrap().len(), 3);
}

#[cfg(target_os = "linux")]
#[test]
fn an_instrument_in_a_worker_is_heard_with_one_hash_at_any_block_size() {
    let desk = Desk::new();
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_owned();
    std::fs::create_dir(desk.path("clap")).unwrap();
    std::fs::copy(folder.join("libomega_testplugs.so"), desk.path("clap/Test.clap")).unwrap();
    desk.well(&["new", "song.omega", "-q"]);
    std::fs::write(desk.path("a.mid"), file()).unwrap();
    desk.well(&["midi", "import", "song.omega", "a.mid"]);
    let run = |arguments: &[&str]| {
        let mut command = desk.command(arguments);
        command.env("CLAP_PATH", desk.path("clap")).env("HOME", desk.path("home"));
        let output = command.env("XDG_CACHE_HOME", desk.path("cache")).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
        (String::from_utf8(output.stdout).unwrap(), errors)
    };
    let render = |name: &str, block: &str| {
        let (report, errors) =
            run(&["render", "song.omega", "--json", "--tail", "none", "--block", block, "-o", name]);
        let report: serde_json::Value = serde_json::from_str(&report).unwrap();
        (report["blake3"].as_str().unwrap().to_owned(), errors)
    };
    let (silent, told) = render("silent.wav", "256");
    assert!(told.contains("no device on it takes notes"), "{told}");
    let tracks = desk.json(&["info", "song.omega", "--json"])["notes"].as_array().unwrap().clone();
    for track in &tracks {
        let track = track["track"].as_str().unwrap();
        run(&["edit", "song.omega", "device.add", "--track", track, "--clap", "org.omega.test.sines"]);
    }
    let (heard, _) = render("a.wav", "256");
    assert_ne!(heard, silent, "the notes are heard");
    for (name, block) in [("b.wav", "64"), ("c.wav", "1"), ("d.wav", "4096")] {
        assert_eq!(render(name, block).0, heard, "blocks of {block}");
    }
    let clips = desk.project()["clips"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    for clip in clips {
        run(&["edit", "song.omega", "clip.mute", "--id", &clip, "--on", "true"]);
    }
    assert_eq!(render("e.wav", "256").0, silent, "muted notes are not");
}
