//! `device.add`, `device.remove`, `device.move` and what a device sets.

use std::collections::BTreeMap;

use super::order::place;
use super::param::{check_key, check_value};
use super::verb::{Verb, setters, verb};
use super::{Draft, EditError};
use crate::model::{Device, DeviceId, Fault, OrderKey, Track, TrackId, TrackKind};

verb! {
    /// Adds a device to the chain of a track.
    pub struct DeviceAdd {
        /// Its id; a new one is made where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<DeviceId>,
        /// The track.
        pub track: TrackId,
        /// What it is, such as `omega.eq`.
        pub kind: String,
        /// Its name.
        #[serde(default)]
        pub name: String,
        /// The device of the chain that it stands before; at the end where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub before: Option<DeviceId>,
        /// Parameters that differ from their default.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub params: BTreeMap<String, f64>,
        /// The track that feeds its side-chain.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub sidechain: Option<TrackId>,
    }
}

impl DeviceAdd {
    /// A device of this kind at the end of the chain.
    #[must_use]
    pub fn new(track: TrackId, kind: &str) -> Self {
        let (kind, name, params) = (kind.to_owned(), String::new(), BTreeMap::new());
        Self { id: None, track, kind, name, before: None, params, sidechain: None }
    }
}

impl Verb for DeviceAdd {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let mut device = Device::new(self.track.clone(), &self.kind);
        device.order = make_room(draft, &self.track, self.before.as_ref(), None)?;
        device.name.clone_from(&self.name);
        device.params.clone_from(&self.params);
        check_source(draft, &self.track, self.sidechain.as_ref())?;
        device.sidechain.clone_from(&self.sidechain);
        for (key, value) in &self.params {
            check_value(draft.params, &device, key, *value, false)
                .map_err(|what| EditError::Value(Fault { path: format!("params.{key}"), what }))?;
        }
        draft.add(self.id.as_ref(), device).map(drop)
    }
}

fn make_room(
    draft: &mut Draft,
    track: &TrackId,
    before: Option<&DeviceId>,
    mover: Option<&DeviceId>,
) -> Result<OrderKey, EditError> {
    if draft.get::<Track>(track)?.kind == TrackKind::Folder {
        return Err(EditError::refused("a folder has no chain; add the device to a bus"));
    }
    let siblings = draft.project.chain(track).filter(|(id, _)| Some(*id) != mover);
    let siblings: Vec<_> = siblings.map(|(id, device)| (id.clone(), device.order.clone())).collect();
    let (key, others) = place("device", &siblings, before)?;
    for (id, key) in others {
        draft.change::<Device>(&id, |device| device.order = key)?;
    }
    Ok(key)
}

fn check_source(draft: &Draft, track: &TrackId, source: Option<&TrackId>) -> Result<(), EditError> {
    let Some(source) = source else { return Ok(()) };
    if source == track {
        return Err(EditError::refused(
            "a device hears its own track already; choose another one for its side-chain",
        ));
    }
    match draft.get::<Track>(source)?.kind {
        TrackKind::Folder => {
            Err(EditError::refused("a folder has no sound; choose another track for the side-chain"))
        }
        _ => Ok(()),
    }
}

verb! {
    /// Removes a device with its lanes.
    pub struct DeviceRemove {
        /// Which one.
        pub id: DeviceId,
    }
}

impl Verb for DeviceRemove {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        draft.remove::<Device>(&self.id).map(drop)
    }
}

verb! {
    /// Moves a device within its chain or to that of another track. Its parameters and lanes go with it.
    pub struct DeviceMove {
        /// Which one.
        pub id: DeviceId,
        /// The track; its own where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub track: Option<TrackId>,
        /// The device of that chain that it is to stand before; at the end where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub before: Option<DeviceId>,
    }
}

impl Verb for DeviceMove {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let device = draft.get::<Device>(&self.id)?.clone();
        let track = self.track.clone().unwrap_or_else(|| device.track.clone());
        let order = make_room(draft, &track, self.before.as_ref(), Some(&self.id))?;
        check_source(draft, &track, device.sidechain.as_ref())?;
        draft.change::<Device>(&self.id, |device| (device.track, device.order) = (track, order))
    }
}

verb! {
    /// Sets a parameter of a device, or gives it its default (`null`). Where the kind of device is known, the parameter has
    /// to be one of it and the value within its range.
    pub struct DeviceParam {
        /// Which one.
        pub id: DeviceId,
        /// The parameter's name.
        pub param: String,
        /// Its value, in its own unit.
        pub value: Option<f64>,
    }
}

impl Verb for DeviceParam {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let device = draft.get::<Device>(&self.id)?;
        let checked = match self.value {
            Some(value) => check_value(draft.params, device, &self.param, value, false),
            // What should not be there can always be taken away.
            None if device.params.contains_key(&self.param) => Ok(()),
            None => check_key(draft.params, device, &self.param, false),
        };
        checked.map_err(|what| {
            let path = format!("devices.{}.params.{}", self.id, self.param);
            EditError::Value(Fault { path, what })
        })?;
        draft.change::<Device>(&self.id, |device| match self.value {
            Some(value) => drop(device.params.insert(self.param.clone(), value)),
            None => drop(device.params.remove(&self.param)),
        })
    }
}

verb! {
    /// Chooses the track that feeds a device's side-chain, or none (`null`).
    pub struct DeviceSidechain {
        /// Which one.
        pub id: DeviceId,
        /// The track, heard after its fader.
        pub source: Option<TrackId>,
    }
}

impl Verb for DeviceSidechain {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let track = draft.get::<Device>(&self.id)?.track.clone();
        check_source(draft, &track, self.source.as_ref())?;
        draft.change::<Device>(&self.id, |device| device.sidechain.clone_from(&self.source))
    }
}

setters! {
    /// Switches a device out or in; it keeps its latency.
    DeviceBypass(Device, DeviceId) {
        /// Out.
        on: bool,
    } |device, this| device.bypass = this.on;

    /// Names a device.
    DeviceRename(Device, DeviceId) {
        /// Its name, up to 1,000 characters.
        name: String,
    } |device, this| device.name.clone_from(&this.name);

    /// Sets the opaque state of a device.
    DeviceState(Device, DeviceId) {
        /// The BLAKE3 hash of a file in `plugins/`; none where empty.
        state: String,
    } |device, this| device.state.clone_from(&this.state);
}
