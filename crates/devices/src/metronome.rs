//! Clicks on the beats of a tempo map, with an accent on the first of each bar.
//!
//! What it puts out is a function of the position alone: the click of the last beat at or before a frame, as old as that
//! frame is behind the beat's. So it has no state, gives the same bytes at any cut into blocks, and begins right in the middle of
//! anything. A beat's frame is the one nearest to its tick ([`TempoMap::to_frame`]), where a clip at that tick begins too.
//!
//! While the time line stands for a count-in, it clicks the beats before the position at which it will roll.
//!
//! A source: no input, the same on all output channels. Parameters: `level` in dB, and `on` (0, 1): without it, it clicks in
//! count-ins only. The map comes by an exchange of
//! `Option<Shared<TempoMap>>`. Built by itself, not through the registry. Latency 0.

use core::any::Any;

use omega_processor::{ProcessBlock, Processor, Status};
use omega_rt::{Owned, Shared};
use omega_time::{Frames, TempoMap, Ticks};

use crate::level;

/// The processor: see the [module](self).
#[derive(Debug)]
pub struct Metronome {
    map: Option<Shared<TempoMap>>,
    /// The click of a beat, and that of the first beat of a bar.
    beat: Owned<[f32]>,
    accent: Owned<[f32]>,
}

/// A beat on the time line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Beat {
    tick: Ticks,
    frame: i64,
    first: bool,
}

impl Beat {
    fn at(map: &TempoMap, tick: Ticks) -> Self {
        Self { tick, frame: map.to_frame(tick).0, first: map.to_bbt(tick).beat == 1 }
    }

    /// The last beat whose frame is `frame` or one before it.
    fn before(map: &TempoMap, frame: i64) -> Self {
        let tick = map.to_tick(Frames(frame));
        // A beat between two frames may belong to the one before it.
        let next = Self::at(map, map.beat_at_or_after(tick).0);
        if next.frame <= frame {
            return next;
        }
        Self::at(map, Ticks(tick.0.saturating_sub(map.to_bbt(tick).tick.into())))
    }

    fn next(self, map: &TempoMap) -> Self {
        Self::at(map, map.beat_at_or_after(Ticks(self.tick.0.saturating_add(1))).0)
    }
}

impl Processor for Metronome {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        block.main.clear();
        let transport = block.transport;
        let first = match (transport.rolling, transport.count_in) {
            (true, _) if block.params.at(1, 0) >= 0.5 => transport.position,
            (false, 1..) => transport.position.saturating_sub(transport.count_in),
            _ => return Status::Silent,
        };
        let Some(map) = &self.map else { return Status::Silent };
        let frames = block.frames();
        let end = first.saturating_add_unsigned(frames as u64);
        let level = level::amplitude(block.params.at(0, 0));
        let mut beat = Beat::before(map, first);
        let mut sounds = false;
        // Beats have frames of their own, so there are no more of them than frames.
        for _ in 0..=frames {
            let next = beat.next(map);
            // At the end of the map no beat follows.
            let until = if next.frame > beat.frame { next.frame.min(end) } else { end };
            let click = if beat.first { &self.accent } else { &self.beat };
            let from = beat.frame.max(first);
            let place = |frame: i64, origin: i64| usize::try_from(frame.saturating_sub(origin)).unwrap_or(0);
            let click = click.get(place(from, beat.frame)..).unwrap_or(&[]);
            let room = place(until, from);
            for channel in block.main.iter_mut() {
                let out = channel.get_mut(place(from, first)..).unwrap_or(&mut []);
                out.iter_mut().zip(click).take(room).for_each(|(out, click)| *out = *click * level);
            }
            sounds |= !click.is_empty();
            if until >= end {
                break;
            }
            beat = next;
        }
        if sounds { Status::Sound } else { Status::Silent }
    }

    fn reset(&mut self) {}

    fn exchange(&mut self, payload: &mut (dyn Any + Send)) {
        if let Some(map) = payload.downcast_mut::<Option<Shared<TempoMap>>>() {
            core::mem::swap(&mut self.map, map);
        }
    }
}

pub mod prepare {
    //! Descriptor and builder, off the audio thread.
    #![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "runs off the audio thread")]
    extern crate alloc;

    use alloc::sync::Arc;
    use alloc::vec;
    use alloc::vec::Vec;
    use core::f64::consts::TAU;

    use omega_dsp::math;
    use omega_processor::{Descriptor, ParamInfo, PrepareConfig, Taper, Unit};
    use omega_rt::Shared;
    use omega_time::TempoMap;

    use super::Metronome;

    /// Length of a click in seconds.
    const LENGTH: f64 = 0.06;
    /// Its level falls by e in so many seconds.
    const DECAY: f64 = 0.009;
    /// Its pitch in Hz, and its peak, on a beat and on the first of a bar.
    const BEAT: (f64, f64) = (1_000.0, 0.5);
    const ACCENT: (f64, f64) = (1_500.0, 0.9);

    /// What it tells about itself.
    #[must_use]
    pub fn descriptor() -> Descriptor {
        let lowest = f64::from(crate::level::SILENCE_DB);
        Descriptor {
            key: "omega.metronome".into(),
            name: "Metronome".into(),
            aux_inputs: Vec::new(),
            takes_notes: false,
            params: vec![
                ParamInfo::new("level", "Level", Unit::Decibels, [lowest, 12.0], 0.0),
                ParamInfo::new("on", "On", Unit::None, [0.0, 1.0], 1.0).taper(Taper::Toggle),
            ],
        }
    }

    impl Metronome {
        /// A metronome that follows `map`.
        #[must_use]
        pub fn new(config: &PrepareConfig, map: Arc<TempoMap>) -> Self {
            let click = |sound| click(f64::from(config.sample_rate), sound).into_boxed_slice().into();
            Self { map: Some(Shared::from(map)), beat: click(BEAT), accent: click(ACCENT) }
        }

        /// What an exchange takes to follow another map.
        #[must_use]
        pub fn payload(map: Arc<TempoMap>) -> Option<Shared<TempoMap>> {
            Some(Shared::from(map))
        }
    }

    /// A sine that dies away, its first frame sounding: the attack is where the beat is. Faded to nothing at its end.
    fn click(rate: f64, (pitch, peak): (f64, f64)) -> Vec<f32> {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a few thousand frames, and samples in single precision"
        )]
        let frames = (rate * LENGTH) as u32;
        let sample = |frame: u32| {
            let seconds = f64::from(frame) / rate;
            let fade = 1.0 - f64::from(frame) / f64::from(frames);
            // A cosine, so that the click is loudest where it begins.
            let value = peak * math::cos(TAU * pitch * seconds) * math::exp(-seconds / DECAY) * fade;
            math::to_f32(value)
        };
        (0..frames).map(sample).collect()
    }
}
