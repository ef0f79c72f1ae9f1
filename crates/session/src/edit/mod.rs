//! Edits: every way a session can be changed.
//!
//! An [`Edit`] is plain data. In JSON it is one object whose key `edit` names the verb, beside the fields of the verb's
//! struct: `{"edit": "clip.move", "id": "clp-1", "position": "80640t"}`. Fields that are left out have the default that
//! their documentation states; unknown ones are refused. Places are texts, `80640t` in ticks or `48000f` in frames;
//! lengths of clips and fades are numbers of frames, and of clips of notes numbers of ticks.

mod clip;
mod clip_place;
mod clip_trim;
mod comp;
mod comp_flatten;
mod control;
mod device;
mod draft;
mod error;
mod lane;
mod marker;
mod media;
mod note;
mod order;
mod param;
mod send;
mod session;
mod take;
mod tempo;
mod tempo_shift;
mod time;
mod track_add;
mod track_duplicate;
mod track_move;
mod track_remove;
mod track_set;
mod verb;

pub use clip::{
    ClipAdd, ClipColour, ClipDuplicate, ClipFade, ClipGain, ClipLoopSet, ClipMove, ClipMute, ClipRemove,
    ClipRename, ClipReverse, ClipTimeBase,
};
pub use clip_trim::{ClipCrossfade, ClipSlip, ClipSplit, ClipTrim};
pub use comp::{CompClear, CompFade, CompSet, CompTake};
pub use comp_flatten::CompFlatten;
pub use control::{ControlAdd, ControlRemove, ControlSet, ControlValue};
pub use device::{
    DeviceAdd, DeviceBypass, DeviceMove, DeviceParam, DeviceRemove, DeviceRename, DeviceSidechain,
    DeviceState,
};
pub(crate) use draft::{Draft, IdMaker};
pub use error::EditError;
pub use lane::{
    LaneAdd, LaneBase, LaneClear, LaneEnable, LaneRemove, LaneWrite, PointAdd, PointRemove, PointSet,
    PointValue,
};
pub use marker::{MarkerAdd, MarkerColour, MarkerMove, MarkerRemove, MarkerRename};
pub use media::{MediaAdd, MediaRelink, MediaRemove, MediaRename, MediaReplace};
pub use note::{ClipNotes, NoteAdd, NoteMove, NoteQuantize, NoteRemove, NoteSet, NoteValue};
pub use param::ParamsOf;
pub(crate) use param::of_no_device;
pub use send::{
    SendAdd, SendFeedback, SendGain, SendMove, SendMute, SendPan, SendPre, SendRemove, SendRoute,
};
pub use session::{LoopSet, MetronomeSet, PunchSet, SessionSet};
pub use take::{
    ClipTake, TakeAdd, TakeColour, TakeDuplicate, TakeMove, TakeMute, TakePromote, TakeRemove, TakeRename,
};
pub use tempo::{MeterAdd, MeterRemove, MeterSet, TempoAdd, TempoRemove, TempoSet};
pub use time::{TimeDelete, TimeInsert};
pub use track_add::TrackAdd;
pub use track_duplicate::TrackDuplicate;
pub use track_move::TrackMove;
pub use track_remove::TrackRemove;
pub use track_set::{
    TrackArm, TrackChannels, TrackColour, TrackDelay, TrackInput, TrackListen, TrackMidiInput, TrackMonitor,
    TrackMute, TrackPan, TrackPanLaw, TrackPhase, TrackRename, TrackRoute, TrackSolo, TrackSoloSafe,
    TrackVolume,
};
use verb::Verb;

macro_rules! edits {
    ($($name:literal => $verb:ident, $help:literal;)*) => {
        /// A change of the session.
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(tag = "edit")]
        pub enum Edit {
            $(
                #[doc = concat!("`", $name, "`: ", $help, ".")]
                #[serde(rename = $name)]
                $verb($verb),
            )*
        }

        impl Edit {
            /// Every verb with what it does, in the order of this documentation.
            pub const VERBS: &'static [(&'static str, &'static str)] = &[$(($name, $help)),*];

            /// The verb, as in JSON.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self { $(Self::$verb(_) => $name),* }
            }

            /// Changes a draft.
            pub(crate) fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
                match self { $(Self::$verb(verb) => verb.apply(draft)),* }
            }
        }

        $(
            impl From<$verb> for Edit {
                fn from(verb: $verb) -> Self {
                    Self::$verb(verb)
                }
            }
        )*
    };
}

