//! One pure function: a [`Project`](omega_session) becomes a graph, and what its nodes need to be built and fed.
//!
//! [`lower`] looks at nothing but the project and allocates nothing that outlives the answer; the same project gives the
//! same graph, the same ids, and so the same bytes of sound. What it cannot carry over (a device that is not installed, a
//! clip whose media is gone) it leaves out and says so in [`Lowered::notices`]: the session still plays.
//!
//! A track becomes a strip:
//!
//! ```text
//! clips ─┬─► in ─► device ─► device ─► … ─► pre ────┬─► PFL
//! input ─┤                                          ├─► pre-fader sends
//!        └─► tape                                   └─► fader ─┬─► meter
//!                                                              ├─► post-fader sends ─► in of a bus
//!                                                              └─► in of a bus, the master, or the hardware
//! ```
//!
//! Notes need no cable: the first device of the chain that takes notes plays those of the track ([`Lowered::note_lists`]), because each
//! node sees its exact place on the time line behind any latency.
//!
//! Where the input of a track is heard, a switch stands before `in` and chooses between clips and input. The tape is a dead
//! end: where it is placed on the time line ([`Lowered::place_tapes`]) holds nobody back.
//!
//! `in` and `pre` only mix, and cost nothing where one cable leads through them: the compiler lets the next node take the
//! buffer over.
#![forbid(unsafe_code)]

mod clips;
mod ids;
mod input;
mod listen;
mod metronome;
mod notes;
mod params;
mod strip;

use std::collections::BTreeMap;
use std::sync::Arc;

use omega_devices::clip_reader::Segment;
use omega_devices::note_player::{Shot, Touch};
use omega_graph::{EdgeId, GraphSpec, MeterId, NodeId};
use omega_processor::{Descriptor, PrepareConfig, Smoothing};
use omega_session::model::{Device, DeviceId, MediaId, ParamTarget, Project, TrackId};
use omega_time::TempoMap;

pub use clips::source_id;

/// How a project is to be heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Through hardware: outputs go to the channels that the session names, inputs and the cue are connected.
    Play,
    /// Into files: channels `0..` carry the master, followed by each stem with its channels. No inputs, no cue; the metronome only where it is asked for.
    Render {
        /// Tracks to be written beside the master, as they leave their faders.
        stems: Vec<TrackId>,
        /// The metronome clicks in the channels of the master.
        metronome: bool,
    },
}

/// What a node runs.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// The clips of a track; fed by a play list.
    Clips,
    /// A built-in device, by key.
    Device(String),
    /// A plugin: that device of the session.
    Plugin(DeviceId),
    /// Records the input of a track.
    Tape,
    /// Records the MIDI input of a track.
    NoteTape,
    /// Clicks on the beats of [`Lowered::tempo`].
    Metronome,
}

/// A point of automation on the frames of the time line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LanePoint {
    /// Frame; musical points may lie between frames.
    pub frame: f64,
    /// In the parameter's unit.
    pub value: f32,
    /// The way to the next point.
    pub shape: LaneShape,
}

/// How automation goes on from a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum LaneShape {
    /// Stays, then jumps.
    Hold,
    /// A straight line.
    Linear,
    /// An exponential bow; see the engine's lanes.
    Curve(f32),
}

/// One parameter of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Value of the hand, in the parameter's unit.
    pub value: f32,
    /// How live jumps are smoothed.
    pub smoothing: Smoothing,
    /// Automation; empty for none.
    pub lane: Vec<LanePoint>,
}

/// What is needed to build a node, and what its parameters are.
#[derive(Clone, Debug, PartialEq)]
pub struct NodePlan {
    /// For messages.
    pub name: String,
    /// The track that it belongs to.
    pub track: TrackId,
    /// What it runs.
    pub kind: Kind,
    /// What it is prepared for.
    pub config: PrepareConfig,
    /// In the descriptor's order.
    pub params: Vec<Param>,
}

