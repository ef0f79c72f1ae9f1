//! Plays a track's clips.
//!
//! A [`ClipReader`] sums the [`Segment`]s of its [`PlayList`] onto its main port, frame by frame of the time line: clips that overlap add
//! up, so that a cross-fade is two fades that overlap. The list is built off the audio thread, where it is
//! sorted and checked: [`PlayList::build`] refuses what would take unbounded work.
//!
//! **Edits while playing.** [`exchange`](Processor::exchange) takes an `Option<PlayList>` ([`ClipReader::payload`]). For the
//! next [`EXCHANGE_FADE_MS`] the old and the new list are both read: a segment that is in both, unchanged, sounds on bit for
//! bit; one that is only in the old list is faded out, one that is only in the new one is faded in, along a straight line. A list that
//! arrives during such a fade is adopted when the fade has ended; if another comes before that, the newest
//! counts. What the reader has done with goes back in the payload of a later exchange; an empty one
//! ([`ClipReader::empty_payload`]) fetches it without changing anything.
//!
//! **Sources** are named by number. A list brings the sources that are new; those that it shares with the list before it are moved
//! over when it is adopted. What a source cannot deliver in time is silence, and counted in
//! [`ProcessBlock::missing`].
//!
//! **Stopping.** When the time line stops, the reader reads on for [`STOP_FADE`] frames while fading out. Starting has no fade: a
//! render begins exactly. A jump of the position while rolling is played as it is.
//!
//! Latency 0. Parameters: none. The output is the input plus the clips.

use core::any::Any;

use omega_dsp::kernels::{Kernels, MixInput, Ramp};
use omega_processor::{
    Channels, MAX_BLOCK, ProcessBlock, Processor, StateReader, StateWriter, Status, Transport,
};
use omega_rt::AlignedBuffer;

mod deck;
mod play_list;
pub mod prepare;
mod segment;
mod voice;

pub use play_list::PlayList;
pub use prepare::{NamedSource, PlayListError};
pub use segment::{ChannelMap, Cut, Fade, FadeShape, Segment, SourceId};

use deck::Deck;
use voice::Voice;

/// Length of the cross-fade from one play list to the next.
pub const EXCHANGE_FADE_MS: u32 = 10;

/// Frames that are faded out when the time line stops.
pub const STOP_FADE: i64 = 256;

/// Segments that may sound within any [`MAX_BLOCK`] frames.
pub const MAX_SOUNDING: usize = 64;

/// Segments in one play list.
pub const MAX_SEGMENTS: usize = 65_536;

/// Sources in one play list.
pub const MAX_SOURCES: usize = 4_096;

/// Frames of the shortest loop within a clip.
pub const MIN_REPEAT: i64 = 32;

/// How long before its start a segment's source is told where it will be read.
const LOOK_AHEAD_SECONDS: i64 = 2;

/// The processor: see the [module](self).
#[derive(Debug)]
pub struct ClipReader {
    kernels: Kernels,
    deck: Deck,
    voice: Voice,
    /// The main port has inputs, so that its channels need not be zero.
    has_input: bool,
    /// What sounds on after a stop, before it is faded.
    stopped: AlignedBuffer,
    state: State,
}

/// The running state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    /// The time line moved in the last block.
    rolling: bool,
    /// Position that follows the last rolling block.
    next: i64,
    /// Position of what sounds on after a stop.
    stop_position: i64,
    /// Frames that it still sounds.
    stop_left: i64,
}

impl ClipReader {
    fn from_parts(
        kernels: Kernels,
        fade: i64,
        look_ahead: i64,
        has_input: bool,
        stopped: AlignedBuffer,
    ) -> Self {
        let (deck, voice) = (Deck::new(fade, look_ahead), Voice::new(kernels));
        Self { kernels, deck, voice, has_input, stopped, state: State::default() }
    }