edits! {
    "session.set" => SessionSet, "set the session's name, notes or bus precision";
    "loop.set" => LoopSet, "set where playing wraps";
    "punch.set" => PunchSet, "set where armed tracks record";
    "metronome.set" => MetronomeSet, "set the click that players play to";
    "track.add" => TrackAdd, "add a track, bus, return, folder or cue bus";
    "track.remove" => TrackRemove, "remove a track with what is on it";
    "track.duplicate" => TrackDuplicate, "copy a track with what is on it";
    "track.move" => TrackMove, "move a track in the list or between folders";
    "track.rename" => TrackRename, "name a track";
    "track.colour" => TrackColour, "colour a track";
    "track.channels" => TrackChannels, "set a track's number of channels";
    "track.input" => TrackInput, "choose a track's hardware inputs";
    "track.route" => TrackRoute, "route a track's output";
    "track.volume" => TrackVolume, "set a track's fader";
    "track.pan" => TrackPan, "set a track's pan or balance";
    "track.pan_law" => TrackPanLaw, "set how loud a track's centre is";
    "track.mute" => TrackMute, "mute a track";
    "track.solo" => TrackSolo, "solo a track";
    "track.solo_safe" => TrackSoloSafe, "keep a track heard while others are soloed";
    "track.phase" => TrackPhase, "invert a track's polarity";
    "track.arm" => TrackArm, "arm a track for recording";
    "track.midi_input" => TrackMidiInput, "let a track hear a MIDI input";
    "track.monitor" => TrackMonitor, "say when a track's input is heard";
    "track.listen" => TrackListen, "listen to a track on the cue bus";
    "track.delay" => TrackDelay, "let a track sound later or earlier";
    "send.add" => SendAdd, "add a send";
    "send.remove" => SendRemove, "remove a send";
    "send.move" => SendMove, "move a send among those of its track";
    "send.route" => SendRoute, "send to another target";
    "send.pre" => SendPre, "take a send before or after the fader";
    "send.feedback" => SendFeedback, "make a send a feedback send or not";
    "send.gain" => SendGain, "set a send's gain";
    "send.pan" => SendPan, "set a send's pan";
    "send.mute" => SendMute, "mute a send";
    "device.add" => DeviceAdd, "add a device to a chain";
    "device.remove" => DeviceRemove, "remove a device";
    "device.move" => DeviceMove, "move a device within its chain or to another";
    "device.bypass" => DeviceBypass, "switch a device out or in";
    "device.param" => DeviceParam, "set a parameter of a device";
    "device.sidechain" => DeviceSidechain, "choose what feeds a device's side-chain";
    "device.rename" => DeviceRename, "name a device";
    "device.state" => DeviceState, "set a device's opaque state";
    "clip.add" => ClipAdd, "add a clip of a media file";
    "clip.notes" => ClipNotes, "add a clip of notes";
    "clip.remove" => ClipRemove, "remove a clip";
    "clip.move" => ClipMove, "move a clip in time or to another track";
    "clip.trim" => ClipTrim, "move the edges of a clip";
    "clip.slip" => ClipSlip, "move the material under a clip";
    "clip.split" => ClipSplit, "part a clip in two";
    "clip.duplicate" => ClipDuplicate, "copy a clip";
    "clip.gain" => ClipGain, "set a clip's gain";
    "clip.fade" => ClipFade, "set a clip's fades";
    "clip.crossfade" => ClipCrossfade, "cross-fade two clips";
    "clip.reverse" => ClipReverse, "play a clip backwards";
    "clip.loop" => ClipLoopSet, "repeat a stretch of a clip's material";
    "clip.time_base" => ClipTimeBase, "tie a clip to bars and beats or to the clock";
    "clip.mute" => ClipMute, "mute a clip";
    "clip.rename" => ClipRename, "name a clip";
    "clip.colour" => ClipColour, "colour a clip";
    "clip.take" => ClipTake, "put a clip into a take or out of it";
    "note.add" => NoteAdd, "add notes to a clip";
    "note.set" => NoteSet, "change notes";
    "note.move" => NoteMove, "move notes in time, up and down";
    "note.quantize" => NoteQuantize, "draw notes to a grid";
    "note.remove" => NoteRemove, "remove notes";
    "control.add" => ControlAdd, "add controller points to a clip of notes";
    "control.set" => ControlSet, "change controller points";
    "control.remove" => ControlRemove, "remove controller points";
    "take.add" => TakeAdd, "add a take to a track";
    "take.remove" => TakeRemove, "remove a take with its clips";
    "take.move" => TakeMove, "move a take among those of its track";
    "take.rename" => TakeRename, "name a take";
    "take.colour" => TakeColour, "colour a take";
    "take.mute" => TakeMute, "mute a take";
    "take.duplicate" => TakeDuplicate, "copy a take with its clips";
    "take.promote" => TakePromote, "make a take's clips clips of the track itself";
    "comp.set" => CompSet, "let a take sound over a range";
    "comp.take" => CompTake, "let a take sound over all of its clips";
    "comp.clear" => CompClear, "let no take sound over a range";
    "comp.fade" => CompFade, "set the cross-fade of a span of a comp";
    "comp.flatten" => CompFlatten, "make clips of what a comp lets sound";
    "lane.add" => LaneAdd, "add an automation lane";
    "lane.remove" => LaneRemove, "remove an automation lane";
    "lane.enable" => LaneEnable, "put a lane in effect or out of it";
    "lane.base" => LaneBase, "tie a lane to bars and beats or to the clock";
    "lane.clear" => LaneClear, "remove the points of a range";
    "lane.write" => LaneWrite, "replace the points of a range";
    "point.add" => PointAdd, "add an automation point";
    "point.set" => PointSet, "change an automation point";
    "point.remove" => PointRemove, "remove an automation point";
    "marker.add" => MarkerAdd, "add a marker";
    "marker.remove" => MarkerRemove, "remove a marker";
    "marker.move" => MarkerMove, "move a marker";
    "marker.rename" => MarkerRename, "name a marker";
    "marker.colour" => MarkerColour, "colour a marker";
    "tempo.add" => TempoAdd, "add a change of tempo";
    "tempo.set" => TempoSet, "change a change of tempo";
    "tempo.remove" => TempoRemove, "remove a change of tempo";
    "meter.add" => MeterAdd, "add a change of time signature";
    "meter.set" => MeterSet, "change a change of time signature";
    "meter.remove" => MeterRemove, "remove a change of time signature";
    "time.insert" => TimeInsert, "insert time, in the whole session or on some tracks";
    "time.delete" => TimeDelete, "delete time, in the whole session or on some tracks";
    "media.add" => MediaAdd, "add a file to the pool";
    "media.remove" => MediaRemove, "take a file that nothing plays out of the pool";
    "media.relink" => MediaRelink, "say where a file is now";
    "media.rename" => MediaRename, "name a file";
    "media.replace" => MediaReplace, "let clips play another file";
}

