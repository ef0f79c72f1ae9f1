//! The passes, in the order in which they run.

pub mod buffers;
pub mod latency;
pub mod partition;
pub mod prune;
pub mod sort;
pub mod validate;

use crate::{EdgeSpec, GraphSpec, NodeSpec};

/// A validated graph with its edges by node. Edges are grouped by target and sorted by id, which fixes the order of
/// every sum.
#[derive(Debug)]
pub struct Graph<'a> {
    /// What it was made of.
    pub spec: &'a GraphSpec,
    /// Nodes that run, by ascending id.
    pub nodes: Vec<&'a NodeSpec>,
    /// Edges between them, by target, port and id.
    pub edges: Vec<Edge<'a>>,
    /// `edges[incoming[n]..incoming[n + 1]]` lead to node `n`.
    pub incoming: Vec<usize>,
    /// Indices of edges, grouped by source: `outgoing_edges[outgoing[n]..outgoing[n + 1]]`.
    pub outgoing: Vec<usize>,
    /// See [`outgoing`](Self::outgoing).
    pub outgoing_edges: Vec<usize>,
}

/// An edge with its ends as indices.
#[derive(Clone, Copy, Debug)]
pub struct Edge<'a> {
    /// Index of the source node.
    pub from: usize,
    /// Index of the target node.
    pub to: usize,
    /// The rest.
    pub spec: &'a EdgeSpec,
}

impl<'a> Graph<'a> {
    /// Groups `edges` by their ends.
    #[must_use]
    pub fn new(spec: &'a GraphSpec, nodes: Vec<&'a NodeSpec>, mut edges: Vec<Edge<'a>>) -> Self {
        edges.sort_by_key(|edge| (edge.to, edge.spec.port, edge.spec.id));
        let incoming = offsets(nodes.len(), edges.iter().map(|edge| edge.to));
        let outgoing = offsets(nodes.len(), edges.iter().map(|edge| edge.from));
        let mut next = outgoing.clone();
        let mut outgoing_edges = vec![0; edges.len()];
        for (index, edge) in edges.iter().enumerate() {
            outgoing_edges[next[edge.from]] = index;
            next[edge.from] += 1;
        }
        Self { spec, nodes, edges, incoming, outgoing, outgoing_edges }
    }

    /// Edges into `node`.
    pub fn into_node(&self, node: usize) -> impl Iterator<Item = (usize, &Edge<'a>)> {
        (self.incoming[node]..self.incoming[node + 1]).map(|index| (index, &self.edges[index]))
    }

    /// Edges out of `node`.
    pub fn out_of(&self, node: usize) -> impl Iterator<Item = (usize, &Edge<'a>)> {
        self.outgoing_edges[self.outgoing[node]..self.outgoing[node + 1]]
            .iter()
            .map(|&index| (index, &self.edges[index]))
    }
}

/// Prefix sums of how often each of `0..count` occurs in `keys`.
fn offsets(count: usize, keys: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut offsets = vec![0; count + 1];
    keys.for_each(|key| offsets[key + 1] += 1);
    for index in 0..count {
        offsets[index + 1] += offsets[index];
    }
    offsets
}
