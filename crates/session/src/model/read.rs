//! Reading things from facts and projects from text.

use std::sync::Arc;

use imbl::OrdMap;
use omega_time::SampleRate;
use serde_json::Value;

use super::fact::{DELETED, Fact, Fault, Object, Reader};
use super::json::{JsonError, parse};
use super::view::Stored;
use super::{FORMAT, Project, SCHEMA, Settings, TrackId, limits};

/// Why a text is no session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// The text is too large.
    #[error("the text is larger than {} bytes", limits::MAX_TEXT_FILE)]
    Size,
    /// Git left a conflict in it.
    #[error(
        "line {line} is a conflict marker of git: decide which side to keep and take the markers out, or delete the file \
         if the folder has its history, which holds both sides"
    )]
    Conflict {
        /// The line, from 1.
        line: usize,
    },
    /// It is no JSON, or a key is there twice.
    #[error("line {line}, column {column}: {what}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// It is JSON but no session.
    #[error("this is no session: the key \"format\" does not say \"{FORMAT}\"")]
    Format,
    /// It was written by a newer version.
    #[error(
        "this session has format {found}, this program reads up to {SCHEMA}: open it with a newer version"
    )]
    Newer {
        /// Its format.
        found: i64,
    },
    /// Places hold something unusable.
    #[error("{}", list(.0))]
    Faults(Vec<Fault>),
    /// Tracks feed themselves.
    #[error("the signal runs in a circle through {}: cut one of its outputs or sends, or make it a feedback send", names(.0))]
    SignalCycle(Vec<TrackId>),
    /// Folders hold themselves.
    #[error("the folders {} hold each other: change the parent of one", names(.0))]
    FolderCycle(Vec<TrackId>),
}

fn list(faults: &[Fault]) -> String {
    let mut text: Vec<String> = faults.iter().take(10).map(ToString::to_string).collect();
    if faults.len() > 10 {
        text.push(format!("and {} more", faults.len() - 10));
    }
    text.join("; ")
}

fn names(ids: &[TrackId]) -> String {
    ids.iter().map(TrackId::as_str).collect::<Vec<_>>().join(" → ")
}

impl From<JsonError> for TextError {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Conflict { line } => Self::Conflict { line },
            JsonError::Syntax { line, column, what } => Self::Syntax { line, column, what },
        }
    }
}

/// A text that was read.
#[derive(Debug)]
pub(crate) struct TextRead {
    /// The project.
    pub project: Project,
    /// What of it cannot be shown, and why.
    pub latent: Vec<Fault>,
}

impl Project {
    /// Reads a `project.json`.
    ///
    /// A reference to a thing that is not there (left over from a merge) is not an error: what hangs on it is left out.
    ///
    /// # Errors
    /// [`TextError`], naming the place and what is wrong with it.
    pub fn from_text(text: &str) -> Result<Self, TextError> {
        Self::from_text_with_notes(text).map(|(project, _)| project)
    }

    /// As [`Project::from_text`], with what the text says that the project leaves out, and why.
    ///
    /// # Errors
    /// [`TextError`], naming the place and what is wrong with it.
    pub fn from_text_with_notes(text: &str) -> Result<(Self, Vec<Fault>), TextError> {
        read_text(text).map(|read| (read.project, read.latent))
    }
}

/// Reads a `project.json`, with what was found on the way.
pub(crate) fn read_text(text: &str) -> Result<TextRead, TextError> {
    if text.len() as u64 > limits::MAX_TEXT_FILE {
        return Err(TextError::Size);
    }
    let Value::Object(mut json) = parse(text)? else { return Err(TextError::Format) };
    if json.remove("format").as_ref().and_then(Value::as_str) != Some(FORMAT) {
        return Err(TextError::Format);
    }
    match json.remove("schema").and_then(|schema| schema.as_i64()) {
        Some(found) if found > i64::from(SCHEMA) => return Err(TextError::Newer { found }),
        Some(found) if found >= 1 => migrate(found, &mut json),
        _ => return Err(TextError::Format),
    }
    let (stored, faults) = read_things(&json);
    if !faults.is_empty() {
        return Err(TextError::Faults(faults));
    }
    let project = stored.view();
    if let Some(cycle) = project.folder_cycles().pop() {
        return Err(TextError::FolderCycle(cycle));
    }
    if let Some(cycle) = project.signal_cycle() {
        return Err(TextError::SignalCycle(cycle));
    }
    let latent = stored.latent(&project);
    Ok(TextRead { project, latent })
}

