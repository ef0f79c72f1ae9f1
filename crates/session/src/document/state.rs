//! The facts of a document and the project that follows from them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;
use omega_time::SampleRate;
use serde_json::Value;

use crate::model::fact::{Changes, DELETED, Fault, Object, Path, Reader, SEPARATOR, flatten};
use crate::model::read::{Thing, bury, for_sections, read_settings, read_thing, read_things};
use crate::model::view::Stored;
use crate::model::{Project, SCHEMA, Settings, TrackId, limits};

/// One fact that became another, with what it was.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delta {
    pub path: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// All facts, and what they mean. The project always is what the facts say, whichever way they came.
#[derive(Clone, Debug)]
pub(crate) struct State {
    facts: BTreeMap<String, Value>,
    stored: Stored,
    view: Project,
}

impl State {
    /// The state that these facts make.
    pub fn new(facts: BTreeMap<String, Value>) -> Self {
        let mut json = Object::new();
        for (path, value) in &facts {
            insert(&mut json, path.split(SEPARATOR), value);
        }
        let (stored, _) = read_things(&json);
        let view = stored.view();
        Self { facts, stored, view }
    }

    /// The facts of a project, for a new session.
    pub fn facts_of(project: &Project) -> Changes {
        let mut changes = vec![("schema".to_owned(), Some(Value::from(SCHEMA)))];
        let Value::Object(json) = project.to_json() else { return changes };
        for (key, value) in json.iter().filter(|(key, _)| *key != "format" && *key != "schema") {
            flatten(value, &mut Path::new(key), &mut |path, value| {
                changes.push((path.to_owned(), Some(value.clone())));
            });
        }
        changes
    }

    /// The project.
    pub fn project(&self) -> &Project {
        &self.view
    }

    /// A fact.
    pub fn fact(&self, path: &str) -> Option<&Value> {
        self.facts.get(path)
    }

    /// All facts.
    pub fn facts(&self) -> &BTreeMap<String, Value> {
        &self.facts
    }

    /// What is stored but not shown, and what cannot be read, with the reason.
    pub fn notes(&self) -> Vec<Fault> {
        let mut json = Object::new();
        for (path, value) in &self.facts {
            insert(&mut json, path.split(SEPARATOR), value);
        }
        let mut notes = read_things(&json).1;
        notes.extend(self.stored.latent(&self.view));
        notes
    }

    /// What these changes really change. A thing that is added again after it was deleted does not get back the facts it
    /// had then.
    pub fn effective(&self, changes: Changes) -> Changes {
        let mut all: BTreeMap<String, Option<Value>> = changes.into_iter().collect();
        let reborn: Vec<String> = all
            .iter()
            .filter(|(path, value)| value.is_none() && self.facts.contains_key(*path))
            .filter_map(|(path, _)| path.strip_suffix(DELETED).filter(|rest| rest.ends_with(SEPARATOR)))
            .map(str::to_owned)
            .collect();
        for prefix in reborn {
            for (path, _) in self.below(&prefix) {
                all.entry(path.clone()).or_insert(None);
            }
        }
        all.into_iter().filter(|(path, value)| self.facts.get(path) != value.as_ref()).collect()
    }

