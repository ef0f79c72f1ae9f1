//! Time as people type and read it.

use core::fmt;

use crate::{Bbt, BbtError, Frames, SampleRate, TempoMap, Ticks, TimeLength, TimePoint};

/// Why a text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeTextError {
    /// Nothing was written.
    #[error("no time was given; write one like 5|3|0, 1:02.5, 12.5s, 48000f or 960t")]
    Empty,
    /// It has none of the forms.
    #[error("this is no time; write one like 5|3|0, 1:02.5, 12.5s, 48000f or 960t")]
    Form,
    /// A part that should be a number is none, or is far too large.
    #[error("the {0} is no whole number in range")]
    Number(Part),
    /// More than 18 places behind the point.
    #[error("seconds have at most 18 decimals")]
    Decimals,
    /// Minutes or seconds of 60 or more after a larger unit.
    #[error("the {part} is 0 to 59, not {value}")]
    Sixty {
        /// Which part.
        part: Part,
        /// What was written.
        value: u64,
    },
    /// No such beat or tick.
    #[error(transparent)]
    Bbt(#[from] BbtError),
    /// A length cannot be negative.
    #[error("a length cannot be negative")]
    NegativeLength,
    /// The place is beyond the time line.
    #[error("this lies beyond the end of the time line")]
    Range,
}

/// A part of a written time, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The bar.
    Bar,
    /// The beat.
    Beat,
    /// The tick count.
    Tick,
    /// The frame count.
    Frame,
    /// Hours.
    Hours,
    /// Minutes.
    Minutes,
    /// Seconds.
    Seconds,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bar => "bar",
            Self::Beat => "beat",
            Self::Tick => "tick count",
            Self::Frame => "frame count",
            Self::Hours => "hour count",
            Self::Minutes => "minute count",
            Self::Seconds => "second count",
        })
    }
}

impl TempoMap {
    /// Reads a place on the time line. Does not allocate.
    ///
    /// | text | means |
    /// |---|---|
    /// | `5\|3\|40000`, `5\|3` | musical: bar and beat from 1, tick in the beat from 0 |
    /// | `960t` | musical: ticks |
    /// | `48000f` | absolute: frames |
    /// | `1:02.5`, `01:02:03.250` | absolute: minutes and seconds, or hours, minutes and seconds |
    /// | `12.5s` | absolute: seconds |
    ///
    /// A leading `-` is before the start. Seconds go to the nearest frame, half-way to the later one.
    ///
    /// ```
    /// use omega_time::{Frames, SampleRate, Tempo, TempoMap, Ticks, TimePoint, TimeSignature};
    /// let map = TempoMap::constant(SampleRate::HZ_48000, Tempo::DEFAULT, TimeSignature::COMMON);
    /// assert_eq!(map.parse_point("2|1|0")?, TimePoint::Musical(Ticks::quarters(4)));
    /// assert_eq!(map.parse_point("1:02.5")?, TimePoint::Absolute(Frames(3_000_000)));
    /// # Ok::<(), omega_time::TimeTextError>(())
    /// ```
    ///
    /// # Errors
    /// [`TimeTextError`], naming the part that is wrong.
    pub fn parse_point(&self, text: &str) -> Result<TimePoint, TimeTextError> {
        match parse(text, self.rate())? {
            Parsed::Bbt { bar, beat, tick } => {
                let beat = beat.unwrap_or(1);
                Ok(TimePoint::Musical(self.bbt_to_tick(Bbt { bar, beat, tick })?))
            }
            Parsed::Ticks(ticks) => Ok(TimePoint::Musical(ticks)),
            Parsed::Frames(frames) => Ok(TimePoint::Absolute(frames)),
        }
    }

