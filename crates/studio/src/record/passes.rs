//! Which passes of a recording are heard, and where the comp goes from one to another.

use omega_media::record::Stretch;
use omega_session::model::TakeId;
use omega_time::Frames;

/// A span of a comp in the making.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub take: TakeId,
    pub from: i64,
    pub to: i64,
    /// Frames of its fade.
    pub fade: i64,
    /// It is to be added; others are in the session already.
    pub fresh: bool,
}

/// Parts stretches into passes: each stretch of a pass begins behind the one before. So a pass of a loop is one, with what it
/// lost and what it was punched into.
pub(super) fn passes(stretches: &[Stretch]) -> Vec<&[Stretch]> {
    stretches.chunk_by(|before, next| next.position >= end(before)).collect()
}

/// The stretches that are heard, in the order in which they were recorded: a later one over an earlier one, but not one that
/// was broken off before the end of what it lies over.
pub(super) fn heard(stretches: &[Stretch]) -> Vec<Stretch> {
    // What is on top: the index of a stretch, and from where to where.
    let mut top: Vec<(usize, i64, i64)> = Vec::new();
    for (index, stretch) in stretches.iter().enumerate() {
        let (from, to) = (stretch.position, end(stretch));
        let broken_off = top.iter().any(|(_, start, stop)| *start < to && from < *stop && *stop > to);
        if broken_off {
            continue;
        }
        top.retain_mut(|(_, start, stop)| {
            if *start < to && from < *stop {
                // No span reaches beyond `to`, so what is left lies before.
                *stop = from.max(*start);
            }
            start < stop
        });
        top.push((index, from, to));
    }
    let mut indices: Vec<usize> = top.into_iter().map(|(index, ..)| index).collect();
    indices.sort_unstable();
    indices.iter().filter_map(|index| stretches.get(*index)).copied().collect()
}

/// Whether any two stretches share a frame.
pub(super) fn overlap(stretches: &[Stretch]) -> bool {
    let mut spans: Vec<(i64, i64)> = stretches.iter().map(|one| (one.position, end(one))).collect();
    spans.sort_unstable();
    spans.windows(2).any(|pair| matches!(pair, [(_, to), (from, _)] if from < to))
}

/// The frame of the time line behind a stretch.
pub(super) fn end(stretch: &Stretch) -> i64 {
    stretch.position.saturating_add(stretch.frames)
}

/// Lays a take over what the comp had from `from` to `to`, which is all that there is of it.
///
/// Where something sounds on beyond an edge the two cross *inside*, over frames that both have: the seam lies half a fade
/// further in. Elsewhere nothing is faded, so that the first note is not. No fade is longer than `longest`.
pub(super) fn lay_over(spans: &mut Vec<Span>, take: &TakeId, (from, to): (i64, i64), longest: Frames) {
    let most = longest.0.min((to - from) / 2);
    let fade_over = |edge: i64, spans: &[Span]| {
        let across = spans.iter().find(|span| span.from < edge && edge < span.to);
        across.map_or(0, |span| most.min(edge - span.from).min(span.to - edge))
    };
    let (fade, fade_behind) = (fade_over(from, spans), fade_over(to, spans));
    let (start, stop) = (from + fade / 2, to - fade_behind / 2);
    let mut rest = Vec::new();
    for span in std::mem::take(spans) {
        if span.to <= start || stop <= span.from {
            rest.push(span);
            continue;
        }
        if span.from < start {
            rest.push(Span { to: start, ..span.clone() });
        }
        if stop < span.to {
            rest.push(Span {
                from: stop,
                fade: fade_behind.max(if span.fresh { 0 } else { span.fade }),
                ..span
            });
        }
    }
    rest.push(Span { take: take.clone(), from: start, to: stop, fade, fresh: true });
    rest.sort_by_key(|span| span.from);
    *spans = rest;
}

/// A fade also falls on an end that nothing touches. Where there is room such a span goes on behind what there is of its take,
/// over nothing, so that the last note is not faded.
pub(super) fn spare_the_ends(spans: &mut [Span]) {
    for index in 0..spans.len() {
        let next = spans.get(index + 1).map_or(i64::MAX, |next| next.from);
        if let Some(span) =
            spans.get_mut(index).filter(|span| span.fresh && span.to.saturating_add(span.fade) < next)
        {
            span.to += span.fade;
        }
    }
}

#[cfg(test)]
mod tests {
    use omega_session::model::COMP_FADE;

    use super::*;

    fn stretch(at: i64, position: i64, frames: i64) -> Stretch {
        Stretch { at, position, frames }
    }

    #[test]
    fn of_passes_that_overlap_the_last_whole_one_is_heard() {
        let four = [stretch(0, 100, 50), stretch(50, 100, 50), stretch(100, 100, 20), stretch(120, 900, 5)];
        assert_eq!(heard(&four), [four[1], four[3]]);
        let punched = [stretch(0, 0, 10), stretch(10, 10, 90)];
        assert_eq!(heard(&punched), punched);
        assert!(!overlap(&punched) && overlap(&four));
        assert!(heard(&[]).is_empty());
        // What came before the loop began is heard before it.
        let into =
            [stretch(0, 0, 300), stretch(300, 200, 100), stretch(400, 200, 100), stretch(500, 200, 99)];
        assert_eq!(heard(&into), [into[0], into[2]]);
        // The first pass began in the middle of the loop.
        let late = [stretch(0, 50, 50), stretch(50, 0, 100)];
        assert_eq!(heard(&late), [late[1]]);
        assert_eq!(heard(&[late[0], stretch(50, 0, 60)]), [late[0]]);
    }

    #[test]
    fn what_goes_straight_on_is_one_pass() {
        let all = [stretch(0, 0, 10), stretch(10, 15, 5), stretch(15, 0, 20), stretch(35, 0, 3)];
        let parted: Vec<usize> = passes(&all).iter().map(|pass| pass.len()).collect();
        assert_eq!(parted, [2, 1, 1]);
        assert!(passes(&[]).is_empty());
    }

    #[test]
    fn seams_lie_where_both_sides_are_and_nothing_else_is_faded() {
        let [old, new] = ["old", "new"].map(|id| TakeId::new(id).expect("an id"));
        let span = |take: &TakeId, from, to, fade| Span { take: take.clone(), from, to, fade, fresh: true };
        let mut spans = vec![span(&old, 0, 20_000, 0)];
        lay_over(&mut spans, &new, (5_000, 9_000), COMP_FADE);
        assert_eq!(
            spans,
            [span(&old, 0, 5_240, 0), span(&new, 5_240, 8_760, 480), span(&old, 8_760, 20_000, 480)]
        );
        spare_the_ends(&mut spans);
        assert_eq!(spans[2], span(&old, 8_760, 20_480, 480));
        // Beyond the end of what was there: only the seam is faded.
        let mut spans = vec![span(&old, 0, 1_000, 0)];
        lay_over(&mut spans, &new, (900, 5_000), COMP_FADE);
        spare_the_ends(&mut spans);
        assert_eq!(spans, [span(&old, 0, 950, 0), span(&new, 950, 5_100, 100)]);
        // Over nothing: as it is.
        let mut spans = Vec::new();
        lay_over(&mut spans, &new, (7, 8), COMP_FADE);
        spare_the_ends(&mut spans);
        assert_eq!(spans, [span(&new, 7, 8, 0)]);
    }
}
