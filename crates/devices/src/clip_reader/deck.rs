//! The play lists that a reader holds: the one that plays, the one that is faded out, the one that waits, the one that
//! may go.

use omega_dsp::kernels::Ramp;
use omega_processor::Channels;

use super::play_list::{Entry, PlayList, around};
use super::voice::{Meeting, Voice};

/// Play lists in all their states.
///
/// At most one of each, because a list that arrives while another is faded out waits, and a list that waits is replaced by a
/// newer one.
#[derive(Debug)]
pub(super) struct Deck {
    current: Option<PlayList>,
    /// The one before `current`; heard while `fade_left` is above zero.
    retired: Option<PlayList>,
    /// To be adopted when the fade has ended.
    pending: Option<PlayList>,
    /// Done with. Empty whenever there is a pending one.
    spent: Option<PlayList>,
    /// Frames of a cross-fade.
    fade: i64,
    /// Frames of the cross-fade that are still to come.
    fade_left: i64,
    /// Frames before its start at which a segment's source is told.
    look_ahead: i64,
    cursor: usize,
    retired_cursor: usize,
    /// The entry whose source is told next.
    ahead: usize,
}

impl Deck {
    pub fn new(fade: i64, look_ahead: i64) -> Self {
        Self {
            current: None,
            retired: None,
            pending: None,
            spent: None,
            fade,
            fade_left: 0,
            look_ahead,
            cursor: 0,
            retired_cursor: 0,
            ahead: 0,
        }
    }

    /// Takes a new list out of `payload`, if there is one, and leaves there what may go.
    pub fn exchange(&mut self, payload: &mut Option<PlayList>, sounding: bool) {
        if !sounding {
            self.finish_fade();
        }
        if let Some(mut new) = payload.take() {
            if let Some(mut superseded) = self.pending.take() {
                new.take_sources(&mut superseded);
                put(payload, Some(superseded));
            }
            if self.spent.is_some() {
                put(payload, self.spent.take());
            }
            put(&mut self.pending, Some(new));
            self.adopt_pending(if sounding { self.fade } else { 0 });
        }
        if payload.is_none() {
            put(payload, self.spent.take());
        }
        if payload.is_none() && self.fade_left == 0 {
            put(payload, self.retired.take());
        }
    }

    /// Adopts a waiting list with a cross-fade of `fade` frames, if the fade before it has ended.
    fn adopt_pending(&mut self, fade: i64) {
        if self.fade_left > 0 {
            return;
        }
        let Some(mut new) = self.pending.take() else { return };
        if let Some(old) = self.current.as_mut() {
            new.take_sources(old);
        }
        put(&mut self.spent, self.retired.take());
        put(&mut self.retired, self.current.replace(new));
        self.fade_left = fade;
        self.retired_cursor = self.cursor;
        (self.cursor, self.ahead) = (0, 0);
    }

    /// A block of sound begins.
    pub fn begin(&mut self) {
        self.adopt_pending(self.fade);
    }

    /// Ends the fade at once: nothing is heard.
    pub fn finish_fade(&mut self) {
        self.fade_left = 0;
        self.adopt_pending(0);
    }

    /// `frames` frames were rendered.
    pub fn advance(&mut self, frames: usize) {
        self.fade_left = self.fade_left.saturating_sub(i64::try_from(frames).unwrap_or(i64::MAX)).max(0);
    }

    /// Adds the frames from `position` on to `out`.
    pub fn render(&mut self, position: i64, jumped: bool, out: &mut Channels<'_>, voice: &mut Voice) {
        let fading = self.fade_left > 0;
        let retired = if fading { self.retired.as_ref() } else { None };
        let rising = Ramp { from: 0.0, to: 1.0, position: self.fade - self.fade_left, length: self.fade };
        if let Some(list) = self.current.as_mut() {
            let weight = |entry: &Entry| {
                (fading && !retired.is_some_and(|retired| retired.contains(entry))).then_some(rising)
            };
            play(list, position, &mut self.cursor, weight, out, voice);
            if jumped {
                self.ahead = 0;
            }
            look_ahead(list, position, self.look_ahead, self.cursor, &mut self.ahead, out.frames());
        }
        if fading && let Some(retired) = self.retired.as_mut() {
            let falling = Ramp { from: 1.0, to: 0.0, ..rising };
            fade_out(retired, self.current.as_mut(), position, &mut self.retired_cursor, falling, out, voice);
        }
    }
}