impl Edit {
    /// Applies edits to a copy of a project, all or none; the ids of new things follow from `seed`.
    ///
    /// This is what a document does before it stores anything; it is public for tools that only want to try. Parameters of
    /// devices are not checked.
    ///
    /// # Errors
    /// [`EditError`] of the first edit that is refused.
    pub fn try_all(
        edits: &[Self],
        project: &crate::Project,
        seed: [u8; 32],
    ) -> Result<crate::Project, EditError> {
        draft_all(edits, project, IdMaker::new(seed, 0), of_no_device).map(|draft| draft.project)
    }
}

/// Applies edits to a draft of a project, all or none.
pub(crate) fn draft_all(
    edits: &[Edit],
    project: &crate::Project,
    ids: IdMaker,
    params: ParamsOf,
) -> Result<Draft, EditError> {
    let most = crate::model::limits::MAX_GROUP;
    if edits.len() > most {
        return Err(EditError::TooMany { kind: "edit of one group", most });
    }
    let mut draft = Draft::new(project.clone(), ids, params);
    for (n, edit) in edits.iter().enumerate() {
        edit.apply(&mut draft).map_err(|error| in_group(edits, n, error))?;
    }
    if let Some(cycle) = draft.project.signal_cycle() {
        return Err(in_group(edits, edits.len().saturating_sub(1), EditError::SignalCycle(cycle)));
    }
    Ok(draft)
}

fn in_group(edits: &[Edit], n: usize, error: EditError) -> EditError {
    match edits {
        [] | [_] => error,
        edits => {
            let name = edits[n].name();
            EditError::InGroup { number: n + 1, count: edits.len(), name, source: Box::new(error) }
        }
    }
}
