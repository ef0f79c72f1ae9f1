//! Refuses what cannot be run, and says where.

use std::collections::{HashMap, HashSet};

use omega_processor::{MAX_AUX, MAX_CHANNELS};

use super::{Edge, Graph};
use crate::{
    ChannelMap, CompileError, EdgeId, EdgeSpec, GraphSpec, MAX_EDGES, MAX_FEEDBACK, MAX_LATENCY, MAX_NODES,
    MAX_SHIFT, NodeSpec, Port,
};

/// Checks that no edge uses an id of the compiler's own.
///
/// # Errors
/// [`CompileError::ReservedId`].
pub fn ids(spec: &GraphSpec) -> Result<(), CompileError> {
    match spec.edges.iter().find(|edge| edge.id.0 & EdgeId::LEAVING != 0) {
        Some(edge) => Err(CompileError::ReservedId { id: edge.id.0 }),
        None => Ok(()),
    }
}

/// Checks `spec` and resolves ids to indices.
///
/// # Errors
/// Duplicate or dangling ids, absent ports and channels, numbers out of bounds.
pub fn run(spec: &GraphSpec) -> Result<Graph<'_>, CompileError> {
    check_size("the number of nodes", spec.nodes.len(), MAX_NODES)?;
    check_size("the number of cables", spec.edges.len(), MAX_EDGES)?;
    let mut nodes: Vec<&NodeSpec> = spec.nodes.iter().collect();
    nodes.sort_by_key(|node| node.id);
    let mut index = HashMap::with_capacity(nodes.len());
    for (position, node) in nodes.iter().enumerate() {
        check_node(node)?;
        if index.insert(node.id, position).is_some() {
            return Err(CompileError::DuplicateId { what: "node", id: node.id.0 });
        }
    }
    let mut seen = HashSet::with_capacity(spec.edges.len());
    let mut edges = Vec::with_capacity(spec.edges.len());
    for edge in &spec.edges {
        if !seen.insert(edge.id) {
            return Err(CompileError::DuplicateId { what: "edge", id: edge.id.0 });
        }
        let find = |id: crate::NodeId| {
            index.get(&id).copied().ok_or(CompileError::UnknownNode {
                what: "edge",
                id: edge.id.0,
                node: id.0,
            })
        };
        let (from, to) = (find(edge.from)?, find(edge.to)?);
        check_edge(edge, nodes[from], nodes[to])?;
        edges.push(Edge { from, to, spec: edge });
    }
    let mut meters = HashSet::with_capacity(spec.meters.len());
    for meter in &spec.meters {
        if !meters.insert(meter.id) {
            return Err(CompileError::DuplicateId { what: "meter", id: meter.id.0 });
        }
        if !index.contains_key(&meter.node) {
            return Err(CompileError::UnknownNode { what: "meter", id: meter.id.0, node: meter.node.0 });
        }
    }
    Ok(Graph::new(spec, nodes, edges))
}

fn check_size(what: &'static str, count: usize, limit: usize) -> Result<(), CompileError> {
    if count <= limit {
        return Ok(());
    }
    let whole = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    Err(CompileError::OutOfBounds {
        node: "the graph".into(),
        what,
        value: whole(count),
        limit: whole(limit),
    })
}

fn check_node(node: &NodeSpec) -> Result<(), CompileError> {
    let bound = |what, value: i64, limit: i64| {
        let node = node.name.clone();
        if value <= limit { Ok(()) } else { Err(CompileError::OutOfBounds { node, what, value, limit }) }
    };
    let channels = i64::try_from(MAX_CHANNELS).unwrap_or(i64::MAX);
    bound("the number of input channels", node.inputs.into(), channels)?;
    bound("the number of output channels", node.outputs.into(), channels)?;
    for &aux in &node.aux {
        bound("the number of side-chain channels", aux.into(), channels)?;
    }
    let count = i64::try_from(node.aux.len()).unwrap_or(i64::MAX);
    bound("the number of extra inputs", count, i64::try_from(MAX_AUX).unwrap_or(i64::MAX))?;
    bound("the latency in frames", node.latency.into(), MAX_LATENCY.into())
}

fn check_edge(edge: &EdgeSpec, from: &NodeSpec, to: &NodeSpec) -> Result<(), CompileError> {
    let missing =
        |what: String| CompileError::NoSuchPort { from: from.name.clone(), to: to.name.clone(), what };
    let target = match edge.port {
        Port::Main => to.inputs,
        Port::Aux(port) => {
            *to.aux.get(usize::from(port)).ok_or_else(|| missing(format!("side-chain input {}", port + 1)))?
        }
    };
    if target == 0 {
        // Such a cable would carry nothing, yet hold its target back in time.
        return Err(missing("an input without channels".to_owned()));
    }
    if let ChannelMap::List(list) = &edge.map {
        for &(a, b, gain) in list {
            if a >= from.outputs || b >= target {
                return Err(missing(format!(
                    "channel {} into channel {}",
                    u32::from(a) + 1,
                    u32::from(b) + 1
                )));
            }
            if !gain.is_finite() {
                return Err(missing(format!("a gain of {gain}")));
            }
        }
    }
    let out = |what, value: i64, limit: i64| {
        Err(CompileError::OutOfBounds { node: format!("{} → {}", from.name, to.name), what, value, limit })
    };
    if edge.shift.unsigned_abs() > MAX_SHIFT.unsigned_abs() {
        return out("the shift in frames", edge.shift.into(), MAX_SHIFT.into());
    }
    match edge.feedback {
        Some(0) => out("the feedback delay in frames (at least 1)", 0, 1),
        Some(delay) if delay > MAX_FEEDBACK => {
            out("the feedback delay in frames", delay.into(), MAX_FEEDBACK.into())
        }
        _ => Ok(()),
    }
}
