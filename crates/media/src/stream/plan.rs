//! Which pages are wanted, and how soon.

/// Windows around positions, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    pub ahead: f64,
    pub behind: f64,
    pub hinted: f64,
}

/// A position that a source is, was or will be read at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Spot {
    /// Somebody waits for these frames.
    Demand { frame: i64, len: i64 },
    /// It is being read here, in this direction.
    Playing { frame: i64, backwards: bool },
    /// It was read here, or will be.
    Idle { frame: i64, backwards: bool },
}

/// A file's measures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    pub frames: i64,
    pub page_frames: i64,
    pub rate: f64,
}

/// The urgency of what somebody waits for.
pub(super) const DEMAND: f64 = -1.0;

/// Urgencies of idle spots begin here, so that a second of everything that plays comes first.
const IDLE: f64 = 1.0;

/// A page is taken from one spot for another only if it is wanted this much later.
pub(super) const MARGIN: f64 = 0.1;

/// Calls `want(page, urgency)` for the pages around `spot`. Urgency is about the seconds until the page is read: the
/// smaller the sooner; negative when somebody waits.
pub(super) fn wants(spot: Spot, windows: Windows, file: Geometry, mut want: impl FnMut(usize, f64)) {
    #[expect(clippy::cast_possible_truncation, reason = "a window is seconds long; beyond that it saturates")]
    let frames_of = |seconds: f64| (seconds * file.rate) as i64;
    let mut range = |from: i64, to: i64, urgency: &dyn Fn(i64) -> f64| {
        let (from, to) = (from.clamp(0, file.frames), to.clamp(0, file.frames));
        if from >= to {
            return;
        }
        for page in from / file.page_frames..=(to - 1) / file.page_frames {
            want(usize::try_from(page).unwrap_or(0), urgency(page * file.page_frames));
        }
    };
    let seconds = |frames: i64| frames.max(0) as f64 / file.rate;
    // Distance to a page in the direction of reading: from its near edge.
    let ahead = |frame: i64, backwards: bool| {
        move |page: i64| seconds(if backwards { frame - (page + file.page_frames - 1) } else { page - frame })
    };
    let reach = |frame: i64, backwards: bool, frames: i64| {
        if backwards {
            (frame.saturating_sub(frames), frame.saturating_add(1))
        } else {
            (frame, frame.saturating_add(frames.max(1)))
        }
    };
    match spot {
        Spot::Demand { frame, len } => range(frame, frame.saturating_add(len), &|_| DEMAND),
        Spot::Playing { frame, backwards } => {
            let urgency = ahead(frame, backwards);
            let (from, to) = reach(frame, backwards, frames_of(windows.ahead));
            range(from, to, &urgency);
            let (from, to) = reach(frame, !backwards, frames_of(windows.behind));
            let urgency = ahead(frame, !backwards);
            range(from, to, &|page| windows.ahead.max(IDLE) + urgency(page));
        }
        Spot::Idle { frame, backwards } => {
            let urgency = ahead(frame, backwards);
            let (from, to) = reach(frame, backwards, frames_of(windows.hinted));
            range(from, to, &|page| IDLE + urgency(page));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const WINDOWS: Windows = Windows { ahead: 1.0, behind: 0.25, hinted: 0.5 };
    const FILE: Geometry = Geometry { frames: 10_500, page_frames: 100, rate: 1_000.0 };

    /// The soonest urgency of each page.
    fn wanted(spot: Spot) -> BTreeMap<usize, f64> {
        let mut pages = BTreeMap::new();
        wants(spot, WINDOWS, FILE, |page, urgency| {
            let soonest = pages.entry(page).or_insert(f64::INFINITY);
            *soonest = soonest.min(urgency);
        });
        pages
    }

    #[test]
    fn a_playing_position_wants_a_second_ahead_soonest_first_then_what_is_behind() {
        let pages = wanted(Spot::Playing { frame: 5_050, backwards: false });
        assert_eq!(pages.keys().copied().collect::<Vec<_>>(), (48..=60).collect::<Vec<_>>());
        assert_eq!((pages[&50], pages[&51], pages[&60]), (0.0, 0.05, 0.95));
        assert!(pages[&49] > pages[&60] && pages[&48] > pages[&49]);
    }

    #[test]
    fn backwards_it_is_the_mirror_image() {
        let pages = wanted(Spot::Playing { frame: 5_049, backwards: true });
        assert_eq!(pages.keys().copied().collect::<Vec<_>>(), (40..=52).collect::<Vec<_>>());
        assert_eq!((pages[&50], pages[&49], pages[&40]), (0.0, 0.05, 0.95));
        assert!(pages[&51] > pages[&40]);
    }

    #[test]
    fn windows_end_at_the_ends_of_the_file_and_odd_positions_are_harmless() {
        for frame in [i64::MIN, -1, 10_499, 10_500, i64::MAX] {
            for backwards in [false, true] {
                for spot in [
                    Spot::Playing { frame, backwards },
                    Spot::Idle { frame, backwards },
                    Spot::Demand { frame, len: i64::MAX },
                ] {
                    assert!(wanted(spot).keys().all(|&page| page < 105), "{spot:?}");
                }
            }
        }
        assert_eq!(
            wanted(Spot::Playing { frame: -300, backwards: false }).len(),
            7,
            "a clip that begins soon"
        );
        let file = Geometry { frames: 0, ..FILE };
        wants(Spot::Playing { frame: 0, backwards: false }, WINDOWS, file, |_, _| panic!("nothing is there"));
    }

    #[test]
    fn who_waits_comes_before_who_plays_before_who_may_play() {
        let first = |spot| wanted(spot).into_values().fold(f64::INFINITY, f64::min);
        let demand = first(Spot::Demand { frame: 0, len: 10 });
        let playing = first(Spot::Playing { frame: 0, backwards: false });
        let idle = first(Spot::Idle { frame: 0, backwards: false });
        assert!(demand < playing && playing < idle);
    }
}
