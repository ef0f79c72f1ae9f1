//! Standard MIDI files, formats 0 and 1.
//!
//! **Time.** A file counts in a resolution of its own, a session in 80,640 ticks to a quarter note. A place of a file is
//! rounded to the nearest tick, half-way the later one; every usual resolution (24, 96, 120, 192, 384, 480, 960 …) divides
//! 80,640, and nothing is rounded. Files are written at [`RESOLUTION`], 26,880: a third of a tick's resolution, the most that
//! divides it and fits the 15 bits of a file. What is read from a resolution that divides 26,880 is written without rounding.
//!
//! **What is kept**: notes with their channels, velocities and release velocities, controllers, programs, pitch bend and
//! both kinds of pressure, in the order in which they stand; names of tracks, tempo, time signatures and markers. System
//! exclusive messages, lyrics, key signatures and the like are left out and counted.

mod read;
mod smf;
mod to_edits;
mod write;

use omega_session::edit::{ControlValue, NoteValue};
use omega_time::{Tempo, Ticks, TimeSignature};

pub use read::read;
pub use to_edits::{Place, to_edits};
pub use write::{WriteError, write};

/// Ticks to a quarter note of the files that are written.
pub const RESOLUTION: u16 = 26_880;
/// Bytes of the largest file that is read.
pub const MAX_FILE: usize = 64 << 20;
/// Events of a file that are read at most.
pub const MAX_EVENTS: usize = 4_000_000;
/// Tracks of a file that are read at most.
pub const MAX_TRACKS: usize = 1_024;
/// The last tick of a session that a file may reach: some 9,700 hours at 120 BPM.
pub const MAX_TICK: i64 = 1 << 42;

/// Why a file is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It is too large.
    #[error("the file has more than {} MB", MAX_FILE >> 20)]
    Size,
    /// It is no MIDI file.
    #[error("this is no MIDI file: {0}")]
    NoMidi(&'static str),
    /// Its format is one of several independent pieces.
    #[error("a MIDI file of format 2 holds independent pieces; formats 0 and 1 are read")]
    Format2,
    /// It says that a quarter note has no ticks.
    #[error("the file says that a quarter note has no length")]
    Resolution,
    /// It has more tracks than a session should get.
    #[error("the file has more than {MAX_TRACKS} tracks")]
    TooManyTracks,
    /// It has too many events.
    #[error("the file has more than {MAX_EVENTS} events")]
    TooManyEvents,
    /// It goes on for too long.
    #[error("track {track} goes on beyond tick {MAX_TICK} of a session")]
    TooLong {
        /// Which one, from 1.
        track: usize,
    },
}

/// A MIDI file as plain data; places are ticks of a session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MidiFile {
    /// Tempos by place; none where the file says nothing (120 BPM hold then), or counts in frames of film.
    pub tempo: Vec<(Ticks, Tempo)>,
    /// Time signatures by place.
    pub meter: Vec<(Ticks, TimeSignature)>,
    /// Markers by place.
    pub markers: Vec<(Ticks, String)>,
    /// Tracks that hold something. A file of format 0 has one for each channel that is used.
    pub tracks: Vec<MidiTrack>,
    /// Events that have no place in a session.
    pub left_out: usize,
    /// Tracks that are cut or damaged: they have no end, and what would come behind the damage is not there.
    pub cut: usize,
    /// Notes that were never released; they end where their track does.
    pub unreleased: usize,
}

/// A track of a MIDI file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MidiTrack {
    /// Its name; may be empty.
    pub name: String,
    /// Notes by start.
    pub notes: Vec<NoteValue>,
    /// Controller points by place, numbered where several are at one.
    pub controls: Vec<ControlValue>,
    /// Where it ends.
    pub end: Ticks,
}
