//! Parameters of devices are checked when they are edited, where somebody knows the device; what is stored stays.

mod support;

use omega_processor::{ParamInfo, Taper, Unit};
use omega_session::edit::*;
use omega_session::{
    CreateOptions, DeviceId, Document, Edit, LaneId, OpenOptions, ParamTarget, PointShape, TrackId, TrackKind,
};
use omega_time::{Ticks, TimePoint, TimeRange};

/// Knows one device.
fn params_of(kind: &str) -> Option<Vec<ParamInfo>> {
    let names = ["bell", "shelf"].map(std::borrow::Cow::Borrowed).to_vec();
    (kind == "omega.tone").then(|| {
        vec![
            ParamInfo::new("gain", "Gain", Unit::Decibels, [-24.0, 24.0], 0.0),
            ParamInfo::new("frequency", "Frequency", Unit::Hertz, [20.0, 20_000.0], 1_000.0),
            ParamInfo::new("type", "Type", Unit::None, [0.0, 1.0], 0.0).taper(Taper::Choice(names)),
        ]
    })
}

fn track() -> TrackId {
    TrackId::new("drums").unwrap()
}

fn device(text: &str) -> DeviceId {
    DeviceId::new(text).unwrap()
}

fn add(id: &str, kind: &str) -> DeviceAdd {
    DeviceAdd { id: Some(device(id)), ..DeviceAdd::new(track(), kind) }
}

fn lane(id: &str, param: &str) -> LaneAdd {
    LaneAdd {
        id: LaneId::new(&format!("{id}-{param}")).ok(),
        ..LaneAdd::new(ParamTarget::Device(device(id), param.to_owned()))
    }
}

fn point(lane: &str, value: f64) -> PointAdd {
    let at = TimePoint::Musical(Ticks(0));
    PointAdd { lane: LaneId::new(lane).unwrap(), id: None, at, value, shape: PointShape::Linear }
}

fn set(id: &str, param: &str, value: Option<f64>) -> Edit {
    DeviceParam { id: device(id), param: param.to_owned(), value }.into()
}

fn song() -> Document {
    let mut document = Document::in_memory(&CreateOptions::seeded("Song", 1));
    let edits: [Edit; 7] = [
        TrackAdd { id: Some(track()), ..TrackAdd::new(TrackKind::Audio, "Drums") }.into(),
        add("known", "omega.tone").into(),
        add("plugin", "clap.somebody.reverb").into(),
        lane("known", "gain").into(),
        // Nobody knew the devices when this was made.
        lane("known", "gone").into(),
        point("known-gone", 5.0).into(),
        set("known", "old", Some(1.0)),
    ];
    document.apply_group("song", &edits).unwrap();
    document.check_params_with(params_of);
    document
}

#[test]
fn what_a_known_device_does_not_take_is_refused_and_what_it_takes_is_named() {
    let mut document = song();
    let write = |value| LaneWrite {
        id: LaneId::new("known-gain").unwrap(),
        range: TimeRange::Musical { start: Ticks(0), end: Ticks(9) },
        points: vec![PointValue { at: TimePoint::Musical(Ticks(1)), value, shape: PointShape::Hold }],
    };
    let with = |key: &str, value| DeviceAdd {
        params: [(key.to_owned(), value)].into(),
        ..DeviceAdd::new(track(), "omega.tone")
    };
    let refused: Vec<(Edit, &str)> = vec![
        (
            set("known", "freqency", Some(100.0)),
            "devices.known.params.freqency: omega.tone has no parameter \"freqency\"; did you mean \"frequency\"? It has \
             gain, frequency, type",
        ),
        (set("known", "mojo", Some(1.0)), "no parameter \"mojo\"; it has gain, frequency, type"),
        (set("known", "mojo", None), "no parameter \"mojo\""),
        (set("known", "gain", Some(24.5)), "24.5 is out of range: \"gain\" takes -24 to 24 dB"),
        (set("known", "frequency", Some(0.0)), "\"frequency\" takes 20 to 20000 Hz"),
        (set("known", "frequency", Some(f64::NAN)), "out of range"),
        (set("known", "type", Some(2.0)), "\"type\" takes 0 (bell), 1 (shelf)"),
        (set("known", "bypass", Some(1.0)), "no parameter \"bypass\""),
        (
            with("gian", 1.0).into(),
            "params.gian: omega.tone has no parameter \"gian\"; did you mean \"gain\"?",
        ),
        (with("gain", 99.0).into(), "params.gain: 99.0 is out of range"),
        (
            lane("known", "frequencies").into(),
            "did you mean \"frequency\"? It has gain, frequency, type, bypass",
        ),
        (point("known-gain", -25.0).into(), "-25.0 is out of range: \"gain\" takes -24 to 24 dB"),
        (write(25.0).into(), "\"gain\" takes -24 to 24 dB"),
        (point("known-gone", 5.0).into(), "no parameter \"gone\""),
        (set("plugin", "size", Some(f64::INFINITY)), "expected a number"),
    ];
    let before = document.project();
    for (edit, message) in refused {
        let error = document.apply(edit).unwrap_err().to_string();
        assert!(error.contains(message), "{error}\nwants {message}");
        assert_eq!(document.project(), before);
    }
}