/// Brings the facts of an older format up to this one, step by step.
fn migrate(from: i64, json: &mut Object) {
    /// Step `n` makes format `n + 2` of format `n + 1`.
    const STEPS: [fn(&mut Object); SCHEMA as usize - 1] = [];
    let done = usize::try_from(from).unwrap_or(1).saturating_sub(1);
    STEPS.iter().skip(done).for_each(|step| step(json));
}

/// The sections of `project.json`: name, id, type, put and the most that there may be.
macro_rules! for_sections {
    ($callback:ident) => {
        $callback! {
            tracks, TrackId, Track, put_track, remove_track, update_track, MAX_TRACKS;
            takes, TakeId, Take, put_take, remove_take, update_take, MAX_TAKES;
            clips, ClipId, Clip, put_clip, remove_clip, update_clip, MAX_CLIPS;
            comp, CompId, CompSpan, put_comp, remove_comp, update_comp, MAX_SPANS;
            devices, DeviceId, Device, put_device, remove_device, update_device, MAX_DEVICES;
            sends, SendId, Send, put_send, remove_send, update_send, MAX_SENDS;
            lanes, LaneId, Lane, put_lane, remove_lane, update_lane, MAX_LANES;
            markers, MarkerId, Marker, put_marker, remove_marker, update_marker, MAX_MARKERS;
            tempo, TempoId, TempoPoint, put_tempo, remove_tempo, update_tempo, MAX_TEMPO;
            meter, MeterId, MeterPoint, put_meter, remove_meter, update_meter, MAX_TEMPO;
            media, MediaId, Media, put_media, remove_media, update_media, MAX_MEDIA;
        }
    };
}
pub(crate) use for_sections;

/// A thing that is there, one that is deleted, or nothing that can be read.
pub(crate) enum Thing<T> {
    There(Arc<T>),
    Deleted(Arc<T>),
    Nothing,
}

/// Reads one thing.
pub(crate) fn read_thing<T: Fact>(value: &Value, at: &mut Reader) -> Thing<T> {
    let deleted = value.get(DELETED).and_then(Value::as_bool).unwrap_or(false);
    match T::read(value, at) {
        Some(thing) if deleted => Thing::Deleted(Arc::new(thing)),
        Some(thing) => Thing::There(Arc::new(thing)),
        None => Thing::Nothing,
    }
}

/// Reads the facts of the session as a whole.
pub(crate) fn read_settings(value: Option<&Value>, at: &mut Reader) -> Settings {
    let read = at.within("session", |at| match value {
        Some(value) => Settings::read(value, at),
        None => {
            at.fault("is missing");
            None
        }
    });
    read.unwrap_or_else(|| Settings::new("", SampleRate::HZ_48000))
}

/// Reads all things; what cannot be read is left out and named.
pub(crate) fn read_things(json: &Object) -> (Stored, Vec<Fault>) {
    let mut at = Reader::default();
    let settings = read_settings(json.get("session"), &mut at);
    let mut things = Project::bare(settings);
    let mut buried = OrdMap::new();
    macro_rules! sections {
        ($($section:ident, $id:ident, $type:ident, $put:ident, $remove:ident, $update:ident, $most:ident;)*) => { $(
            at.within(stringify!($section), |at| {
                let Some(object) = json.get(stringify!($section)).and_then(|value| at.object(value)) else { return };
                if object.len() > limits::$most {
                    return at.fault(format!("{} entries are too many, the most is {}", object.len(), limits::$most));
                }
                for (key, value) in object {
                    at.within(key, |at| match key.parse::<super::$id>() {
                        Ok(id) => match read_thing::<super::$type>(value, at) {
                            Thing::There(thing) => things.$put(id, thing),
                            Thing::Deleted(thing) => bury(&id, thing, &mut buried),
                            Thing::Nothing => {}
                        },
                        Err(error) => at.fault(error.to_string()),
                    });
                }
            });
        )* };
    }
    for_sections!(sections);
    let known = |key: &str| SECTIONS.contains(&key) || key == "session" || key == "format" || key == "schema";
    let extra = json.iter().filter(|(key, _)| !known(key)).map(|(key, value)| (key.clone(), value.clone()));
    things.put_extra(extra.collect());
    (Stored { things, buried }, at.faults)
}