/// Something that could not be carried over, in the words that a user reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Notice {
    /// The device is not known here; the sound passes it unchanged.
    UnknownDevice {
        /// The device.
        device: DeviceId,
        /// What it is.
        kind: String,
        /// The name of its track.
        track: String,
    },
    /// A value is not used.
    UnknownParam {
        /// The device.
        device: DeviceId,
        /// Key of the parameter.
        param: String,
    },
    /// The clips of this media are silent: the media pool does not have it.
    MissingMedia {
        /// The media.
        media: MediaId,
    },
    /// The notes of a track are not heard: no device of it takes notes.
    NoInstrument {
        /// The name of the track.
        track: String,
    },
    /// The notes of a track are not all heard: there are too many.
    TooManyNotes {
        /// The name of the track.
        track: String,
    },
    /// The output or send leads nowhere: its target is gone.
    DanglingRoute {
        /// The name of the track.
        track: String,
    },
}

impl std::fmt::Display for Notice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UnknownDevice { kind, track, .. } => {
                write!(
                    f,
                    "track \"{track}\": the device \"{kind}\" is not installed here; the sound passes it unchanged"
                )
            }
            Self::UnknownParam { device, param } => {
                write!(f, "device {device}: it has no parameter \"{param}\"; the value is kept but not used")
            }
            Self::MissingMedia { media } => {
                write!(f, "the media {media} is not in the pool; its clips are silent")
            }
            Self::NoInstrument { track } => {
                write!(
                    f,
                    "track \"{track}\": its notes are silent, because no device on it takes notes; add an instrument"
                )
            }
            Self::TooManyNotes { track } => {
                write!(
                    f,
                    "track \"{track}\": it has too many notes, and the last ones are silent; spread them over several tracks"
                )
            }
            Self::DanglingRoute { track } => {
                write!(
                    f,
                    "track \"{track}\": an output or send leads to a track that does not exist; route it anew"
                )
            }
        }
    }
}

/// A project, ready to be compiled.
#[derive(Clone, Debug)]
pub struct Lowered {
    /// For the compiler.
    pub spec: GraphSpec,
    /// All nodes that run something.
    pub nodes: BTreeMap<NodeId, NodePlan>,
    /// Segments of each node of [`Kind::Clips`], by start, and the media that they need.
    pub play_lists: BTreeMap<NodeId, Vec<(Segment, MediaId)>>,
    /// What each node plays that takes notes: the first of a track what its clips hold, the others nothing.
    pub note_lists: BTreeMap<NodeId, NotePart>,
    /// Where each parameter of the session is found: node and index.
    pub targets: BTreeMap<ParamTarget, (NodeId, u16)>,
    /// Meters behind the faders.
    pub meters: BTreeMap<TrackId, MeterId>,
    /// Where the inputs of armed and monitored tracks come in.
    pub tapes: BTreeMap<TrackId, TapePlan>,
    /// Where the MIDI of armed tracks is recorded.
    pub note_tapes: BTreeMap<TrackId, NoteTapePlan>,
    /// Nodes that hear a MIDI input, with its name. [`NodeSpec::hears`](omega_graph::NodeSpec::hears) is for who knows the hardware.
    pub hearing: BTreeMap<NodeId, String>,
    /// Tracks whose input is heard: nothing on their way is held back for the sake of others.
    pub live: BTreeMap<TrackId, LiveWay>,
    /// The metronome, where there is one.
    pub metronome: Option<NodeId>,
    /// Channels of the master, and of each stem that was asked for, in the order of output channels.
    pub channels: Vec<(TrackId, u16)>,
    /// Bars and beats on frames.
    pub tempo: Arc<TempoMap>,
    /// First frame behind the last clip.
    pub end: i64,
    /// What was left out.
    pub notices: Vec<Notice>,
}

