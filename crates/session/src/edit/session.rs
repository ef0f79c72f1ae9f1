//! `session.set`, `loop.set`, `punch.set` and `metronome.set`

use omega_time::TimeRange;

use super::verb::{Verb, optional_range, verb};
use super::{Draft, EditError};
use crate::model::{BusPrecision, Fault, Output, RangeSetting, Settings};

verb! {
    /// Sets facts of the session as a whole; what is left out stays.
    pub struct SessionSet {
        /// Its name, up to 1,000 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub name: Option<String>,
        /// Notes, up to 100,000 characters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub notes: Option<String>,
        /// How buses sum: `f32` or `f64`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub bus_precision: Option<BusPrecision>,
    }
}

impl Verb for SessionSet {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        change(draft, |settings| {
            settings.name = self.name.clone().unwrap_or_else(|| settings.name.clone());
            settings.notes = self.notes.clone().unwrap_or_else(|| settings.notes.clone());
            settings.bus_precision = self.bus_precision.unwrap_or(settings.bus_precision);
        })
    }
}

fn change(draft: &mut Draft, change: impl FnOnce(&mut Settings)) -> Result<(), EditError> {
    let mut settings = draft.project.settings().clone();
    change(&mut settings);
    if let Some(Fault { path, what }) = settings.faults().into_iter().next() {
        return Err(EditError::Value(Fault { path: format!("session.{path}"), what }));
    }
    draft.project.put_settings(settings);
    Ok(())
}

macro_rules! range_verbs {
    ($($(#[$meta:meta])* $name:ident, $field:ident;)*) => { $(
        verb! {
            $(#[$meta])*
            pub struct $name {
                /// Whether it is on.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub on: Option<bool>,
                /// The range, such as `0t..322560t` or `48000f..96000f`.
                #[serde(default, with = "optional_range", skip_serializing_if = "Option::is_none")]
                pub range: Option<TimeRange>,
            }
        }

        impl Verb for $name {
            fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
                let RangeSetting { on, range, .. } = draft.project.settings().$field.clone();
                let (on, range) = (self.on.unwrap_or(on), self.range.unwrap_or(range));
                if on && range.is_empty() {
                    return Err(EditError::refused("the range is empty; give one before it is switched on"));
                }
                change(draft, |settings| (settings.$field.on, settings.$field.range) = (on, range))
            }
        }
    )* };
}

range_verbs! {
    /// Sets where playing wraps; what is left out stays.
    LoopSet, loop_range;
    /// Sets where armed tracks record; what is left out stays.
    PunchSet, punch_range;
}

verb! {
    /// Sets the metronome; what is left out stays.
    pub struct MetronomeSet {
        /// Whether it clicks whenever the time line rolls.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub on: Option<bool>,
        /// An array of hardware channels counted from 0, the id of a cue bus, a bus or the master, or `none`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub output: Option<Output>,
        /// −144 (silence) to 48.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub level_db: Option<f64>,
    }
}

impl Verb for MetronomeSet {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        if let Some(Output::Track(id)) = &self.output {
            let track = draft.project.track(id).ok_or_else(|| {
                EditError::refused(format!(
                    "there is no track {:?} to hear the metronome through",
                    id.as_str()
                ))
            })?;
            if !track.takes_signal() {
                return Err(EditError::refused(format!(
                    "track {:?} is of kind {} and takes no signal; choose a cue bus, a bus or the master",
                    id.as_str(),
                    track.kind
                )));
            }
        }
        change(draft, |settings| {
            let metronome = &mut settings.metronome;
            metronome.on = self.on.unwrap_or(metronome.on);
            metronome.output = self.output.clone().unwrap_or_else(|| metronome.output.clone());
            metronome.level_db = self.level_db.unwrap_or(metronome.level_db);
        })
    }
}