macro_rules! section_names {
    ($($section:ident, $id:ident, $type:ident, $put:ident, $remove:ident, $update:ident, $most:ident;)*) => {
        /// The names of the sections that hold things by id.
        pub(crate) const SECTIONS: &[&str] = &[$(stringify!($section)),*];
    };
}
for_sections!(section_names);

/// Remembers a deleted track; other things are simply not there.
pub(crate) fn bury<Id: Clone + 'static, T: Send + Sync + 'static>(
    id: &Id,
    thing: Arc<T>,
    buried: &mut OrdMap<TrackId, Arc<super::Track>>,
) {
    let id: &dyn std::any::Any = id;
    let thing: Arc<dyn std::any::Any + Send + Sync> = thing;
    if let (Some(id), Ok(track)) = (id.downcast_ref::<TrackId>(), thing.downcast::<super::Track>()) {
        buried.insert(id.clone(), track);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(sections: &str) -> String {
        format!(
            r#"{{"format": "omega-session", "schema": 1, "session": {{"sample_rate": 48000}}, {sections}}}"#
        )
    }

    #[test]
    fn a_hostile_text_is_refused_and_the_place_is_named() {
        for (sections, message) in [
            (
                r#""tracks": {"trk-1": {"kind": "audio", "volume_db": "x"}}"#,
                "tracks.trk-1.volume_db: expected a number, found \"x\"",
            ),
            (
                r#""tracks": {"trk-1": {"kind": "audio", "volume_db": 1e300}}"#,
                "tracks.trk-1.volume_db: 1e300",
            ),
            (r#""tracks": []"#, "tracks: expected an object, found an array"),
            (r#""tracks": {"Trk": {"kind": "audio"}}"#, "tracks.Trk: an id is 1 to 64 characters"),
            (r#""tracks": {"t": {"name": "x"}}"#, "tracks.t.kind: is missing"),
            (r#""tracks": {"t": 5}"#, "tracks.t: expected an object, found 5"),
            (
                r#""clips": {"c": {"track": "t", "media": "m", "position": "5t", "length": 0}}"#,
                "clips.c.length: 0 frames are out of range",
            ),
            (
                r#""clips": {"c": {"track": "t", "media": "m", "position": "5", "length": 1}}"#,
                "clips.c.position: \"5\" is not written like 80640t",
            ),
            (
                r#""clips": {"c": {"track": "t", "media": "m", "position": "9223372036854775807f", "length": 1}}"#,
                "clips.c.position: 9223372036854775807 is out of range",
            ),
            (
                r#""lanes": {"l": {"target": "track/t/volume_db", "points": {"p": [1, 2]}}}"#,
                "lanes.l.points.p: expected a point",
            ),
            (
                r#""lanes": {"l": {"target": "track/t/volume_db", "points": {"p": [1, 1e13, "hold"]}}}"#,
                "lanes.l.points.p: 10000000000000.0 is out of range",
            ),
            (r#""lanes": {"l": {"target": "track/t"}}"#, "lanes.l.target: \"track/t\" is not a parameter"),
            (
                r#""tempo": {"a": {"at": 0, "tempo": "0"}}"#,
                "tempo.a.tempo: \"0\" is not a tempo: a tempo is 1 to 1000 BPM",
            ),
            (r#""meter": {"a": {"bar": 0, "signature": "4/4"}}"#, "meter.a.bar: bar 0 is out of range"),
            (
                r#""sends": {"s": {"track": "t", "target": "u", "feedback_delay": 0}}"#,
                "sends.s.feedback_delay: a feedback delay of 0 frames",
            ),
            (
                r#""devices": {"d": {"track": "t", "kind": "omega.eq", "params": {"g": null}}}"#,
                "devices.d.params.g: expected a number, found null",
            ),
            (
                r#""tracks": {"a": {"kind": "bus", "output": "b"}, "b": {"kind": "bus", "output": "a"}}"#,
                "the signal runs in a circle through a → b",
            ),
            (
                r#""tracks": {"a": {"kind": "folder", "parent": "b"}, "b": {"kind": "folder", "parent": "a"}}"#,
                "the folders a → b hold each other",
            ),
        ] {
            let error = read_text(&session(sections)).unwrap_err().to_string();
            assert!(error.contains(message), "{error}\nwants {message}");
        }
        assert_eq!(read_text("{}").unwrap_err(), TextError::Format);
        assert_eq!(read_text("[]").unwrap_err(), TextError::Format);
        assert_eq!(read_text(r#"{"format": "omega-session"}"#).unwrap_err(), TextError::Format);
        let newer = r#"{"format": "omega-session", "schema": 2}"#;
        assert_eq!(read_text(newer).unwrap_err(), TextError::Newer { found: 2 });
    }

    #[test]
    fn what_hangs_on_something_missing_is_left_out_and_named() {
        let text = session(
            r#""tracks": {
                "a": {"kind": "audio", "output": "gone", "parent": "gone"},
                "m": {"kind": "master"},
                "master": {"kind": "bus", "output": "a", "parent": "a"}
            },
            "sends": {"s": {"track": "a", "target": "gone"}, "t": {"track": "a", "target": "a"}},
            "devices": {"d": {"track": "gone", "kind": "x"}, "e": {"track": "a", "kind": "x", "sidechain": "gone"}},
            "lanes": {"l": {"target": "device/d/gain"}, "k": {"target": "device/e/gain"}},
            "clips": {"c": {"track": "gone", "media": "m", "position": "5t", "length": 1}}"#,
        );
        let read = read_text(&text).unwrap();
        let project = &read.project;
        let a = TrackId::new("a").unwrap();
        assert_eq!(project.track(&a).unwrap().output, super::super::Output::master());
        assert_eq!(project.track(&a).unwrap().parent, None);
        let master = project.master().unwrap();
        assert_eq!(
            (master.kind, &master.output),
            (super::super::TrackKind::Master, &super::super::Output::None)
        );
        assert_eq!(project.track(&TrackId::new("m").unwrap()).unwrap().kind, super::super::TrackKind::Bus);
        assert_eq!((project.sends().len(), project.devices().len(), project.clips().len()), (0, 1, 0));
        assert_eq!(project.lanes().keys().map(ToString::to_string).collect::<Vec<_>>(), ["k"]);
        let paths: Vec<&str> = read.latent.iter().map(|fault| fault.path.as_str()).collect();
        let expected = [
            "tracks.a.parent",
            "tracks.a.output",
            "tracks.m.kind",
            "tracks.master.kind",
            "tracks.master.parent",
            "tracks.master.output",
            "devices.d.track",
            "devices.e.sidechain",
            "sends.s.target",
            "sends.t.target",
            "lanes.l.target",
            "clips.c.track",
        ];
        assert_eq!(paths, expected);
    }

    #[test]
    fn a_text_gives_back_its_project_and_unknown_keys_survive() {
        let text = session(
            r#""future": {"x": [1, {"y": null}], "empty": {}},
            "tracks": {"a": {"kind": "audio", "future": {"deep": {"er": 1.50}}, "volume_db": 0}},
            "session": {"sample_rate": 44100, "mood": "blue"}"#,
        )
        .replacen(r#""session": {"sample_rate": 48000}, "#, "", 1);
        let project = Project::from_text(&text).unwrap();
        let canonical = project.to_text();
        for line in ["\"x\": [1, {\"y\":null}]", "\"empty\": {}", "\"er\": 1.5", "\"mood\": \"blue\""] {
            assert!(canonical.contains(line), "{canonical}");
        }
        assert!(!canonical.contains("volume_db"), "a default is not stored");
        assert_eq!(Project::from_text(&canonical).unwrap(), project);
        assert_eq!(Project::from_text(&canonical).unwrap().to_text(), canonical);
    }
}
