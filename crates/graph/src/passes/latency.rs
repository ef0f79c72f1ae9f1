//! Delay compensation: all that is heard together belongs to the same moment.
//!
//! The *arrival* of a node is the number of frames by which its input lags behind the sources: the greatest of what its
//! cables bring. A cable that would bring its sound earlier is delayed by the difference. All outputs are brought to one
//! common arrival, which is the latency of the whole.

use super::Graph;
use crate::{CompileError, MAX_ARRIVAL, MAX_DELAY_MEMORY, Notice, Role};

/// What the pass decides.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// Arrival of each node's input, in frames.
    pub arrival: Vec<u32>,
    /// Delay of each edge, in frames.
    pub delay: Vec<u32>,
    /// Arrival of all outputs.
    pub latency: u32,
}

/// Plans arrivals and delays in one walk along `order`.
///
/// # Errors
/// A node's output would lag behind the sources by more than [`MAX_ARRIVAL`], or the delay lines would hold more than
/// [`MAX_DELAY_MEMORY`].
pub fn run(graph: &Graph<'_>, order: &[usize]) -> Result<(Plan, Vec<Notice>), CompileError> {
    let leaves = |node: usize, arrival: &[i64]| arrival[node] + i64::from(graph.nodes[node].latency);
    let mut arrival = vec![0i64; graph.nodes.len()];
    let mut latency = 0;
    for &node in order {
        let edges = || graph.into_node(node).map(|(_, e)| e).filter(|e| e.spec.feedback.is_none());
        let held = edges()
            .filter(|e| !e.spec.live)
            .map(|e| leaves(e.from, &arrival) - i64::from(e.spec.shift))
            .max();
        let live = || edges().map(|e| leaves(e.from, &arrival)).max();
        arrival[node] = held.or_else(live).unwrap_or(0).max(0);
        check(
            graph,
            node,
            "the latency up to its output in frames",
            leaves(node, &arrival),
            MAX_ARRIVAL.into(),
        )?;
        if matches!(graph.nodes[node].role, Role::Output { .. }) {
            latency = latency.max(arrival[node]);
        }
    }
    for (node, spec) in graph.nodes.iter().enumerate() {
        if matches!(spec.role, Role::Output { .. }) {
            arrival[node] = latency;
        }
    }
    let mut notices = Vec::new();
    let delay = graph.edges.iter().map(|edge| {
        let brought = leaves(edge.from, &arrival);
        let early = arrival[edge.to] - brought + i64::from(edge.spec.shift);
        let delay = match edge.spec.feedback {
            None if edge.spec.live => i64::from(edge.spec.shift),
            None => early,
            Some(asked) => {
                let delay = i64::from(asked) + early;
                if delay < 1 {
                    let given = frames(i64::from(asked) + 1 - delay);
                    notices.push(Notice::FeedbackLengthened { edge: edge.spec.id, asked, given });
                }
                delay.max(1)
            }
        };
        frames(delay)
    });
    let delay: Vec<u32> = delay.collect();
    let mut longest = vec![0u32; graph.nodes.len()];
    for (edge, &delay) in graph.edges.iter().zip(&delay) {
        longest[edge.from] = longest[edge.from].max(delay);
    }
    let mut memory = 0i64;
    for (node, delay) in longest.into_iter().enumerate() {
        memory += i64::from(delay) * i64::from(graph.nodes[node].outputs);
        let most = i64::try_from(MAX_DELAY_MEMORY).unwrap_or(i64::MAX);
        check(graph, node, "the memory of delay lines up to here in samples", memory, most)?;
    }
    Ok((
        Plan { arrival: arrival.into_iter().map(frames).collect(), delay, latency: frames(latency) },
        notices,
    ))
}

fn check(
    graph: &Graph<'_>,
    node: usize,
    what: &'static str,
    value: i64,
    limit: i64,
) -> Result<(), CompileError> {
    if value <= limit {
        return Ok(());
    }
    Err(CompileError::OutOfBounds { node: graph.nodes[node].name.clone(), what, value, limit })
}

fn frames(value: i64) -> u32 {
    u32::try_from(value.max(0)).unwrap_or(u32::MAX)
}
