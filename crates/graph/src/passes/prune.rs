//! Leaves out what nobody hears or watches.

use std::collections::HashSet;

use super::{Edge, Graph};
use crate::{NodeId, Role};

/// Keeps the nodes from which an output or a metered node can be reached, feedback included.
#[must_use]
pub fn run(graph: Graph<'_>) -> Graph<'_> {
    let metered: HashSet<NodeId> = graph.spec.meters.iter().map(|meter| meter.node).collect();
    let wanted = |index: &usize| {
        let node = graph.nodes[*index];
        matches!(node.role, Role::Output { .. }) || metered.contains(&node.id)
    };
    let mut stack: Vec<usize> = (0..graph.nodes.len()).filter(wanted).collect();
    let mut keep = vec![false; graph.nodes.len()];
    stack.iter().for_each(|&node| keep[node] = true);
    while let Some(node) = stack.pop() {
        for (_, edge) in graph.into_node(node) {
            if !std::mem::replace(&mut keep[edge.from], true) {
                stack.push(edge.from);
            }
        }
    }
    if keep.iter().all(|&kept| kept) {
        return graph;
    }
    let mut renumbered = vec![usize::MAX; keep.len()];
    let mut nodes = Vec::new();
    for (index, &node) in graph.nodes.iter().enumerate().filter(|&(index, _)| keep[index]) {
        renumbered[index] = nodes.len();
        nodes.push(node);
    }
    let edges = graph
        .edges
        .iter()
        .filter(|edge| keep[edge.from] && keep[edge.to])
        .map(|edge| Edge { from: renumbered[edge.from], to: renumbered[edge.to], spec: edge.spec })
        .collect();
    Graph::new(graph.spec, nodes, edges)
}