#[test]
fn what_it_takes_is_taken_and_an_unknown_device_takes_everything() {
    let mut document = song();
    let accepted: Vec<Edit> = vec![
        set("known", "gain", Some(-24.0)),
        set("known", "gain", Some(24.0)),
        set("known", "gain", None),
        set("known", "type", Some(1.0)),
        // What should not be there goes away.
        set("known", "old", None),
        lane("known", "bypass").into(),
        point("known-bypass", 1.0).into(),
        point("known-gain", 3.0).into(),
        set("plugin", "size", Some(1e9)),
        lane("plugin", "anything").into(),
        point("plugin-anything", -1e9).into(),
        add("newer", "omega.from-the-future").into(),
        set("newer", "x", Some(7.0)),
    ];
    for edit in accepted {
        let applied = document.apply(edit.clone()).unwrap_or_else(|error| panic!("{edit:?}: {error}"));
        assert!(applied.entry.is_some());
    }
    // A copy of a track takes along what is stored, whatever it is.
    document.apply(TrackDuplicate::new(track())).unwrap();
}

#[test]
fn a_session_with_bad_values_opens_and_they_stay_until_they_are_edited() {
    let place = support::place();
    let folder = place.path().join("Song.omega");
    let mut document = Document::create(&folder, &CreateOptions::seeded("Song", 1)).unwrap();
    document.apply(TrackAdd { id: Some(track()), ..TrackAdd::new(TrackKind::Audio, "Drums") }).unwrap();
    document.apply(add("known", "omega.tone")).unwrap();
    document.check_params_with(params_of);
    document.apply(set("known", "gain", Some(3.5))).unwrap();
    document.save().unwrap();
    document.close().unwrap();
    let text = std::fs::read_to_string(folder.join("project.json")).unwrap();
    let text = text.replace("\"gain\": 3.5", "\"gain\": 3500.0,\n        \"nonsense\": 1.0");
    std::fs::write(folder.join("project.json"), text).unwrap();
    let mut document = Document::open(&folder, &OpenOptions::default()).unwrap();
    document.check_params_with(params_of);
    let params = |document: &Document| document.project().device(&device("known")).unwrap().params.clone();
    assert_eq!(params(&document)["gain"], 3500.0);
    document.apply(DeviceBypass { id: device("known"), on: true }).unwrap();
    document.apply(set("known", "nonsense", None)).unwrap();
    assert!(document.apply(set("known", "gain", Some(3500.0))).is_err());
    document.apply(set("known", "gain", Some(6.0))).unwrap();
    assert_eq!(params(&document).into_iter().collect::<Vec<_>>(), [("gain".to_owned(), 6.0)]);
    let copy = place.path().join("Copy.omega");
    document.save_as(&copy).unwrap();
    assert!(document.apply(set("known", "gain", Some(99.0))).is_err(), "the copy knows devices too");
}