    /// Reads a length that starts at a tick. Does not allocate.
    ///
    /// The forms are those of [`TempoMap::parse_point`], but `2|1|0` means two bars and one beat from `start` on: bars
    /// and beats count from 0 and take the time signatures that they pass (beats and ticks those of the place where
    /// the whole bars end).
    ///
    /// ```
    /// use omega_time::{SampleRate, Tempo, TempoMap, Ticks, TimeLength, TimeSignature};
    /// let map = TempoMap::constant(SampleRate::HZ_48000, Tempo::DEFAULT, TimeSignature::COMMON);
    /// assert_eq!(map.parse_length("2|1|0", Ticks::ZERO)?, TimeLength::Musical(Ticks::quarters(9)));
    /// # Ok::<(), omega_time::TimeTextError>(())
    /// ```
    ///
    /// # Errors
    /// [`TimeTextError`], naming the part that is wrong; a length is never negative.
    pub fn parse_length(&self, text: &str, start: Ticks) -> Result<TimeLength, TimeTextError> {
        match parse(text, self.rate())? {
            Parsed::Bbt { bar, beat, tick } => {
                let bars = u64::try_from(bar).map_err(|_| TimeTextError::NegativeLength)?;
                self.musical_length(bars, beat.unwrap_or(0), tick, start).map(TimeLength::Musical)
            }
            Parsed::Ticks(ticks) if ticks < Ticks::ZERO => Err(TimeTextError::NegativeLength),
            Parsed::Frames(frames) if frames < Frames::ZERO => Err(TimeTextError::NegativeLength),
            Parsed::Ticks(ticks) => Ok(TimeLength::Musical(ticks)),
            Parsed::Frames(frames) => Ok(TimeLength::Absolute(frames)),
        }
    }

    fn musical_length(
        &self,
        bars: u64,
        beats: u32,
        ticks: u32,
        start: Ticks,
    ) -> Result<Ticks, TimeTextError> {
        let start = start.clamp(-Self::MAX_TICK, Self::MAX_TICK);
        let from = self.to_bbt(start);
        let bar =
            i64::try_from(bars).ok().and_then(|n| from.bar.checked_add(n)).ok_or(TimeTextError::Range)?;
        // Whole bars lead from the bar line before `start` to another one; the place in the bar is kept in ticks.
        let into_bar = start - self.bbt_to_tick(Bbt { beat: 1, tick: 0, ..from })?;
        let there = self.bbt_to_tick(Bbt { bar, beat: 1, tick: 0 })? + into_bar;
        let beat = self.signature_at(there).ticks_per_beat();
        let end = there + beat * i64::from(beats) + Ticks(i64::from(ticks));
        if end > Self::MAX_TICK { Err(TimeTextError::Range) } else { Ok(end - start) }
    }
}

/// A written time, before the tempo map is asked.
enum Parsed {
    Bbt { bar: i64, beat: Option<u32>, tick: u32 },
    Ticks(Ticks),
    Frames(Frames),
}

fn parse(text: &str, rate: SampleRate) -> Result<Parsed, TimeTextError> {
    let text = text.trim();
    let (negative, plain) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    if plain.is_empty() {
        return Err(TimeTextError::Empty);
    }
    let signed = |n: i64| if negative { -n } else { n };
    if plain.contains('|') {
        return parse_bbt(plain, negative);
    }
    if let Some(count) = plain.strip_suffix('t') {
        let ticks = Ticks(signed(number(count, Part::Tick)?));
        return if ticks.abs() > TempoMap::MAX_TICK {
            Err(TimeTextError::Range)
        } else {
            Ok(Parsed::Ticks(ticks))
        };
    }
    let frames = if let Some(count) = plain.strip_suffix('f') {
        number(count, Part::Frame)?
    } else {
        let seconds = plain.strip_suffix('s').unwrap_or(plain);
        if seconds.len() == plain.len() && !plain.contains(':') {
            return Err(TimeTextError::Form);
        }
        return parse_clock(seconds, negative, rate);
    };
    in_range(signed(frames).into())
}

