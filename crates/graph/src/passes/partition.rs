//! Orders the work for the cache and for the lanes.
//!
//! Within a *strip* (a chain without branches) nodes follow each other, so that a buffer is still warm when it is read
//! again. Strips that look alike go through their chains in step, [`MAX_BATCH`] at a time, so that like nodes lie side by
//! side and can be processed in lanes. The order never changes a byte: sums keep the order of their edges' ids.

use omega_processor::MAX_BATCH;

use super::Graph;
use crate::{Port, Role};

/// Nodes in the order of execution, cut into groups that one step processes.
#[derive(Debug, PartialEq, Eq)]
pub struct Batches {
    /// All nodes.
    pub order: Vec<usize>,
    /// Lengths of the groups; they add up to the number of nodes.
    pub groups: Vec<usize>,
}

/// What decides where a node goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Place {
    /// Merges on the longest way from a source.
    stage: u32,
    /// Which bundle of strips.
    bundle: u32,
    /// Steps from the source.
    depth: u32,
    /// Kind.
    kind: Option<(u64, u16, u16)>,
}

/// Orders the nodes of `order` (sources first) and groups them.
#[must_use]
pub fn run(graph: &Graph<'_>, order: &[usize]) -> Batches {
    let mut places = vec![Place::default(); graph.nodes.len()];
    let mut strip = vec![usize::MAX; graph.nodes.len()];
    let mut signatures: Vec<(u32, u64, usize)> = Vec::new();
    for &node in order {
        let mut place = Place { kind: kind(graph, node), ..Place::default() };
        let mut feeds = graph.into_node(node).map(|(_, e)| e).filter(|e| e.spec.feedback.is_none());
        match (feeds.next(), feeds.next()) {
            (Some(only), None) if only.spec.port == Port::Main => {
                place.stage = places[only.from].stage;
                place.depth = places[only.from].depth + 1;
                strip[node] = strip[only.from];
            }
            (first, second) => {
                let from = first.into_iter().chain(second).chain(feeds).map(|e| e.from);
                let before = from.map(|from| (places[from].stage + 1, places[from].depth + 1)).max();
                place.stage = before.map_or(0, |(stage, _)| stage);
                strip[node] = signatures.len();
                signatures.push((place.stage, 0, node));
            }
        }
        let signature = &mut signatures[strip[node]].1;
        let (batch, inputs, outputs) =
            place.kind.unwrap_or((0, graph.nodes[node].inputs, graph.nodes[node].outputs));
        for word in [batch, inputs.into(), outputs.into()] {
            *signature = (signature.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
        places[node] = place;
    }
    bundle(&signatures, &strip, &mut places);
    let mut sorted = order.to_vec();
    sorted.sort_by_key(|&node| (places[node], node));
    let groups = groups(&sorted, &places);
    Batches { order: sorted, groups }
}

fn kind(graph: &Graph<'_>, node: usize) -> Option<(u64, u16, u16)> {
    let node = graph.nodes[node];
    let batch = node.batch.filter(|_| node.role == Role::Processor && node.aux.is_empty())?;
    Some((batch, node.inputs, node.outputs))
}

/// Strips that look alike share a bundle, [`MAX_BATCH`] at a time.
fn bundle(signatures: &[(u32, u64, usize)], strip: &[usize], places: &mut [Place]) {
    let mut by_look: Vec<usize> = (0..signatures.len()).collect();
    by_look.sort_by_key(|&index| signatures[index]);
    let mut bundles = vec![0u32; signatures.len()];
    let (mut bundle, mut size) = (0u32, 0);
    for pair in by_look.windows(2) {
        size += 1;
        let (before, here) = (signatures[pair[0]], signatures[pair[1]]);
        if size == MAX_BATCH || (before.0, before.1) != (here.0, here.1) {
            (bundle, size) = (bundle + 1, 0);
        }
        bundles[pair[1]] = bundle;
    }
    for (place, &strip) in places.iter_mut().zip(strip) {
        place.bundle = bundles.get(strip).copied().unwrap_or(0);
    }
}

/// Neighbours of one kind at one place make a group.
fn groups(sorted: &[usize], places: &[Place]) -> Vec<usize> {
    let mut groups: Vec<usize> = Vec::with_capacity(sorted.len());
    let mut last: Option<Place> = None;
    for &node in sorted {
        let place = places[node];
        match groups.last_mut() {
            Some(size) if *size < MAX_BATCH && place.kind.is_some() && last == Some(place) => *size += 1,
            _ => groups.push(1),
        }
        last = Some(place);
    }
    groups
}
