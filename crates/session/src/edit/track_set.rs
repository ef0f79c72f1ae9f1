//! Verbs that set one fact of a track: `track.rename`, `track.volume`, `track.mute` …

use omega_time::Frames;

use super::track_add::check_output;
use super::verb::{Verb, setters, verb};
use super::{Draft, EditError};
use crate::model::{Colour, Listen, Monitor, Output, PanLaw, Track, TrackId};

setters! {
    /// Names a track.
    TrackRename(Track, TrackId) {
        /// Its name, up to 1,000 characters.
        name: String,
    } |track, this| track.name.clone_from(&this.name);

    /// Colours a track, or takes its colour away (`null`).
    TrackColour(Track, TrackId) {
        /// `#rrggbb`
        colour: Option<Colour>,
    } |track, this| track.colour = this.colour;

    /// Sets the number of channels.
    TrackChannels(Track, TrackId) {
        /// 1 to 64.
        channels: u16,
    } |track, this| track.channels = this.channels;

    /// Sets the hardware inputs.
    TrackInput(Track, TrackId) {
        /// One for each channel, counted from 0; none where empty.
        input: Vec<u16>,
    } |track, this| track.input.clone_from(&this.input);

    /// Sets the fader.
    TrackVolume(Track, TrackId) {
        /// −144 (silence) to 48.
        db: f64,
    } |track, this| track.volume_db = this.db;

    /// Sets pan or balance.
    TrackPan(Track, TrackId) {
        /// −1 (left) to 1 (right).
        pan: f64,
    } |track, this| track.pan = this.pan;

    /// Sets how loud the centre is.
    TrackPanLaw(Track, TrackId) {
        /// `0dB`, `-3dB`, `-4.5dB` or `-6dB`.
        law: PanLaw,
    } |track, this| track.pan_law = this.law;

    /// Mutes a track or not.
    TrackMute(Track, TrackId) {
        /// Whether it is.
        on: bool,
    } |track, this| track.mute = this.on;

    /// Solos a track or not.
    TrackSolo(Track, TrackId) {
        /// Whether it is.
        on: bool,
    } |track, this| track.solo = this.on;

    /// Keeps a track heard while others are soloed, or not.
    TrackSoloSafe(Track, TrackId) {
        /// Whether it is.
        on: bool,
    } |track, this| track.solo_safe = this.on;

    /// Inverts the polarity or not.
    TrackPhase(Track, TrackId) {
        /// Whether it is inverted.
        on: bool,
    } |track, this| track.phase_invert = this.on;

    /// Arms a track for recording or not.
    TrackArm(Track, TrackId) {
        /// Whether it is.
        on: bool,
    } |track, this| track.arm = this.on;

    /// Lets a track hear a MIDI input.
    TrackMidiInput(Track, TrackId) {
        /// Its name, or a part of it that no other has; empty for none.
        name: String,
    } |track, this| track.midi_input.clone_from(&this.name);

    /// Says when the input is heard.
    TrackMonitor(Track, TrackId) {
        /// `auto`, `on` or `off`.
        mode: Monitor,
    } |track, this| track.monitor = this.mode;

    /// Listens to a track on the cue bus.
    TrackListen(Track, TrackId) {
        /// `off`, `pfl` or `afl`.
        mode: Listen,
    } |track, this| track.listen = this.mode;

    /// Delays a track, or lets it sound earlier (negative).
    TrackDelay(Track, TrackId) {
        /// Frames at the session's rate.
        frames: Frames,
    } |track, this| track.delay = this.frames;
}

verb! {
    /// Routes the output of a track.
    pub struct TrackRoute {
        /// Which one.
        pub id: TrackId,
        /// The id of a track, an array of hardware channels counted from 0, or `none`.
        pub output: Output,
    }
}

impl Verb for TrackRoute {
    fn apply(&self, draft: &mut Draft) -> Result<(), EditError> {
        let kind = draft.get::<Track>(&self.id)?.kind;
        check_output(&draft.project, Some(&self.id), kind, &self.output)?;
        draft.change::<Track>(&self.id, |track| track.output = self.output.clone())
    }
}
