//! The project that an edit works on before it is accepted.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use imbl::OrdMap;

use super::{EditError, ParamsOf};
use crate::model::fact::Fact;
use crate::model::{Fault, Project, limits};

/// A thing of a project that is found by its id.
pub(crate) trait Item: Fact + Clone + Sized {
    /// What names it.
    type Id: Ord + Clone + Display + FromStr + ToString;
    /// What it is called in messages.
    const KIND: &'static str;
    /// Its section of the project.
    const SECTION: &'static str;
    /// What ids that are made for it begin with.
    const PREFIX: &'static str;
    /// The most of them.
    const MOST: usize;
    fn all(project: &Project) -> &OrdMap<Self::Id, Arc<Self>>;
    fn put(project: &mut Project, id: Self::Id, value: Arc<Self>);
    fn take(project: &mut Project, id: &Self::Id) -> Option<Arc<Self>>;
    fn faults_of(&self) -> Vec<Fault>;
}

macro_rules! items {
    ($($section:ident, $id:ident, $type:ident, $put:ident, $remove:ident, $update:ident, $most:ident;)*) => { $(
        impl Item for crate::model::$type {
            type Id = crate::model::$id;
            const KIND: &'static str = kind(stringify!($section));
            const SECTION: &'static str = stringify!($section);
            const PREFIX: &'static str = crate::model::$id::PREFIX;
            const MOST: usize = limits::$most;
            fn all(project: &Project) -> &OrdMap<Self::Id, Arc<Self>> {
                project.$section()
            }
            fn put(project: &mut Project, id: Self::Id, value: Arc<Self>) {
                project.$put(id, value);
            }
            fn take(project: &mut Project, id: &Self::Id) -> Option<Arc<Self>> {
                project.$remove(id)
            }
            fn faults_of(&self) -> Vec<Fault> {
                self.faults()
            }
        }
    )* };
}
crate::model::read::for_sections!(items);

const fn kind(section: &str) -> &'static str {
    match section.as_bytes() {
        b"tracks" => "track",
        b"takes" => "take",
        b"comp" => "span of a comp",
        b"clips" => "clip",
        b"devices" => "device",
        b"sends" => "send",
        b"lanes" => "lane",
        b"markers" => "marker",
        b"tempo" => "tempo point",
        b"meter" => "meter point",
        _ => "media file",
    }
}

/// Makes ids from a seed: the same seed and the same numbers give the same ids.
#[derive(Clone, Debug)]
pub(crate) struct IdMaker {
    seed: [u8; 32],
    next: u64,
}

impl IdMaker {
    /// Ids that follow from `seed`, counted from `next` on.
    pub fn new(seed: [u8; 32], next: u64) -> Self {
        Self { seed, next }
    }

    /// Ten characters (50 bits) that were not given before.
    pub fn text(&mut self) -> String {
        const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
        let hash = blake3::keyed_hash(&self.seed, &self.next.to_le_bytes());
        self.next += 1;
        hash.as_bytes().iter().take(10).map(|byte| char::from(LETTERS[usize::from(byte & 31)])).collect()
    }
}

/// A project in the making. Edits change it through the typed things; the facts that changed follow from comparing it
/// with what it was.
#[derive(Debug)]
pub(crate) struct Draft {
    pub project: Project,
    /// Ids of things that were added, in their order.
    pub created: Vec<String>,
    /// What devices take.
    pub params: ParamsOf,
    ids: IdMaker,
}

impl Draft {
    pub fn new(project: Project, ids: IdMaker, params: ParamsOf) -> Self {
        Self { project, created: Vec::new(), params, ids }
    }

    /// A thing that has to be there.
    pub fn get<T: Item>(&self, id: &T::Id) -> Result<&Arc<T>, EditError> {
        T::all(&self.project).get(id).ok_or_else(|| EditError::Unknown { kind: T::KIND, id: id.to_string() })
    }

    /// Changes a thing that has to be there, and checks its bounds.
    pub fn change<T: Item>(&mut self, id: &T::Id, change: impl FnOnce(&mut T)) -> Result<(), EditError> {
        let mut value = T::clone(self.get(id)?);
        change(&mut value);
        check(id, &value)?;
        T::put(&mut self.project, id.clone(), Arc::new(value));
        Ok(())
    }

    /// As [`Draft::change`], for what was checked already.
    pub fn change_checked<T: Item>(&mut self, id: &T::Id, value: T) {
        T::put(&mut self.project, id.clone(), Arc::new(value));
    }

    /// The id for a new thing: the one that was asked for, if it is free, or a new one.
    pub fn free_id<T: Item>(&mut self, wanted: Option<&T::Id>) -> Result<T::Id, EditError> {
        let taken = |project: &Project, id: &T::Id| T::all(project).contains_key(id);
        if let Some(id) = wanted {
            let exists = || EditError::Exists { kind: T::KIND, id: id.to_string() };
            return if taken(&self.project, id) { Err(exists()) } else { Ok(id.clone()) };
        }
        loop {
            let text = format!("{}-{}", T::PREFIX, self.ids.text());
            if let Some(id) = text.parse().ok().filter(|id| !taken(&self.project, id)) {
                return Ok(id);
            }
        }
    }

    /// A new id for something within a thing, such as a point of a lane, where some are taken.
    pub fn new_inner_id<Id: FromStr>(&mut self, prefix: &str, taken: &dyn Fn(&Id) -> bool) -> Id {
        loop {
            let text = format!("{prefix}-{}", self.ids.text());
            if let Some(id) = text.parse().ok().filter(|id| !taken(id)) {
                return id;
            }
        }
    }

    /// Adds a thing under this id or a new one, and checks its bounds and that there is room for it.
    pub fn add<T: Item>(&mut self, id: Option<&T::Id>, value: T) -> Result<T::Id, EditError> {
        let id = self.free_id::<T>(id)?;
        check(&id, &value)?;
        if T::all(&self.project).len() >= T::MOST {
            return Err(EditError::TooMany { kind: T::KIND, most: T::MOST });
        }
        T::put(&mut self.project, id.clone(), Arc::new(value));
        self.created.push(id.to_string());
        Ok(id)
    }

    /// Removes a thing that has to be there.
    pub fn remove<T: Item>(&mut self, id: &T::Id) -> Result<Arc<T>, EditError> {
        let gone = T::take(&mut self.project, id);
        gone.ok_or_else(|| EditError::Unknown { kind: T::KIND, id: id.to_string() })
    }
}

/// The first thing that is out of bounds.
fn check<T: Item>(id: &T::Id, value: &T) -> Result<(), EditError> {
    match value.faults_of().into_iter().next() {
        Some(Fault { path, what }) => {
            Err(EditError::Value(Fault { path: format!("{}.{id}.{path}", T::SECTION), what }))
        }
        None => Ok(()),
    }
}