/// Fills a place that is empty. What it might hold would be lost, not freed: this is the audio thread.
fn put(place: &mut Option<PlayList>, list: Option<PlayList>) {
    core::mem::forget(core::mem::replace(place, list));
}

/// Frames as a distance on the time line.
fn distance(frames: usize) -> i64 {
    i64::try_from(frames).unwrap_or(0)
}

/// Adds the entries of the list that plays.
fn play(
    list: &mut PlayList,
    position: i64,
    cursor: &mut usize,
    weight: impl Fn(&Entry) -> Option<Ramp>,
    out: &mut Channels<'_>,
    voice: &mut Voice,
) {
    let PlayList { entries, neighbours, slots, waits } = list;
    voice.waits = *waits;
    for index in around(entries, neighbours, position.saturating_add(distance(out.frames())), cursor) {
        let Some(entry) = entries.get(index) else { continue };
        let Some(meeting) = Meeting::of(&entry.segment, position, out.frames()) else { continue };
        let Some(source) = slots.get_mut(entry.slot).and_then(|slot| slot.source.as_mut()) else {
            voice.missing += meeting.frames;
            continue;
        };
        let run = entry.segment.run(meeting.entry, meeting.frames);
        source.steer(run.entry(), run.direction());
        voice.render(&entry.segment, source, meeting, weight(entry), out);
    }
}

/// Adds the entries of the retired list that the current one does not have.
fn fade_out(
    retired: &mut PlayList,
    mut current: Option<&mut PlayList>,
    position: i64,
    cursor: &mut usize,
    weight: Ramp,
    out: &mut Channels<'_>,
    voice: &mut Voice,
) {
    let PlayList { entries, neighbours, slots, .. } = retired;
    for index in around(entries, neighbours, position.saturating_add(distance(out.frames())), cursor) {
        let Some(entry) = entries.get(index) else { continue };
        let Some(meeting) = Meeting::of(&entry.segment, position, out.frames()) else { continue };
        if current.as_ref().is_some_and(|current| current.contains(entry)) {
            continue;
        }
        // Its source is still here, or was moved over to the current list.
        let source = match slots.get_mut(entry.slot).and_then(|slot| slot.source.as_mut()) {
            Some(own) => Some(own),
            None => current.as_mut().and_then(|list| list.source(entry.segment.source)),
        };
        match source {
            Some(source) => voice.render(&entry.segment, source, meeting, Some(weight), out),
            None => voice.missing += meeting.frames,
        }
    }
}

/// Tells the source of one segment that begins soon where it will be read, unless it is being read elsewhere right now.
fn look_ahead(
    list: &mut PlayList,
    position: i64,
    reach: i64,
    cursor: usize,
    ahead: &mut usize,
    frames: usize,
) {
    *ahead = (*ahead).max(cursor);
    let end = position.saturating_add(distance(frames));
    let PlayList { entries, neighbours, slots, .. } = list;
    let Some(next) = entries.get(*ahead).filter(|next| next.segment.start < end.saturating_add(reach)) else {
        return;
    };
    *ahead += 1;
    let mut again = cursor;
    let busy = around(entries, neighbours, end, &mut again)
        .filter_map(|index| entries.get(index))
        .any(|entry| entry.slot == next.slot && entry.segment.end() > position);
    if let Some(source) = slots.get_mut(next.slot).and_then(|slot| slot.source.as_mut()).filter(|_| !busy) {
        let run = next.segment.run(0, frames);
        source.steer(run.entry(), run.direction());
    }
}
