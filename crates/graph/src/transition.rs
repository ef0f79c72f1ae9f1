//! Joins an old and a new graph, so that what changed can be cross-faded.

use std::collections::{HashMap, HashSet};

use crate::{CompileError, EdgeId, EdgeSpec, Fade, GraphSpec, NodeSpec, Schedule, compile};

/// Set in the id of an edge that fades out while its successor of the same id fades in.
const LEAVING: u64 = 1 << 63;

/// The graphs to go through from `old`, of which `running` is the schedule, to `new`, without `new` itself: each is adopted, its fade runs to the end, then the
/// next one follows.
///
/// - Nothing when no cable changes: `new` may be adopted at once.
/// - Normally one: both graphs in one, cables that go fading out while those that come fade in.
/// - Two where both together would make a cycle: first all that goes fades out, then all that comes fades in.
/// - Nothing when a node changed its shape under the same id (give such nodes a new id to have them cross-faded).
///
/// Edges that had a delay line keep one, even where the new delay is zero, so that the delay can be cross-faded too.
#[must_use]
pub fn transition(old: &GraphSpec, running: &Schedule, new: &GraphSpec) -> Vec<GraphSpec> {
    let lines: HashSet<EdgeId> = running.delays.iter().map(|line| line.edge).collect();
    let before: HashMap<EdgeId, &EdgeSpec> = old.edges.iter().map(|edge| (edge.id, edge)).collect();
    let after: HashMap<EdgeId, &EdgeSpec> = new.edges.iter().map(|edge| (edge.id, edge)).collect();
    let coming = new.edges.iter().map(|edge| {
        let stays = before.get(&edge.id).is_some_and(|old| same(old, edge));
        EdgeSpec {
            fade: if stays { Fade::Steady } else { Fade::In },
            keep_line: stays && lines.contains(&edge.id),
            ..edge.clone()
        }
    });
    let coming: Vec<EdgeSpec> = coming.collect();
    let going = old.edges.iter().filter_map(|edge| {
        let id = match after.get(&edge.id) {
            Some(new) if same(edge, new) => return None,
            Some(_) => EdgeId(edge.id.0 | LEAVING),
            None => edge.id,
        };
        Some(EdgeSpec { id, fade: Fade::Out, keep_line: lines.contains(&edge.id), ..edge.clone() })
    });
    let going: Vec<EdgeSpec> = going.collect();
    let fades = !going.is_empty() || coming.iter().any(|edge| edge.fade != Fade::Steady);
    let nodes: HashMap<_, &NodeSpec> = new.nodes.iter().map(|node| (node.id, node)).collect();
    let reshaped = old.nodes.iter().any(|node| nodes.get(&node.id).is_some_and(|new| !same_shape(node, new)));
    if reshaped || !(fades || latencies_differ(old, &nodes)) {
        return Vec::new();
    }
    let leaving = old.nodes.iter().filter(|node| !nodes.contains_key(&node.id)).cloned();
    let union = GraphSpec {
        nodes: new.nodes.iter().cloned().chain(leaving).collect(),
        edges: coming.iter().chain(&going).cloned().collect(),
        meters: new.meters.clone(),
    };
    if !matches!(compile(&union), Err(CompileError::Cycle { .. })) {
        return vec![union];
    }
    let fade_out = old.edges.iter().map(|edge| {
        let stays = after.get(&edge.id).is_some_and(|new| same(edge, new));
        EdgeSpec { fade: if stays { Fade::Steady } else { Fade::Out }, ..edge.clone() }
    });
    let fade_out = GraphSpec { edges: fade_out.collect(), ..old.clone() };
    vec![fade_out, GraphSpec { edges: coming, ..new.clone() }]
}

/// The same sound goes the same way.
fn same(a: &EdgeSpec, b: &EdgeSpec) -> bool {
    (a.from, a.to, a.port, &a.map, a.shift, a.feedback.is_some())
        == (b.from, b.to, b.port, &b.map, b.shift, b.feedback.is_some())
}

fn same_shape(a: &NodeSpec, b: &NodeSpec) -> bool {
    (a.role, a.inputs, a.outputs, &a.aux) == (b.role, b.inputs, b.outputs, &b.aux)
}

fn latencies_differ(old: &GraphSpec, new: &HashMap<crate::NodeId, &NodeSpec>) -> bool {
    old.nodes.iter().any(|node| new.get(&node.id).is_some_and(|new| new.latency != node.latency))
}
