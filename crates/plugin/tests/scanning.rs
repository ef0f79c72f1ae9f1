//! A scan finds what there is, whatever else lies there.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "tests prepare and judge off the audio thread"
)]
#![cfg(target_os = "linux")]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "numbers of frames in a test are small"
)]

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{Plugs, worker};
use omega_plugin::Way;
use omega_plugin::scan::{Scan, ScanOptions, scan};
use omega_testplugs::{Kind, id};

fn options(plugs: &Plugs) -> ScanOptions {
    let Way::Worker(program) = worker() else { unreachable!() };
    ScanOptions {
        folders: vec![plugs.folder().to_owned()],
        cache: Some(plugs.folder().join("cache/plugins.json")),
        fresh: false,
        patience: Duration::from_secs(5),
        program,
    }
}

fn trouble<'a>(scan: &'a Scan, file: &str) -> Vec<(Option<&'a str>, &'a str)> {
    let of = |path: &Path| path.file_name() == Some(file.as_ref());
    let troubles = scan.troubles.iter().filter(|trouble| of(&trouble.file));
    troubles.map(|trouble| (trouble.plugin.as_deref(), trouble.what.as_str())).collect()
}

#[test]
fn each_plugin_is_found_with_what_it_has() {
    let plugs = Plugs::new();
    let scan = scan(&options(&plugs), &mut |_| {}).unwrap();
    assert_eq!((scan.troubles.as_slice(), scan.looked, scan.remembered), (&[][..], 1, 0));
    let sines = scan.find(&id(Kind::Sines)).unwrap();
    assert_eq!(sines.location, plugs.location(Kind::Sines));
    let info = &sines.info;
    assert_eq!(
        (info.name.as_str(), info.vendor.as_str(), info.version.as_str()),
        ("Test sines", "OmegaStudio", "1.0")
    );
    assert_eq!((info.inputs.len(), info.outputs.len(), info.params), (0, 1, 2));
    assert!(info.is_instrument() && info.has_state && info.note_inputs[0].clap && !info.note_inputs[0].midi);
    let side = &scan.find(&id(Kind::SideChain)).unwrap().info;
    assert_eq!(
        side.inputs.iter().map(|port| (port.channels, port.main)).collect::<Vec<_>>(),
        [(2, true), (2, false)]
    );
    assert!(!side.is_instrument());
    assert!(!scan.find(&id(Kind::Stateless)).unwrap().info.has_state);
}

#[test]
fn what_crashes_or_hangs_is_named_and_the_rest_is_found() {
    let plugs = Plugs::new();
    for name in ["crash-on-load.clap", "hang-on-load.clap", "mines.clap"] {
        plugs.copy(name);
    }
    let put = |name: &str, bytes: &[u8]| std::fs::write(plugs.folder().join(name), bytes).unwrap();
    put("empty.clap", b"");
    put("text.clap", b"this is no plugin");
    let whole = std::fs::read(plugs.folder().join("Test.clap")).unwrap();
    put("part.clap", &whole[..20_000]);
    std::fs::create_dir(plugs.folder().join("folder.clap")).unwrap();
    let scan = scan(&options(&plugs), &mut |_| {}).unwrap();

    let crash = trouble(&scan, "crash-on-load.clap");
    assert!(
        matches!(crash.as_slice(), [(None, what)] if what.contains("crashed") && what.contains("SIGABRT")),
        "{crash:?}"
    );
    let hang = trouble(&scan, "hang-on-load.clap");
    assert!(matches!(hang.as_slice(), [(None, what)] if what.contains("did not answer")), "{hang:?}");
    let mines = trouble(&scan, "mines.clap");
    let named: Vec<_> = mines.iter().map(|(plugin, _)| plugin.unwrap().to_owned()).collect();
    assert_eq!(named, [id(Kind::CrashesWhenMade), id(Kind::HangsWhenMade)]);
    for name in ["empty.clap", "text.clap"] {
        assert!(
            matches!(trouble(&scan, name).as_slice(), [(None, what)] if what.contains("cannot be loaded"))
        );
    }
    assert_eq!(trouble(&scan, "part.clap").len(), 1);
    let of = |name: &str| scan.plugins.iter().filter(|found| found.location.file.ends_with(name)).count();
    assert_eq!((of("mines.clap"), of("Test.clap")), (Kind::ALL.len() - 2, Kind::ALL.len() - 2));
}

#[test]
fn a_file_is_looked_at_again_only_when_it_changed() {
    let plugs = Plugs::new();
    let options = options(&plugs);
    let looked = |options: &ScanOptions| {
        let mut files: Vec<PathBuf> = Vec::new();
        let scan = scan(options, &mut |file| files.push(file.to_owned())).unwrap();
        assert_eq!((files.len(), &scan.cache_error), (scan.looked, &None));
        (scan.looked, scan.remembered, scan.plugins)
    };
    let (first, second) = (looked(&options), looked(&options));
    assert_eq!(((first.0, first.1), (second.0, second.1)), ((1, 0), (0, 1)));
    assert_eq!(first.2, second.2);
    plugs.copy("crash-on-load.clap");
    assert_eq!(looked(&options).0, 1);
    assert_eq!((looked(&options).0, looked(&options).1), (0, 2), "what crashed is not tried again and again");
    // The same file with another time of change.
    let file = std::fs::File::options().append(true).open(plugs.folder().join("Test.clap")).unwrap();
    file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    drop(file);
    let touched = looked(&options);
    assert_eq!((touched.0, touched.1), (1, 1));
    assert_eq!(looked(&ScanOptions { fresh: true, ..options.clone() }).0, 2);
    std::fs::write(options.cache.as_ref().unwrap(), b"{\"omega_plugin_cache\":").unwrap();
    assert_eq!(looked(&options).0, 2, "a broken cache is none");
}

#[test]
fn a_cache_that_cannot_be_written_is_told_and_nothing_else_is_lost() {
    let plugs = Plugs::new();
    let cache = Some(plugs.folder().join("Test.clap/plugins.json"));
    let scan = scan(&ScanOptions { cache, ..options(&plugs) }, &mut |_| {}).unwrap();
    assert!(scan.cache_error.is_some() && scan.plugins.len() == Kind::ALL.len() - 2);
}