    /// Renders at most [`MAX_BLOCK`] frames.
    fn render(&mut self, mut main: Channels<'_>, transport: Transport) {
        if self.state.rolling && !transport.rolling {
            self.state.stop_position = self.state.next;
            self.state.stop_left = STOP_FADE;
        }
        self.state.rolling = transport.rolling;
        self.voice.begin(!self.has_input);
        if !transport.rolling && self.state.stop_left == 0 {
            self.deck.finish_fade();
            return self.voice.finish(&mut main);
        }
        self.deck.begin();
        let frames = main.frames();
        if transport.rolling {
            let jumped = transport.position != self.state.next;
            self.deck.render(transport.position, jumped, &mut main, &mut self.voice);
            self.state.next = transport.position.saturating_add(i64::try_from(frames).unwrap_or(0));
        }
        self.voice.finish(&mut main);
        if self.state.stop_left > 0 {
            self.sound_on(&mut main);
        }
        self.deck.advance(frames);
    }

    /// Adds what sounds on after a stop.
    fn sound_on(&mut self, main: &mut Channels<'_>) {
        let left = usize::try_from(self.state.stop_left).unwrap_or(0);
        let frames = main.frames().min(left);
        let mut own = Channels::new(&mut self.stopped, MAX_BLOCK, 0, frames);
        self.voice.begin(true);
        self.deck.render(self.state.stop_position, false, &mut own, &mut self.voice);
        self.voice.finish(&mut own);
        let ramp = Ramp { from: 1.0, to: 0.0, position: STOP_FADE - self.state.stop_left, length: STOP_FADE };
        for (from, to) in own.iter_mut().zip(main.iter_mut()) {
            self.kernels.gain_ramp(from, ramp);
            self.kernels.mix_more(to, &[MixInput::unity(from)]);
        }
        let done = i64::try_from(frames).unwrap_or(0);
        self.state.stop_position = self.state.stop_position.saturating_add(done);
        self.state.stop_left -= done;
    }
}

impl Processor for ClipReader {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        let frames = block.frames();
        (self.voice.missing, self.voice.sounded) = (0, false);
        let mut begin = 0;
        while begin < frames {
            let end = frames.min(begin + MAX_BLOCK);
            let mut transport = block.transport;
            if transport.rolling {
                let done = i64::try_from(begin).unwrap_or(0);
                transport.position = transport.position.saturating_add(done);
            }
            self.render(block.main.range(begin, end), transport);
            begin = end;
        }
        block.missing = block.missing.saturating_add(u32::try_from(self.voice.missing).unwrap_or(u32::MAX));
        let still = !self.state.rolling && self.state.stop_left == 0;
        // A node without inputs is called for every block, so that it may be silent between clips.
        let silent = if self.has_input { still && block.input_silent } else { !self.voice.sounded };
        if silent { Status::Silent } else { Status::Sound }
    }

    fn reset(&mut self) {
        self.state = State::default();
        self.deck.finish_fade();
    }

    fn exchange(&mut self, payload: &mut (dyn Any + Send)) {
        if let Some(list) = payload.downcast_mut::<Option<PlayList>>() {
            let sounding = self.state.rolling || self.state.stop_left > 0;
            self.deck.exchange(list, sounding);
        }
    }

    fn state_words(&self) -> usize {
        6
    }

    fn save_state(&self, out: &mut StateWriter<'_>) {
        out.word(u32::from(self.state.rolling));
        out.word(u32::try_from(self.state.stop_left).unwrap_or(0));
        out.long(self.state.next.cast_unsigned());
        out.long(self.state.stop_position.cast_unsigned());
    }

    fn restore_state(&mut self, state: &mut StateReader<'_>) {
        let rolling = state.word() != 0;
        let stop_left = i64::from(state.word()).min(STOP_FADE);
        let (next, stop_position) = (state.long().cast_signed(), state.long().cast_signed());
        self.state = State { rolling, next, stop_position, stop_left };
    }
}