fn in_range(frames: i128) -> Result<Parsed, TimeTextError> {
    let frames = Frames(i64::try_from(frames).map_err(|_| TimeTextError::Range)?);
    if frames.abs() > TempoMap::MAX_FRAME { Err(TimeTextError::Range) } else { Ok(Parsed::Frames(frames)) }
}

fn parse_bbt(plain: &str, negative: bool) -> Result<Parsed, TimeTextError> {
    let mut parts = plain.split('|');
    let bar: i64 = number(parts.next().unwrap_or(""), Part::Bar)?;
    let small = |text: &str, part| {
        number(text, part).and_then(|n| u32::try_from(n).map_err(|_| TimeTextError::Number(part)))
    };
    let beat = parts.next().map(|text| small(text, Part::Beat)).transpose()?;
    let tick = parts.next().map_or(Ok(0), |text| small(text, Part::Tick))?;
    if parts.next().is_some() {
        return Err(TimeTextError::Form);
    }
    Ok(Parsed::Bbt { bar: if negative { -bar } else { bar }, beat, tick })
}

/// `[[hours:]minutes:]seconds[.decimals]` to the nearest frame, in integers.
fn parse_clock(plain: &str, negative: bool, rate: SampleRate) -> Result<Parsed, TimeTextError> {
    let mut parts = plain.rsplit(':');
    let last = parts.next().unwrap_or("");
    let (whole, decimals) = last.split_once('.').unwrap_or((last, "0"));
    let mut seconds = i128::from(number(whole, Part::Seconds)?);
    let minutes = parts.next().map(|text| number(text, Part::Minutes)).transpose()?;
    let hours = parts.next().map(|text| number(text, Part::Hours)).transpose()?;
    if parts.next().is_some() {
        return Err(TimeTextError::Form);
    }
    let below_sixty = |value: i64, part| {
        if value < 60 { Ok(()) } else { Err(TimeTextError::Sixty { part, value: value.unsigned_abs() }) }
    };
    if let Some(minutes) = minutes {
        below_sixty(number(whole, Part::Seconds)?, Part::Seconds)?;
        seconds += 60 * i128::from(minutes);
    }
    if let (Some(minutes), Some(hours)) = (minutes, hours) {
        below_sixty(minutes, Part::Minutes)?;
        seconds += 3_600 * i128::from(hours);
    }
    if decimals.len() > 18 {
        return Err(TimeTextError::Decimals);
    }
    let scale = (0..decimals.len()).fold(1i128, |scale, _| scale * 10);
    // Whole seconds are whole frames; only what is behind the point is rounded, so that nothing here can overflow.
    let sign = if negative { -1 } else { 1 };
    let whole = sign * seconds * i128::from(rate.hz());
    let fraction = sign * i128::from(number(decimals, Part::Seconds)?) * i128::from(rate.hz());
    in_range(whole + (2 * fraction + scale).div_euclid(2 * scale))
}

/// Decimal digits only, up to 10¹⁸ − 1: no sign, no space.
fn number(text: &str, part: Part) -> Result<i64, TimeTextError> {
    if text.is_empty() || text.len() > 18 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(TimeTextError::Number(part));
    }
    text.parse().map_err(|_| TimeTextError::Number(part))
}

/// A frame shown as `hh:mm:ss.mmm`, the milliseconds rounded towards zero, with `-` before the start.
///
/// ```
/// use omega_time::{ClockTime, Frames, SampleRate};
/// let clock = ClockTime { frame: Frames(3_000_000), rate: SampleRate::HZ_48000 };
/// assert_eq!(clock.to_string(), "00:01:02.500");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockTime {
    /// The frame.
    pub frame: Frames,
    /// The session's rate.
    pub rate: SampleRate,
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (frames, rate) = (self.frame.0.unsigned_abs(), u64::from(self.rate.hz()));
        let (seconds, millis) = (frames / rate, frames % rate * 1_000 / rate);
        let sign = if self.frame < Frames::ZERO { "-" } else { "" };
        write!(f, "{sign}{:02}:{:02}:{:02}.{millis:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
    }
}
