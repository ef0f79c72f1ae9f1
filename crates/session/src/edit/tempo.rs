//! `tempo.add`, `tempo.set`, `tempo.remove`, `meter.add`, `meter.set` and `meter.remove`

use omega_time::{Ramp, Tempo, Ticks, TimeSignature};

use super::verb::{Verb, verb};
use super::{Draft, EditError};
use crate::model::{MeterId, MeterPoint, TempoId, TempoPoint};

verb! {
    /// Adds a change of tempo.
    pub struct TempoAdd {
        /// Its id; a new one is made where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<TempoId>,
        /// The tick, from 0, where there is none yet.
        pub at: Ticks,
        /// Quarter notes per minute, 1 to 1,000, as text: `120`, `97.5`, `40000/333`.
        pub tempo: Tempo,
        /// `constant`, or `linear`: it runs to the next point.
        #[serde(default)]
        pub ramp: Ramp,
    }
}

impl TempoAdd {
    /// A tempo that holds from here on.
    #[must_use]
    pub fn new(at: Ticks, tempo: Tempo) -> Self {
        Self { id: None, at, tempo, ramp: Ramp::Constant }
    }
}

impl Verb for TempoAdd {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        refuse_second_tempo(draft, None, self.at)?;
        let mut point = TempoPoint::new(self.at, self.tempo);
        point.ramp = self.ramp;
        draft.add(self.id.as_ref(), point).map(drop)
    }
}

fn refuse_second_tempo(draft: &Draft, id: Option<&TempoId>, at: Ticks) -> Result<(), EditError> {
    match draft.project.tempo().iter().find(|(other, point)| Some(*other) != id && point.at == at) {
        Some((other, _)) => Err(EditError::refused(format!(
            "tempo point {:?} is at {}t already; change that one",
            other.as_str(),
            at.0
        ))),
        None => Ok(()),
    }
}

verb! {
    /// Changes a change of tempo; what is left out stays.
    pub struct TempoSet {
        /// Which one.
        pub id: TempoId,
        /// The tick, from 0.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub at: Option<Ticks>,
        /// Quarter notes per minute, 1 to 1,000, as text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub tempo: Option<Tempo>,
        /// `constant` or `linear`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub ramp: Option<Ramp>,
    }
}

impl Verb for TempoSet {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        if let Some(at) = self.at {
            refuse_second_tempo(draft, Some(&self.id), at)?;
        }
        draft.change::<TempoPoint>(&self.id, |point| {
            point.at = self.at.unwrap_or(point.at);
            point.tempo = self.tempo.unwrap_or(point.tempo);
            point.ramp = self.ramp.unwrap_or(point.ramp);
        })
    }
}

verb! {
    /// Removes a change of tempo.
    pub struct TempoRemove {
        /// Which one.
        pub id: TempoId,
    }
}

impl Verb for TempoRemove {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        draft.remove::<TempoPoint>(&self.id).map(drop)
    }
}

verb! {
    /// Adds a change of time signature.
    pub struct MeterAdd {
        /// Its id; a new one is made where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<MeterId>,
        /// The bar that it begins with, from 1, where there is none yet.
        pub bar: i64,
        /// Such as `7/8`.
        pub signature: TimeSignature,
    }
}

impl MeterAdd {
    /// A time signature that holds from this bar on.
    #[must_use]
    pub fn new(bar: i64, signature: TimeSignature) -> Self {
        Self { id: None, bar, signature }
    }
}

impl Verb for MeterAdd {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        refuse_second_meter(draft, None, self.bar)?;
        draft.add(self.id.as_ref(), MeterPoint::new(self.bar, self.signature)).map(drop)
    }
}

fn refuse_second_meter(draft: &Draft, id: Option<&MeterId>, bar: i64) -> Result<(), EditError> {
    match draft.project.meter().iter().find(|(other, point)| Some(*other) != id && point.bar == bar) {
        Some((other, _)) => Err(EditError::refused(format!(
            "meter point {:?} is at bar {bar} already; change that one",
            other.as_str()
        ))),
        None => Ok(()),
    }
}

verb! {
    /// Changes a change of time signature; what is left out stays.
    pub struct MeterSet {
        /// Which one.
        pub id: MeterId,
        /// The bar that it begins with, from 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub bar: Option<i64>,
        /// Such as `7/8`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub signature: Option<TimeSignature>,
    }
}

impl Verb for MeterSet {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        if let Some(bar) = self.bar {
            refuse_second_meter(draft, Some(&self.id), bar)?;
        }
        draft.change::<MeterPoint>(&self.id, |point| {
            point.bar = self.bar.unwrap_or(point.bar);
            point.signature = self.signature.unwrap_or(point.signature);
        })
    }
}

verb! {
    /// Removes a change of time signature.
    pub struct MeterRemove {
        /// Which one.
        pub id: MeterId,
    }
}

impl Verb for MeterRemove {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        draft.remove::<MeterPoint>(&self.id).map(drop)
    }
}
