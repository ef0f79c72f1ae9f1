//! Joins an old and a new graph, so that what changed can be cross-faded.

use std::collections::{HashMap, HashSet};

use crate::passes::validate;
use crate::{CompileError, Compiled, EdgeId, EdgeSpec, Fade, GraphSpec, NodeId, NodeSpec, Schedule, compile};

impl EdgeId {
    /// Set in the id of an edge that fades out while its successor of the same id fades in. Specifications leave this
    /// bit clear.
    pub const LEAVING: u64 = 1 << 63;

    /// The edge that this one was before the transition began.
    #[must_use]
    pub fn before(self) -> Self {
        Self(self.0 & !Self::LEAVING)
    }
}

/// The schedules to go through from `old`, of which `running` is the schedule, to `new`, which is the last of them: each
/// is adopted, its fade runs to the end, then the next one follows.
///
/// 1. Where cables change: both graphs in one, cables that go fading out while those that come fade in. Where both
///    together would make a cycle these are two: first all that goes fades out, then all that comes fades in.
/// 2. Where a delay falls to none: the new graph with all delay lines, so that the delay fades too.
/// 3. The new graph.
///
/// A node that changes its shape under the same id is not faded, nor is anything else then: give such nodes a new id.
///
/// # Errors
/// The new graph was refused.
pub fn transition(
    old: &GraphSpec,
    running: &Schedule,
    new: &GraphSpec,
) -> Result<Vec<Compiled>, CompileError> {
    let last = compile(new)?;
    let nodes: HashMap<NodeId, &NodeSpec> = new.nodes.iter().map(|node| (node.id, node)).collect();
    if old.nodes.iter().any(|node| nodes.get(&node.id).is_some_and(|new| !same_shape(node, new))) {
        return Ok(vec![last]);
    }
    let old = heard(old, running);
    let mut stages = both(&old, running, new, &last.schedule)?;
    let before = stages.last().map_or(running, |stage| &stage.schedule);
    stages.extend(with_lines(before, new, &last.schedule)?);
    stages.push(last);
    Ok(stages)
}

/// What runs of `spec`: a node that was left out because nobody heard it begins anew, and so do the cables at it.
fn heard(spec: &GraphSpec, schedule: &Schedule) -> GraphSpec {
    let runs = running(schedule);
    let nodes = spec.nodes.iter().filter(|node| runs.contains(&node.id)).cloned().collect();
    let edges = spec.edges.iter().filter(|edge| runs.contains(&edge.from) && runs.contains(&edge.to));
    let meters = spec.meters.iter().filter(|meter| runs.contains(&meter.node)).copied().collect();
    GraphSpec { nodes, edges: edges.cloned().collect(), meters }
}

fn running(schedule: &Schedule) -> HashSet<NodeId> {
    schedule.nodes.iter().map(|node| node.id).collect()
}

/// The first stage from `old`, of which all runs, to `new`, which ends in `last`: empty where no cable changes.
fn both(
    old: &GraphSpec,
    before: &Schedule,
    new: &GraphSpec,
    last: &Schedule,
) -> Result<Vec<Compiled>, CompileError> {
    let (nodes, will_run) = (new.nodes.iter().map(|node| node.id).collect::<HashSet<_>>(), running(last));
    let tapped: HashSet<EdgeId> = before.taps.iter().map(|tap| tap.edge).collect();
    let before: HashMap<EdgeId, &EdgeSpec> = old.edges.iter().map(|edge| (edge.id, edge)).collect();
    let after: HashMap<EdgeId, &EdgeSpec> = new.edges.iter().map(|edge| (edge.id, edge)).collect();
    let coming = new.edges.iter().map(|edge| {
        let stays = before.get(&edge.id).is_some_and(|old| same(old, edge));
        let keep_line = stays && tapped.contains(&edge.id);
        EdgeSpec { fade: if stays { Fade::Steady } else { Fade::In }, keep_line, ..edge.clone() }
    });
    let coming: Vec<EdgeSpec> = coming.collect();
    let going = old.edges.iter().filter_map(|edge| {
        let id = match after.get(&edge.id) {
            Some(new) if same(edge, new) => return None,
            Some(_) => EdgeId(edge.id.0 | EdgeId::LEAVING),
            None => edge.id,
        };
        Some(EdgeSpec { id, fade: Fade::Out, keep_line: tapped.contains(&edge.id), ..edge.clone() })
    });
    let going: Vec<EdgeSpec> = going.collect();
    let begins = |edge: &EdgeSpec| {
        edge.fade == Fade::In && will_run.contains(&edge.from) && will_run.contains(&edge.to)
    };
    if going.is_empty() && !coming.iter().any(begins) {
        return Ok(Vec::new());
    }
    let leaving = old.nodes.iter().filter(|node| !nodes.contains(&node.id)).cloned();
    let union = GraphSpec {
        nodes: new.nodes.iter().cloned().chain(leaving).collect(),
        edges: coming.iter().chain(&going).cloned().collect(),
        meters: new.meters.clone(),
    };
    match validate::run(&union).and_then(crate::compile_validated) {
        // Together too long for the limits, or a cycle: one after the other then.
        Err(CompileError::Cycle { .. } | CompileError::OutOfBounds { .. }) => {}
        compiled => return Ok(vec![compiled?]),
    }
    let fade_out = old.edges.iter().map(|edge| {
        let stays = after.get(&edge.id).is_some_and(|new| same(edge, new));
        let keep_line = tapped.contains(&edge.id);
        EdgeSpec { fade: if stays { Fade::Steady } else { Fade::Out }, keep_line, ..edge.clone() }
    });
    let fade_out = GraphSpec { edges: fade_out.collect(), ..old.clone() };
    Ok(vec![compile(&fade_out)?, compile(&GraphSpec { edges: coming, ..new.clone() })?])
}

/// `new` with the delay lines that `before` has, if one of them lasts only for the fade to no delay.
fn with_lines(before: &Schedule, new: &GraphSpec, last: &Schedule) -> Result<Option<Compiled>, CompileError> {
    let kept: HashSet<EdgeId> = last.taps.iter().map(|tap| tap.edge).collect();
    let falls = |edge: &EdgeId| !kept.contains(edge);
    let delayed = before.taps.iter().filter(|tap| tap.delay > 0 && tap.fade != Fade::Out);
    let falling: HashSet<EdgeId> = delayed.map(|tap| tap.edge).filter(falls).collect();
    let edges =
        new.edges.iter().map(|edge| EdgeSpec { keep_line: falling.contains(&edge.id), ..edge.clone() });
    let edges: Vec<EdgeSpec> = edges.collect();
    if edges.iter().any(|edge| edge.keep_line) {
        compile(&GraphSpec { edges, ..new.clone() }).map(Some)
    } else {
        Ok(None)
    }
}

/// The same sound goes the same way.
fn same(a: &EdgeSpec, b: &EdgeSpec) -> bool {
    (a.from, a.to, a.port, &a.map, a.shift, a.feedback.is_some())
        == (b.from, b.to, b.port, &b.map, b.shift, b.feedback.is_some())
}

fn same_shape(a: &NodeSpec, b: &NodeSpec) -> bool {
    (a.role, a.inputs, a.outputs, &a.aux) == (b.role, b.inputs, b.outputs, &b.aux)
}
