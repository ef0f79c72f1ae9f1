//! `project.json`: the canonical text of a project.
//!
//! Keys are sorted and every fact has a line of its own, so that two versions differ in the lines of the facts that
//! differ. Facts that have their default are left out.

use std::fmt::Write as _;

use serde_json::Value;

use super::fact::{Fact, Object};
use super::{Project, SCHEMA};

/// What the text says it is.
pub const FORMAT: &str = "omega-session";

impl Project {
    /// The project as one JSON object.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut all = Object::new();
        all.extend(self.extra().iter().map(|(key, value)| (key.clone(), value.clone())));
        all.insert("format".to_owned(), Value::from(FORMAT));
        all.insert("schema".to_owned(), Value::from(SCHEMA));
        all.insert("session".to_owned(), self.settings().write());
        let mut section = |name: &str, things: Object| {
            if !things.is_empty() {
                all.insert(name.to_owned(), Value::Object(things));
            }
        };
        macro_rules! sections {
            ($($name:ident),*) => { $(
                section(
                    stringify!($name),
                    self.$name().iter().map(|(id, thing)| (id.to_string(), thing.write())).collect(),
                );
            )* };
        }
        sections!(tracks, takes, clips, comp, devices, sends, lanes, markers, tempo, meter, media);
        Value::Object(all)
    }

    /// The canonical text, with a newline at its end. Equal projects give equal bytes.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        write_value(&self.to_json(), 0, &mut text);
        text.push('\n');
        text
    }
}

/// Objects spread over lines with sorted keys; anything else is one line.
fn write_value(value: &Value, depth: usize, text: &mut String) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            let mut entries: Vec<(&String, &Value)> = object.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (n, (key, inner)) in entries.into_iter().enumerate() {
                text.push_str(if n == 0 { "\n" } else { ",\n" });
                text.extend(std::iter::repeat_n("  ", depth + 1));
                let _ = write!(text, "{}: ", Value::from(key.as_str()));
                write_value(inner, depth + 1, text);
            }
            text.push('\n');
            text.extend(std::iter::repeat_n("  ", depth));
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (n, item) in items.iter().enumerate() {
                text.push_str(if n == 0 { "" } else { ", " });
                let _ = write!(text, "{item}");
            }
            text.push(']');
        }
        scalar => {
            let _ = write!(text, "{scalar}");
        }
    }
}

#[cfg(test)]
mod tests {
    use omega_time::{Frames, SampleRate, Ticks, TimePoint};

    use crate::model::{
        Automation, Clip, ClipId, Lane, LaneId, MediaId, ParamTarget, Point, PointId, PointShape, Project,
        Track, TrackId, TrackKind, TrackParam,
    };

    #[test]
    fn the_text_has_one_fact_a_line_in_sorted_order() {
        let mut project = Project::new("Song", SampleRate::HZ_48000);
        let drums = TrackId::new("trk-1").unwrap();
        let mut track = Track::new(TrackKind::Audio, "Drums \"A\"");
        track.volume_db = -3.0;
        project.put_track(drums.clone(), track);
        let position = TimePoint::Musical(Ticks(80_640));
        let mut clip = Clip::new(drums.clone(), MediaId::new("ab").unwrap(), position, Frames(9));
        clip.fade_in.length = Frames(4);
        project.put_clip(ClipId::new("clp-1").unwrap(), clip);
        let mut lane = Lane::new(ParamTarget::Track(drums, TrackParam::Volume));
        let point =
            Point { id: PointId::new("p").unwrap(), at: 5, value: -0.0, shape: PointShape::Curve(0.25) };
        lane.points = Automation::new(vec![point]);
        project.put_lane(LaneId::new("lan-1").unwrap(), lane);
        let text = r#"{
  "clips": {
    "clp-1": {
      "fade_in": {
        "length": 4
      },
      "length": 9,
      "media": "ab",
      "position": "80640t",
      "track": "trk-1"
    }
  },
  "format": "omega-session",
  "lanes": {
    "lan-1": {
      "points": {
        "p": [5, 0.0, 0.25]
      },
      "target": "track/trk-1/volume_db"
    }
  },
  "schema": 1,
  "session": {
    "name": "Song",
    "sample_rate": 48000
  },
  "tracks": {
    "master": {
      "kind": "master",
      "name": "Master",
      "output": [0, 1]
    },
    "trk-1": {
      "kind": "audio",
      "name": "Drums \"A\"",
      "volume_db": -3.0
    }
  }
}
"#;
        assert_eq!(project.to_text(), text);
    }

    #[test]
    fn changes_name_each_fact_and_an_unchanged_project_has_none() {
        let old = Project::new("Song", SampleRate::HZ_48000);
        let mut new = old.clone();
        assert!(old.changes_to(&new).is_empty());
        let mut master = Track::clone(new.master().unwrap());
        master.volume_db = -1.5;
        master.name = String::new();
        master.extra.insert("x".into(), serde_json::json!({"y": 1}));
        new.put_track(TrackId::master(), master);
        new.put_track(TrackId::new("b").unwrap(), Track::new(TrackKind::Bus, "B"));
        let lines = |changes: Vec<super::super::Change>| -> Vec<String> {
            changes.iter().map(|c| format!("{} {}", c.path, c.value.clone().unwrap_or_default())).collect()
        };
        let there = [
            "tracks.b.deleted null",
            "tracks.b.kind \"bus\"",
            "tracks.b.name \"B\"",
            "tracks.master.name null",
            "tracks.master.volume_db -1.5",
            "tracks.master.x.y 1",
        ];
        assert_eq!(lines(old.changes_to(&new)), there);
        let back = [
            "tracks.b.deleted true",
            "tracks.master.name \"Master\"",
            "tracks.master.volume_db null",
            "tracks.master.x.y null",
        ];
        assert_eq!(lines(new.changes_to(&old)), back);
    }
}
