//! What happens at a frame: notes, expressions, parameter values, MIDI. The vocabulary is CLAP's.

/// One event. Events of a block are sorted by `frame`; equal frames keep their order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// Frames from the beginning of the block.
    pub frame: u32,
    /// What happens.
    pub kind: EventKind,
}

/// Which notes an event is meant for. A value of −1 means *any*.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoteAddress {
    /// The number that the sender gave the note.
    pub note: i32,
    /// MIDI channel, 0..=15.
    pub channel: i16,
    /// MIDI key, 0..=127, 60 is middle C.
    pub key: i16,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum EventKind {
    /// A note begins, with its velocity, 0..=1.
    NoteOn(NoteAddress, f64),
    /// A note is released, with its velocity, 0..=1.
    NoteOff(NoteAddress, f64),
    /// A note ends at once.
    NoteChoke(NoteAddress),
    /// An expression of a sounding note takes a value.
    NoteExpression(NoteAddress, NoteExpression, f64),
    /// Parameter takes a value in its own unit. The engine evaluates these into [`crate::Params`].
    ParamValue(u32, f64),
    /// An offset is added to a parameter, in its own unit.
    ParamModulation(u32, f64),
    /// One MIDI 1.0 message on a port.
    Midi(u16, [u8; 3]),
    /// The transport changed; see the block's transport.
    Transport,
}

/// Expressions of a note and their ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteExpression {
    /// Linear gain, 0..=4.
    Volume,
    /// 0 left, 0.5 centre, 1 right.
    Pan,
    /// Semitones, −120..=120.
    Tuning,
    /// 0..=1.
    Vibrato,
    /// 0..=1.
    Expression,
    /// 0..=1.
    Brightness,
    /// 0..=1.
    Pressure,
}
