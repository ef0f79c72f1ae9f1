//! Orders nodes before their readers, and names the cycle where there is one.

use super::Graph;
use crate::CompileError;

/// Indices of nodes, sources first. Feedback edges do not count.
///
/// # Errors
/// [`CompileError::Cycle`] with the names along one cycle.
pub fn run(graph: &Graph<'_>) -> Result<Vec<usize>, CompileError> {
    let count = graph.nodes.len();
    let mut waiting = vec![0usize; count];
    for edge in graph.edges.iter().filter(|edge| edge.spec.feedback.is_none()) {
        waiting[edge.to] += 1;
    }
    let mut order: Vec<usize> = (0..count).filter(|&node| waiting[node] == 0).collect();
    let mut done = 0;
    while let Some(&node) = order.get(done) {
        done += 1;
        for (_, edge) in graph.out_of(node).filter(|(_, edge)| edge.spec.feedback.is_none()) {
            waiting[edge.to] -= 1;
            if waiting[edge.to] == 0 {
                order.push(edge.to);
            }
        }
    }
    if order.len() == count { Ok(order) } else { Err(CompileError::Cycle { path: cycle(graph, &waiting) }) }
}

/// Walks backwards through nodes that still wait until one comes up again.
fn cycle(graph: &Graph<'_>, waiting: &[usize]) -> Vec<String> {
    let mut seen = vec![None; waiting.len()];
    let mut path = Vec::new();
    let mut node = waiting.iter().position(|&count| count > 0).unwrap_or(0);
    while seen[node].is_none() {
        seen[node] = Some(path.len());
        path.push(node);
        let back = graph.into_node(node).find(|(_, e)| e.spec.feedback.is_none() && waiting[e.from] > 0);
        let Some((_, edge)) = back else { break };
        node = edge.from;
    }
    let mut names: Vec<String> =
        path[seen[node].unwrap_or(0)..].iter().rev().map(|&n| graph.nodes[n].name.clone()).collect();
    names.extend(names.first().cloned());
    names
}
