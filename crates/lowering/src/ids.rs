//! Stable ids of nodes, edges and meters from the ids of the session.

use omega_graph::{EdgeId, MeterId, NodeId};

/// FNV-1a over the parts with a separator (Fowler, Noll, Vo). Stable over versions and machines; the compiler refuses the
/// graph in the improbable case that two ids meet. The top bit is left to the compiler.
fn hash(parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([b'/']));
    let hash = bytes
        .fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    hash & (u64::MAX >> 1)
}

/// A node. Whatever changes its shape (channels) is part of its name, so that a node of another shape is another node.
pub(crate) fn node(parts: &[&str], channels: u16) -> NodeId {
    let channels = channels.to_string();
    let parts: Vec<&str> = parts.iter().copied().chain([channels.as_str()]).collect();
    NodeId(hash(&parts))
}

/// A cable from one node to another; `what` tells cables between the same nodes apart.
pub(crate) fn edge(from: NodeId, to: NodeId, what: &str) -> EdgeId {
    EdgeId(hash(&[&from.0.to_string(), &to.0.to_string(), what]))
}

/// A meter.
pub(crate) fn meter(what: &str) -> MeterId {
    MeterId(hash(&["meter", what]))
}

/// A name as a number, for sources of clips.
pub(crate) fn number(what: &str) -> u64 {
    hash(&[what])
}

/// A name of several parts as a number, for notes.
pub(crate) fn numbers(parts: &[&str]) -> u64 {
    hash(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_stable_and_keep_their_parts_apart() {
        assert_eq!(node(&["trk-1", "fader"], 2), node(&["trk-1", "fader"], 2));
        assert_ne!(node(&["trk-1", "fader"], 2), node(&["trk-1", "fader"], 1));
        assert_ne!(node(&["ab", "c"], 1), node(&["a", "bc"], 1));
        assert!(meter("x").0 < 1 << 63);
    }
}
