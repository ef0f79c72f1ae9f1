//! Between the channels of a track and those of a plugin.

/// Which channel of `from` feeds channel `to` of `into`, where so many are on either side: alike where they are alike, mono
/// into the first two, stereo into mono at half gain each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fed {
    /// Nothing.
    Silent,
    /// That channel.
    By(usize),
    /// The first two, at half gain each.
    ByBoth,
}

/// See [`Fed`].
pub(crate) fn fed(from: usize, into: usize, to: usize) -> Fed {
    match (from, into) {
        (2, 1) if to == 0 => Fed::ByBoth,
        (1, 2..) if to < 2 => Fed::By(0),
        _ if to < from.min(into) => Fed::By(to),
        _ => Fed::Silent,
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::disallowed_macros,
        reason = "runs off the audio thread"
    )]

    use super::*;

    #[test]
    fn channels_find_their_way() {
        let all = |from, into| (0..into).map(|to| fed(from, into, to)).collect::<Vec<_>>();
        assert_eq!(all(2, 2), [Fed::By(0), Fed::By(1)]);
        assert_eq!(all(1, 2), [Fed::By(0), Fed::By(0)]);
        assert_eq!(all(2, 1), [Fed::ByBoth]);
        assert_eq!(all(1, 3), [Fed::By(0), Fed::By(0), Fed::Silent]);
        assert_eq!(all(4, 2), [Fed::By(0), Fed::By(1)]);
        assert_eq!(all(0, 2), [Fed::Silent, Fed::Silent]);
    }
}
