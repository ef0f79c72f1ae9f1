//! `send.add`, `send.remove`, `send.move`, `send.route` and what a send sets.

use omega_time::Frames;

use super::order::place;
use super::track_add::check_target;
use super::verb::{Verb, setters, verb};
use super::{Draft, EditError};
use crate::model::{OrderKey, Send, SendId, Track, TrackId, TrackKind};

verb! {
    /// Adds a send from a track to a bus, return, cue bus or the master.
    pub struct SendAdd {
        /// Its id; a new one is made where it is left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub id: Option<SendId>,
        /// Where it comes from.
        pub track: TrackId,
        /// Where it goes.
        pub target: TrackId,
        /// The send of the track that it stands before; at the end where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub before: Option<SendId>,
        /// −144 (silence) to 48.
        #[serde(default)]
        pub gain_db: f64,
        /// −1 (left) to 1 (right).
        #[serde(default)]
        pub pan: f64,
        /// Taken before the fader.
        #[serde(default)]
        pub pre: bool,
        /// Makes it a feedback send, which arrives so many frames later and may close a circle.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub feedback_delay: Option<Frames>,
    }
}

impl SendAdd {
    /// A post-fader send at 0 dB.
    #[must_use]
    pub fn new(track: TrackId, target: TrackId) -> Self {
        Self {
            id: None,
            track,
            target,
            before: None,
            gain_db: 0.0,
            pan: 0.0,
            pre: false,
            feedback_delay: None,
        }
    }
}

impl Verb for SendAdd {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        check_ends(draft, &self.track, &self.target, self.feedback_delay.is_some())?;
        let mut send = Send::new(self.track.clone(), self.target.clone());
        send.order = make_room(draft, &self.track, self.before.as_ref(), None)?;
        (send.gain_db, send.pan, send.pre) = (self.gain_db, self.pan, self.pre);
        send.feedback_delay = self.feedback_delay;
        refuse_twin(draft, None, &send)?;
        draft.add(self.id.as_ref(), send).map(drop)
    }
}

fn check_ends(draft: &Draft, track: &TrackId, target: &TrackId, feedback: bool) -> Result<(), EditError> {
    if draft.get::<Track>(track)?.kind == TrackKind::Folder {
        return Err(EditError::refused("a folder has no sound to send; send from what it holds"));
    }
    check_target(&draft.project, (!feedback).then_some(track), target)
}

/// Two sends of one kind between the same ends are one cable laid twice.
fn refuse_twin(draft: &Draft, id: Option<&SendId>, send: &Send) -> Result<(), EditError> {
    let twin = draft
        .project
        .sends_from(&send.track)
        .find(|(other, that)| Some(*other) != id && that.is_twin_of(send));
    match twin {
        Some((other, _)) => Err(EditError::refused(format!(
            "send {:?} goes from {:?} to {:?} already; change that one",
            other.as_str(),
            send.track.as_str(),
            send.target.as_str()
        ))),
        None => Ok(()),
    }
}

fn make_room(
    draft: &mut Draft,
    track: &TrackId,
    before: Option<&SendId>,
    mover: Option<&SendId>,
) -> Result<OrderKey, EditError> {
    let siblings = draft.project.sends_from(track).filter(|(id, _)| Some(*id) != mover);
    let siblings: Vec<_> = siblings.map(|(id, send)| (id.clone(), send.order.clone())).collect();
    let (key, others) = place("send", &siblings, before)?;
    for (id, key) in others {
        draft.change::<Send>(&id, |send| send.order = key)?;
    }
    Ok(key)
}

verb! {
    /// Removes a send with its lanes.
    pub struct SendRemove {
        /// Which one.
        pub id: SendId,
    }
}

impl Verb for SendRemove {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        draft.remove::<Send>(&self.id).map(drop)
    }
}

verb! {
    /// Moves a send among the sends of its track.
    pub struct SendMove {
        /// Which one.
        pub id: SendId,
        /// The send that it is to stand before; at the end where left out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub before: Option<SendId>,
    }
}

impl Verb for SendMove {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let track = draft.get::<Send>(&self.id)?.track.clone();
        let order = make_room(draft, &track, self.before.as_ref(), Some(&self.id))?;
        draft.change::<Send>(&self.id, |send| send.order = order)
    }
}

/// Changes what decides whether two sends are twins.
fn rewire(draft: &mut Draft, id: &SendId, change: impl FnOnce(&mut Send)) -> Result<(), EditError> {
    draft.change::<Send>(id, change)?;
    let send = draft.get::<Send>(id)?.clone();
    check_ends(draft, &send.track, &send.target, send.feedback_delay.is_some())?;
    refuse_twin(draft, Some(id), &send)
}

verb! {
    /// Sends to another target.
    pub struct SendRoute {
        /// Which one.
        pub id: SendId,
        /// Where it goes from now on.
        pub target: TrackId,
    }
}

impl Verb for SendRoute {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        rewire(draft, &self.id, |send| send.target = self.target.clone())
    }
}

verb! {
    /// Takes a send before or after the fader.
    pub struct SendPre {
        /// Which one.
        pub id: SendId,
        /// Before it.
        pub on: bool,
    }
}

impl Verb for SendPre {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        rewire(draft, &self.id, |send| send.pre = self.on)
    }
}

verb! {
    /// Makes a send a feedback send or not (`null`).
    pub struct SendFeedback {
        /// Which one.
        pub id: SendId,
        /// The frames by which it arrives later, 1 or more.
        pub delay: Option<Frames>,
    }
}

impl Verb for SendFeedback {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        rewire(draft, &self.id, |send| send.feedback_delay = self.delay)
    }
}

setters! {
    /// Sets the gain of a send.
    SendGain(Send, SendId) {
        /// −144 (silence) to 48.
        db: f64,
    } |send, this| send.gain_db = this.db;

    /// Sets the pan of a send.
    SendPan(Send, SendId) {
        /// −1 (left) to 1 (right).
        pan: f64,
    } |send, this| send.pan = this.pan;

    /// Mutes a send or not.
    SendMute(Send, SendId) {
        /// Whether it is.
        on: bool,
    } |send, this| send.mute = this.on;
}
