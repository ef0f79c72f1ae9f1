//! Orders the work for the cache and for the lanes.
//!
//! Within a *strip* (a chain that branches but does not merge) nodes follow each other, so that a buffer is still warm when
//! it is read again. Strips that look alike are bundled, [`MAX_BATCH`] at a time: where they come to nodes that can be
//! processed in lanes they wait for each other, so that like nodes lie side by side. Those that flow into the same sum share
//! a *bundle* where they can, and a bundle comes just before what needs it, so that few buffers are in use at a time. The
//! order never changes a byte: sums keep the order of their edges' ids.

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
    /// Which bundle of strips.
    bundle: usize,
    /// How often the strip came to lanes or left them.
    phase: u32,
    /// Kind.
    kind: Option<(u64, u16, u16)>,
}

/// A chain that branches but does not merge. Ordered so that those that may share a bundle are neighbours.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Strip {
    /// Merges on the longest way from a source. An edge from one strip to another leads to a later stage.
    stage: u32,
    /// A hash of the kinds of its nodes.
    look: u64,
    /// The stage that it flows into first, and the edge.
    exit: (u32, usize),
    /// Its first node.
    first: usize,
}

/// Orders the nodes of `order` (sources first) and groups them.
#[must_use]
pub fn run(graph: &Graph<'_>, order: &[usize]) -> Batches {
    let mut places = vec![Place::default(); graph.nodes.len()];
    let mut depths = vec![0; graph.nodes.len()];
    let (mut strips, strip) = strips(graph, order, &mut places, &mut depths);
    let crossings: Vec<(usize, usize, usize)> =
        (0..).zip(&graph.edges).fold(Vec::new(), |mut all, (index, edge)| {
            let (from, to) = (strip[edge.from], strip[edge.to]);
            if edge.spec.feedback.is_none() && from != to {
                strips[from].exit = strips[from].exit.min((strips[to].stage, index));
                all.push((index, from, to));
            }
            all
        });
    let bundles = bundles(&strips);
    let mut feeds: Vec<(usize, usize, usize)> =
        crossings.iter().map(|&(index, from, to)| (bundles[to], index, bundles[from])).collect();
    feeds.sort_unstable();
    let rank = just_in_time(bundles.iter().max().map_or(0, |last| last + 1), &feeds);
    for (place, &strip) in places.iter_mut().zip(&strip) {
        place.bundle = bundles.get(strip).map_or(0, |&bundle| rank[bundle]);
    }
    let mut sorted = order.to_vec();
    sorted.sort_by_key(|&node| (places[node], strips[strip[node]], depths[node], node));
    let groups = groups(&sorted, &places);
    Batches { order: sorted, groups }
}

/// Finds the strips, and which one each node belongs to; fills in phase and kind, and how deep in its strip each node lies.
fn strips(
    graph: &Graph<'_>,
    order: &[usize],
    places: &mut [Place],
    depths: &mut [u32],
) -> (Vec<Strip>, Vec<usize>) {
    let mut strips: Vec<Strip> = Vec::new();
    let mut strip = vec![usize::MAX; graph.nodes.len()];
    for &node in order {
        let kind = kind(graph, node);
        let mut feeds = graph.into_node(node).map(|(_, e)| e).filter(|e| e.spec.feedback.is_none());
        let mut phase = 0;
        match (feeds.next(), feeds.next()) {
            (Some(only), None) if only.spec.port == Port::Main => {
                strip[node] = strip[only.from];
                depths[node] = depths[only.from] + 1;
                let before = places[only.from];
                phase = before.phase + u32::from(kind.is_some() || before.kind.is_some());
            }
            (first, second) => {
                let from = first.into_iter().chain(second).chain(feeds).map(|e| e.from);
                let stage = from.map(|from| strips[strip[from]].stage + 1).max().unwrap_or(0);
                strip[node] = strips.len();
                strips.push(Strip { stage, look: 0, exit: (u32::MAX, usize::MAX), first: node });
            }
        }
        places[node] = Place { bundle: 0, phase, kind };
        let look = &mut strips[strip[node]].look;
        let (batch, inputs, outputs) =
            kind.unwrap_or((0, graph.nodes[node].inputs, graph.nodes[node].outputs));
        for word in [batch, inputs.into(), outputs.into()] {
            *look = (look.rotate_left(5) ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        }
    }
    (strips, strip)
}

fn kind(graph: &Graph<'_>, node: usize) -> Option<(u64, u16, u16)> {
    let node = graph.nodes[node];
    let batch = node.batch.filter(|_| node.role == Role::Processor && node.aux.is_empty())?;
    Some((batch, node.inputs, node.outputs))
}

/// The bundle of each strip: strips of one stage that look alike, [`MAX_BATCH`] at a time.
fn bundles(strips: &[Strip]) -> Vec<usize> {
    let mut sorted: Vec<usize> = (0..strips.len()).collect();
    sorted.sort_by_key(|&index| strips[index]);
    let mut bundles = vec![0; strips.len()];
    let (mut bundle, mut size) = (0, 0);
    for pair in sorted.windows(2) {
        size += 1;
        let (before, here) = (strips[pair[0]], strips[pair[1]]);
        if size == MAX_BATCH || (before.stage, before.look) != (here.stage, here.look) {
            (bundle, size) = (bundle + 1, 0);
        }
        bundles[pair[1]] = bundle;
    }
    bundles
}

/// The place of each of `count` bundles in an order in which each comes after what feeds it, and as late as possible.
/// `feeds` holds target, edge and source, sorted; there is no cycle, because every feed leads to a later stage.
fn just_in_time(count: usize, feeds: &[(usize, usize, usize)]) -> Vec<usize> {
    let mut is_fed_on = vec![false; count];
    feeds.iter().for_each(|feed| is_fed_on[feed.2] = true);
    let first_feed = |bundle: usize| feeds.partition_point(|feed| feed.0 < bundle);
    let mut rank = vec![usize::MAX; count];
    let mut next = 0;
    for last in (0..count).filter(|&bundle| !is_fed_on[bundle]) {
        let mut path = vec![(last, first_feed(last))];
        while let Some((bundle, feed)) = path.last_mut() {
            let bundle = *bundle;
            match feeds.get(*feed).filter(|feed| feed.0 == bundle) {
                Some(&(_, _, source)) => {
                    *feed += 1;
                    if rank[source] == usize::MAX && source != bundle {
                        path.push((source, first_feed(source)));
                    }
                }
                None => {
                    rank[bundle] = next;
                    next += 1;
                    path.pop();
                }
            }
        }
    }
    rank
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
