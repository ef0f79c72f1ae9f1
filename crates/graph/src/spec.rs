//! What is to be run: plain data with stable ids.

/// A node, for as long as it exists in the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

/// A cable. Cables into one port are summed in the order of their ids. The topmost bit is the compiler's own, see
/// [`EdgeId::LEAVING`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EdgeId(pub u64);

/// A meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MeterId(pub u64);

/// Greatest latency of one node, in frames (22 s at 48 kHz).
pub const MAX_LATENCY: u32 = 1 << 20;
/// Greatest delay of a feedback edge, in frames.
pub const MAX_FEEDBACK: u32 = 1 << 20;
/// Greatest shift of an edge either way, in frames.
pub const MAX_SHIFT: i32 = 1 << 20;

/// Greatest lag of any point of a graph behind its sources, in frames (87 s at 48 kHz).
pub const MAX_ARRIVAL: u32 = 1 << 22;
/// Samples that the delay lines of a graph may hold together (2 GiB).
pub const MAX_DELAY_MEMORY: u64 = 1 << 29;
/// Most nodes of a graph.
pub const MAX_NODES: usize = 1 << 20;
/// Most edges of a graph.
pub const MAX_EDGES: usize = 1 << 22;

/// What a node does with the sum of its inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A processor works on it.
    Processor,
    /// Nothing: a bus, a return, a place to meter.
    Sum,
    /// Brings in hardware input channels, counted from `first`.
    Input {
        /// First hardware channel.
        first: u16,
    },
    /// Adds its input to the outside's channels, counted from `first`.
    Output {
        /// First outside channel.
        first: u16,
    },
}

/// One node.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeSpec {
    /// Stable id.
    pub id: NodeId,
    /// For messages: what the user calls it.
    pub name: String,
    /// What it does.
    pub role: Role,
    /// Channels of the main input, 0 for a source.
    pub inputs: u16,
    /// Channels of the main output.
    pub outputs: u16,
    /// Channels of each extra input.
    pub aux: Vec<u16>,
    /// Frames by which the output lags behind the input.
    pub latency: u32,
    /// Equal for nodes that may be processed side by side; `None` for those that may not.
    pub batch: Option<u64>,
    /// Sum the inputs in `f64`.
    pub wide_sum: bool,
    /// The MIDI input of the outside whose messages it gets, at once and whatever its arrival.
    pub hears: Option<u16>,
}

impl NodeSpec {
    /// A node that works on `channels` channels without latency.
    #[must_use]
    pub fn new(id: NodeId, name: impl Into<String>, role: Role, channels: u16) -> Self {
        let inputs = if matches!(role, Role::Input { .. }) { 0 } else { channels };
        let (aux, name) = (Vec::new(), name.into());
        let (outputs, latency, batch, wide_sum, hears) = (channels, 0, None, false, None);
        Self { id, name, role, inputs, outputs, aux, latency, batch, wide_sum, hears }
    }

    /// Channels of the main buffer: it holds the input and then the output.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.inputs.max(self.outputs)
    }
}

/// Where an edge ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Port {
    /// The main input.
    Main,
    /// An extra input.
    Aux(u8),
}

/// Which channels go where.
#[derive(Clone, Debug, PartialEq)]
pub enum ChannelMap {
    /// Channel by channel, as many as both have.
    Direct,
    /// Channel 0 into the first two channels.
    Spread,
    /// From, to, gain.
    List(Vec<(u16, u16, f32)>),
}

impl ChannelMap {
    /// The usual way from so many channels to so many: alike where they are alike, mono into both sides, stereo into
    /// mono at half gain each, otherwise channel by channel.
    #[must_use]
    pub fn fit(from: u16, to: u16) -> Self {
        match (from, to) {
            (1, 2..) => Self::Spread,
            (2, 1) => Self::List(vec![(0, 0, 0.5), (1, 0, 0.5)]),
            _ => Self::Direct,
        }
    }

    /// Calls `f` with (from, to, gain) of each connection between `from` and `to` channels.
    pub fn for_each(&self, from: u16, to: u16, mut f: impl FnMut(u16, u16, f32)) {
        match self {
            Self::Direct => (0..from.min(to)).for_each(|c| f(c, c, 1.0)),
            Self::Spread => (0..to.min(2)).for_each(|c| f(0, c, 1.0)),
            Self::List(list) => list.iter().for_each(|&(a, b, gain)| f(a, b, gain)),
        }
    }
}

/// Whether an edge is there, comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Fade {
    /// There before and after.
    #[default]
    Steady,
    /// New: faded in when the schedule is adopted.
    In,
    /// Gone in the next schedule: faded out.
    Out,
}

/// One cable.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeSpec {
    /// Stable id.
    pub id: EdgeId,
    /// From the main output of this node …
    pub from: NodeId,
    /// … to this one …
    pub to: NodeId,
    /// … at this port.
    pub port: Port,
    /// Which channels go where.
    pub map: ChannelMap,
    /// Moves the sound in time, in frames: later when positive, earlier when negative (everything else is then held back).
    pub shift: i32,
    /// A feedback send: its delay on the time line in frames, at least 1. Not part of the order of nodes.
    pub feedback: Option<u32>,
    /// Live monitoring: never held back for the sake of others.
    pub live: bool,
    /// Whether it comes or goes.
    pub fade: Fade,
    /// Has a delay line even when its delay is zero; for the time of a transition.
    pub keep_line: bool,
}

impl EdgeSpec {
    /// A plain cable between main ports.
    #[must_use]
    pub fn new(id: EdgeId, from: NodeId, to: NodeId) -> Self {
        let (port, map) = (Port::Main, ChannelMap::Direct);
        Self {
            id,
            from,
            to,
            port,
            map,
            shift: 0,
            feedback: None,
            live: false,
            fade: Fade::Steady,
            keep_line: false,
        }
    }
}

/// Watches the main output of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeterSpec {
    /// Stable id.
    pub id: MeterId,
    /// The node.
    pub node: NodeId,
}

/// A whole graph.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct GraphSpec {
    /// In any order.
    pub nodes: Vec<NodeSpec>,
    /// In any order.
    pub edges: Vec<EdgeSpec>,
    /// In any order.
    pub meters: Vec<MeterSpec>,
}