    /// Facts whose path begins with this.
    fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a String, &'a Value)> {
        let from = (Bound::Included(prefix), Bound::Unbounded);
        self.facts.range::<str, _>(from).take_while(move |(path, _)| path.starts_with(prefix))
    }

    /// Changes facts and brings the project up to date. Returns what really changed.
    pub fn set(&mut self, changes: &Changes) -> Vec<Delta> {
        let mut deltas = Vec::new();
        for (path, after) in changes {
            let before = match after {
                Some(value) => self.facts.insert(path.clone(), value.clone()),
                None => self.facts.remove(path),
            };
            if before != *after {
                deltas.push(Delta { path: path.clone(), before, after: after.clone() });
            }
        }
        self.update(&deltas);
        deltas
    }

    /// Reads again what the deltas touch.
    fn update(&mut self, deltas: &[Delta]) {
        let mut touched: BTreeSet<(&str, &str)> = BTreeSet::new();
        for delta in deltas {
            let mut segments = delta.path.split(SEPARATOR);
            let section = segments.next().unwrap_or_default();
            touched.insert((section, segments.next().unwrap_or_default()));
        }
        let mut all = false;
        let mut lanes = false;
        let mut session = false;
        let mut extra = BTreeSet::new();
        macro_rules! dispatch {
            ($($section:ident, $id:ident, $type:ident, $put:ident, $remove:ident, $update:ident, $most:ident;)*) => {
                for (section, key) in &touched {
                    match *section {
                        $(stringify!($section) => {
                            let Ok(id) = key.parse::<crate::model::$id>() else { continue };
                            let shown = self.view.$section().contains_key(&id);
                            let old = self.stored.things.$remove(&id);
                            unbury(&id, &mut self.stored.buried);
                            let value = self.thing(section, key);
                            match read_thing::<crate::model::$type>(&value, &mut Reader::default()) {
                                Thing::There(thing) => {
                                    all |= match &old {
                                        Some(old) => reshapes(&**old, &*thing),
                                        None => bears(section),
                                    };
                                    // What is as it was keeps its identity, so that readers see that it is.
                                    let thing = old.filter(|old| *old == thing).unwrap_or(thing);
                                    if self.stored.things.$section().len() < limits::$most {
                                        self.stored.things.$put(id.clone(), thing);
                                    }
                                }
                                Thing::Deleted(thing) => {
                                    all |= bears(section);
                                    bury(&id, thing, &mut self.stored.buried);
                                }
                                Thing::Nothing => all |= old.is_some() && bears(section),
                            }
                            self.stored.$update(&mut self.view, &id);
                            lanes |= has_lanes(section) && shown != self.view.$section().contains_key(&id);
                        })*
                        "session" => session = true,
                        section => drop(extra.insert(section)),
                    }
                }
            };
        }
        for_sections!(dispatch);
        if session || !extra.is_empty() {
            self.update_rest(session, &extra);
        }
        if all {
            self.stored.update_all(&mut self.view);
        } else if lanes {
            let lanes: Vec<_> = self.stored.things.lanes().keys().cloned().collect();
            lanes.iter().for_each(|id| self.stored.update_lane(&mut self.view, id));
        }
    }

    /// Reads the facts of the session as a whole and the sections that are not known.
    fn update_rest(&mut self, session: bool, unknown: &BTreeSet<&str>) {
        if session {
            let mut json = Object::new();
            for (path, value) in self.below("session\u{1f}") {
                insert(&mut json, path.split(SEPARATOR), value);
            }
            let settings = read_settings(json.get("session"), &mut Reader::default());
            self.stored.things.put_settings(settings.clone());
            self.view.put_settings(settings);
        }
        let mut extra = self.stored.things.extra().clone();
        for key in unknown.iter().filter(|key| !["schema", "format"].contains(key)) {
            let mut json = Object::new();
            let inner = format!("{key}{SEPARATOR}");
            let here = self.facts.get_key_value(*key).into_iter();
            for (path, value) in here.chain(self.below(&inner)) {
                insert(&mut json, path.split(SEPARATOR), value);
            }
            match json.remove(*key) {
                Some(value) => drop(extra.insert((*key).to_owned(), value)),
                None => drop(extra.remove(*key)),
            }
        }
        self.stored.things.put_extra(extra.clone());
        self.view.put_extra(extra);
    }

    /// A thing as one object.
    fn thing(&self, section: &str, key: &str) -> Value {
        let prefix = format!("{section}{SEPARATOR}{key}{SEPARATOR}");
        let mut json = Object::new();
        for (path, value) in self.below(&prefix) {
            insert(&mut json, path[prefix.len()..].split(SEPARATOR), value);
        }
        Value::Object(json)
    }
}

/// A session without facts.
impl Default for State {
    fn default() -> Self {
        let things = Project::bare(Settings::new("", SampleRate::HZ_48000));
        let stored = Stored { things, buried: OrdMap::new() };
        let view = stored.view();
        Self { facts: BTreeMap::new(), stored, view }
    }
}

/// Whether lanes come and go with things of this section.
fn has_lanes(section: &str) -> bool {
    matches!(section, "devices" | "sends")
}

/// Whether things of all kinds hang on those of this section.
fn bears(section: &str) -> bool {
    matches!(section, "tracks" | "takes")
}

/// Whether other things have to be looked at again when this one changes like that.
fn reshapes<T: 'static>(old: &T, new: &T) -> bool {
    use crate::model::{Take, Track};
    let (old, new): (&dyn std::any::Any, &dyn std::any::Any) = (old, new);
    if let (Some(old), Some(new)) = (old.downcast_ref::<Track>(), new.downcast_ref::<Track>()) {
        return old.kind != new.kind || old.parent != new.parent;
    }
    match (old.downcast_ref::<Take>(), new.downcast_ref::<Take>()) {
        (Some(old), Some(new)) => old.track != new.track,
        _ => false,
    }
}

fn unbury<Id: 'static>(id: &Id, buried: &mut OrdMap<TrackId, Arc<crate::model::Track>>) {
    let id: &dyn std::any::Any = id;
    if let Some(id) = id.downcast_ref::<TrackId>() {
        buried.remove(id);
    }
}

/// Puts a fact into nested objects. Where a fact stands in the way of a deeper one, the deeper one stays.
fn insert<'a>(json: &mut Object, mut segments: impl Iterator<Item = &'a str>, value: &Value) {
    let Some(first) = segments.next() else { return };
    let mut object = json;
    let mut key = first;
    for next in segments {
        let inner = object.entry(key.to_owned()).or_insert_with(|| Value::Object(Object::new()));
        if !inner.is_object() {
            *inner = Value::Object(Object::new());
        }
        let Value::Object(inner) = inner else { return };
        object = inner;
        key = next;
    }
    let deeper = object.get(key).and_then(Value::as_object).is_some_and(|old| !old.is_empty());
    if !deeper {
        object.insert(key.to_owned(), value.clone());
    }
}
