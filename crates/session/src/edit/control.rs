//! `control.add`, `control.set` and `control.remove`: the controller points of clips of notes.

use std::collections::BTreeSet;

use omega_time::Ticks;

use super::note::{clip_of, free_id, list, meant, store};
use super::verb::{Verb, verb};
use super::{Draft, EditError};
use crate::model::{ClipId, Control, ControlId, ControlKind, Controls};

verb! {
    /// A controller point as it is written into a clip.
    pub struct ControlValue {
        /// Its id; a new one is made where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<ControlId>,
        /// The tick of the clip's material at which it is.
        pub at: Ticks,
        /// `cc/<0..127>`, `bend`, `pressure`, `pressure/<key>` or `program`.
        pub kind: ControlKind,
        /// 0..=127; −8192..=8191 for `bend`.
        pub value: i16,
        /// 0..=15.
        #[serde(default)]
        pub channel: u8,
        /// Its place among those at the same tick.
        #[serde(default)]
        pub order: u32,
    }
}

impl ControlValue {
    /// A point on channel 0.
    #[must_use]
    pub fn new(at: Ticks, kind: ControlKind, value: i16) -> Self {
        Self { id: None, at, kind, value, channel: 0, order: 0 }
    }
}

/// The controller points of a clip with these added.
pub(super) fn controls_of(
    draft: &mut Draft,
    clip: &ClipId,
    values: &[ControlValue],
) -> Result<Controls, EditError> {
    let mut controls = clip_of(draft, clip)?.controls.all().to_vec();
    let mut taken: BTreeSet<ControlId> = controls.iter().map(|control| control.id.clone()).collect();
    for value in values {
        let ControlValue { at, kind, value, channel, order, ref id } = *value;
        let id = free_id::<Control>(draft, ControlId::PREFIX, id.as_ref(), &mut taken)?;
        controls.push(Control { id, at, kind, value, channel, order });
    }
    list(clip, "controls", controls)
}

verb! {
    /// Adds controller points to a clip of notes.
    pub struct ControlAdd {
        /// The clip.
        pub clip: ClipId,
        /// The points: `[{"at": 0, "kind": "cc/1", "value": 64}]`.
        pub controls: Vec<ControlValue>,
    }
}

impl Verb for ControlAdd {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let controls = controls_of(draft, &self.clip, &self.controls)?;
        store(draft, &self.clip, |clip| clip.controls = controls)
    }
}

verb! {
    /// Changes controller points; what is left out stays.
    pub struct ControlSet {
        /// The clip.
        pub clip: ClipId,
        /// Which ones; all of them where there are none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub controls: Vec<ControlId>,
        /// Where they are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub at: Option<Ticks>,
        /// Their value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub value: Option<i16>,
        /// 0..=15.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub channel: Option<u8>,
    }
}

impl Verb for ControlSet {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let controls = &clip_of(draft, &self.clip)?.controls;
        let meant = meant(controls, &self.controls)?;
        let mut changed = controls.all().to_vec();
        for control in changed.iter_mut().filter(|control| meant.contains(&control.id)) {
            control.at = self.at.unwrap_or(control.at);
            control.value = self.value.unwrap_or(control.value);
            control.channel = self.channel.unwrap_or(control.channel);
        }
        let changed = list(&self.clip, "controls", changed)?;
        store(draft, &self.clip, |clip| clip.controls = changed)
    }
}

verb! {
    /// Removes controller points.
    pub struct ControlRemove {
        /// The clip.
        pub clip: ClipId,
        /// Which ones; all of them where there are none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub controls: Vec<ControlId>,
    }
}

impl Verb for ControlRemove {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let controls = &clip_of(draft, &self.clip)?.controls;
        let gone = meant(controls, &self.controls)?;
        let left = controls.all().iter().filter(|control| !gone.contains(&control.id)).cloned().collect();
        let left = Controls::new(left);
        store(draft, &self.clip, |clip| clip.controls = left)
    }
}
