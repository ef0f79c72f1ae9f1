//! What differs between two projects, fact by fact.

use std::sync::Arc;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;
use serde_json::Value;

use super::fact::{Changes, Fact, Path, SEPARATOR, diff_extra, flatten};
use super::{Project, fact};

/// One fact that became another.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Change {
    /// The fact, as keys with dots between them.
    pub path: String,
    /// Its value from now on; `None` where it is gone or has its default again.
    pub value: Option<Value>,
}

impl Project {
    /// What to change in this project to make it `newer`, sorted by path. A thing that was removed shows as one fact,
    /// `deleted`. Shared structure is skipped, so that it costs little where little changed.
    #[must_use]
    pub fn changes_to(&self, newer: &Self) -> Vec<Change> {
        let changes = self.facts_to(newer).into_iter();
        changes.map(|(path, value)| Change { path: path.replace(SEPARATOR, "."), value }).collect()
    }

    /// As [`Project::changes_to`], with paths as they are stored.
    pub(crate) fn facts_to(&self, newer: &Self) -> Changes {
        let mut out = Changes::new();
        if self.settings() != newer.settings() {
            Fact::diff(self.settings(), newer.settings(), None, &mut Path::new("session"), &mut out);
        }
        things("tracks", self.tracks(), newer.tracks(), &mut out);
        things("takes", self.takes(), newer.takes(), &mut out);
        things("clips", self.clips(), newer.clips(), &mut out);
        things("comp", self.comp(), newer.comp(), &mut out);
        things("devices", self.devices(), newer.devices(), &mut out);
        things("sends", self.sends(), newer.sends(), &mut out);
        things("lanes", self.lanes(), newer.lanes(), &mut out);
        things("markers", self.markers(), newer.markers(), &mut out);
        things("tempo", self.tempo(), newer.tempo(), &mut out);
        things("meter", self.meter(), newer.meter(), &mut out);
        things("media", self.media(), newer.media(), &mut out);
        diff_extra(self.extra(), newer.extra(), &mut Path::default(), &mut out);
        out.sort_by(|a, b| a.0.cmp(&b.0));
        out
    }
}

/// A thing that comes gets all its facts (and is not deleted); one that goes is marked as deleted.
fn things<Id, T>(section: &str, old: &OrdMap<Id, Arc<T>>, new: &OrdMap<Id, Arc<T>>, out: &mut Changes)
where
    Id: Ord + Clone + ToString,
    T: Fact,
{
    for item in old.diff(new) {
        match item {
            DiffItem::Add(id, thing) => {
                let mut at = Path::of(&[section, &id.to_string()]);
                flatten(&thing.write(), &mut at, &mut |path, value| {
                    out.push((path.to_owned(), Some(value.clone())));
                });
                at.within(fact::DELETED, |at| out.push((at.text(), None)));
            }
            DiffItem::Update { old: (id, before), new: (_, after) } => {
                T::diff(before, after, None, &mut Path::of(&[section, &id.to_string()]), out);
            }
            DiffItem::Remove(id, _) => {
                out.push((
                    Path::of(&[section, &id.to_string(), fact::DELETED]).text(),
                    Some(Value::Bool(true)),
                ));
            }
        }
    }
}