/// What an instrument plays, on the frames of the time line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NotePart {
    /// By start.
    pub shots: Vec<Shot>,
    /// By place.
    pub touches: Vec<(i64, Touch)>,
}

/// A tape at the input of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapePlan {
    /// The node of [`Kind::Tape`].
    pub node: NodeId,
    /// Its channels: as many as the track has inputs and channels for.
    pub channels: u16,
    /// Measures what comes in.
    pub meter: MeterId,
    /// The cables that lead into it.
    edges: Vec<EdgeId>,
}

/// A tape for the MIDI of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteTapePlan {
    /// The node of [`Kind::NoteTape`].
    pub node: NodeId,
    /// The cable that places it.
    edge: EdgeId,
}

/// The MIDI inputs that tracks name, each once, by name: what hardware is opened with.
#[must_use]
pub fn midi_inputs(project: &Project) -> Vec<String> {
    let named = project.tracks().values().map(|track| &track.midi_input).filter(|name| !name.is_empty());
    let named: std::collections::BTreeSet<&String> = named.collect();
    named.into_iter().cloned().collect()
}

/// Where the way of a live input leaves its track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveWay {
    /// The fader.
    pub fader: NodeId,
    /// What it is mixed into; none where it goes nowhere, or to the hardware.
    pub target: Option<NodeId>,
}

impl Lowered {
    /// Places all tapes `frames` frames behind the sources: so long is sound on its way from there out through the hardware,
    /// and back in again. A tape then sees each frame that comes in at the place on the time line where it was heard.
    pub fn place_tapes(&mut self, frames: u32) {
        let most = omega_graph::MAX_SHIFT;
        let shift = i32::try_from(frames).unwrap_or(most).min(most);
        for edge in &mut self.spec.edges {
            if self.tapes.values().any(|tape| tape.edges.contains(&edge.id)) {
                edge.shift = -shift;
            }
        }
    }

    /// Places the tapes of MIDI `frames` frames behind the sources: so long it takes until what those play is heard, and what is
    /// played to it comes in.
    pub fn place_note_tapes(&mut self, frames: u32) {
        let most = omega_graph::MAX_SHIFT;
        let shift = i32::try_from(frames).unwrap_or(most).min(most);
        for edge in &mut self.spec.edges {
            if self.note_tapes.values().any(|tape| tape.edge == edge.id) {
                edge.shift = -shift;
            }
        }
    }

    /// Lets the nodes that hear MIDI hear the inputs of hardware that was opened with these names, in this order.
    pub fn hear(&mut self, inputs: &[String]) {
        for node in &mut self.spec.nodes {
            let name = self.hearing.get(&node.id);
            let place = name.and_then(|name| inputs.iter().position(|input| input == name));
            node.hears = place.and_then(|place| u16::try_from(place).ok());
        }
    }
}

/// Latency that a device has in a given setting: asked for each device, because some change it with their parameters.
pub type LatencyOf<'a> = &'a dyn Fn(NodeId, &NodePlan) -> u32;

/// What a device is that is not built in: asked for each of those, with what it would be prepared for. `None` where it is
/// not installed, or cannot be used.
pub type PluginOf<'a> = &'a dyn Fn(&DeviceId, &Device, &PrepareConfig) -> Option<Descriptor>;

/// As [`lower`], with plugins.
#[must_use]
pub fn lower_with_plugins(
    project: &Project,
    purpose: &Purpose,
    latency: LatencyOf<'_>,
    plugins: PluginOf<'_>,
) -> Lowered {
    strip::Lowering::new(project, purpose, latency, plugins).run()
}

/// Lowers `project` with the built-in devices alone.
///
/// `latency` tells the latency of a device's processor in frames (the caller has built it, or builds one to ask).
#[must_use]
pub fn lower(project: &Project, purpose: &Purpose, latency: LatencyOf<'_>) -> Lowered {
    lower_with_plugins(project, purpose, latency, &|_, _, _| None)
}
