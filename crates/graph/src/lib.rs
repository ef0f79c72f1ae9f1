//! Compiles a graph of sound into a schedule, off the audio thread.
//!
//! A [`GraphSpec`] says what there is: nodes, edges, latencies, meters; plain data with stable ids. [`compile`] turns it
//! into a [`Schedule`]: flat arrays that the engine walks front to back. The work is done by passes with names, each in
//! its own file, each taking what the one before it gave:
//!
//! | pass | does |
//! |---|---|
//! | [`validate`](passes::validate) | refuses what cannot be run, and says where |
//! | [`prune`](passes::prune) | leaves out what nobody hears or watches |
//! | [`sort`](passes::sort) | orders nodes before their readers; names the cycle where there is one |
//! | [`latency`](passes::latency) | gives each node its arrival and each edge its delay |
//! | [`partition`](passes::partition) | keeps chains together and puts like nodes side by side |
//! | [`buffers`](passes::buffers) | assigns memory, in place where it can, and writes the steps |
//!
//! Nothing here runs on the audio thread, so it allocates freely. Cost grows linearly with nodes and edges (sorting
//! aside). [`transition`] joins an old and a new graph, so that what changed can be cross-faded.
#![forbid(unsafe_code)]

pub mod passes;
mod schedule;
mod spec;
mod transition;

pub use schedule::{DelayLine, MixInput, MixStep, PortBuffer, Schedule, ScheduledNode, Step, Tap};
pub use spec::{
    ChannelMap, EdgeId, EdgeSpec, Fade, GraphSpec, MAX_ARRIVAL, MAX_DELAY_MEMORY, MAX_EDGES, MAX_FEEDBACK,
    MAX_LATENCY, MAX_NODES, MAX_SHIFT, MeterId, MeterSpec, NodeId, NodeSpec, Port, Role,
};
pub use transition::transition;

/// Why a graph was refused. Each message names the nodes by their names in the session.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// Two nodes, edges or meters share an id.
    #[error("{what} {id:#x} appears twice in the graph")]
    DuplicateId {
        /// `node`, `edge` or `meter`.
        what: &'static str,
        /// The id.
        id: u64,
    },
    /// An edge's id has the bit [`EdgeId::LEAVING`] set, which is the compiler's own.
    #[error("edge {id:#x} uses an id that is reserved: the topmost bit must be clear")]
    ReservedId {
        /// The id.
        id: u64,
    },
    /// An edge or meter names a node that is not there.
    #[error("{what} {id:#x} refers to node {node:#x}, which does not exist")]
    UnknownNode {
        /// `edge` or `meter`.
        what: &'static str,
        /// Its id.
        id: u64,
        /// The node that is missing.
        node: u64,
    },
    /// A number is outside its bounds.
    #[error("{node}: {what} is {value}, the most is {limit}")]
    OutOfBounds {
        /// Name of the node.
        node: String,
        /// What is out of bounds.
        what: &'static str,
        /// Its value.
        value: i64,
        /// The greatest (or, where negative, the least) that is allowed.
        limit: i64,
    },
    /// An edge leads to or from a port that its node does not have.
    #[error("a cable from {from} to {to} uses {what}, which is not there")]
    NoSuchPort {
        /// Name of the source node.
        from: String,
        /// Name of the target node.
        to: String,
        /// The port or channel.
        what: String,
    },
    /// Nodes feed each other.
    #[error("feedback: {} — use a feedback send, which has a delay, or reroute one of them", path.join(" → "))]
    Cycle {
        /// The names along the cycle; the first is repeated at the end.
        path: Vec<String>,
    },
}

/// What the compiler changed or could not keep; for the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A feedback send's delay is shorter than the latency inside its loop; it was lengthened.
    FeedbackLengthened {
        /// The edge.
        edge: EdgeId,
        /// What the session asks for, in frames.
        asked: u32,
        /// What it got, in frames.
        given: u32,
    },
}

/// A schedule and what is to be said about it.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// To be executed.
    pub schedule: Schedule,
    /// What was changed.
    pub notices: Vec<Notice>,
}

/// Compiles `spec`.
///
/// # Errors
/// See [`CompileError`]; nothing is changed then, and the old schedule goes on.
pub fn compile(spec: &GraphSpec) -> Result<Compiled, CompileError> {
    passes::validate::ids(spec)?;
    compile_validated(passes::validate::run(spec)?)
}

/// The latency of `spec` from its sources to the outside, in frames, as [`compile`] finds it.
///
/// # Errors
/// As [`compile`].
pub fn latency(spec: &GraphSpec) -> Result<u32, CompileError> {
    let graph = passes::prune::run(passes::validate::run(spec)?);
    let order = passes::sort::run(&graph)?;
    passes::latency::run(&graph, &order).map(|(plan, _)| plan.latency)
}

/// The passes behind [`validate`](passes::validate).
fn compile_validated(graph: passes::Graph<'_>) -> Result<Compiled, CompileError> {
    let graph = passes::prune::run(graph);
    let order = passes::sort::run(&graph)?;
    let (plan, notices) = passes::latency::run(&graph, &order)?;
    let batches = passes::partition::run(&graph, &order);
    let schedule = passes::buffers::run(&graph, &plan, &batches);
    Ok(Compiled { schedule, notices })
}
