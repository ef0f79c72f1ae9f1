//! Tempo as an exact number.

use core::fmt;
use core::str::FromStr;

/// A tempo in quarter notes per minute (BPM), 1 to 1,000 inclusive, stored as an exact reduced fraction.
///
/// Both terms fit `u32`. That holds exactly every decimal with up to six
/// places (`133.333`) *and* every MIDI tempo (60,000,000 / microseconds per quarter note), so neither what is
/// typed nor what is imported is rounded. Equal tempos have equal fields.
///
/// As text it is the shortest decimal (`120`, `97.5`, `133.333`) or, where the decimals never end, the
/// fraction (`10000000/76923`). Serde uses the same text. Every method is real-time safe.
///
/// ```
/// use omega_time::Tempo;
/// let tempo: Tempo = "133.333".parse()?;
/// assert_eq!(tempo.to_string(), "133.333");
/// assert_eq!(Tempo::from_micros_per_quarter(461_538)?.to_string(), "10000000/76923");
/// # Ok::<(), omega_time::TempoError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tempo {
    numerator: u32,
    denominator: u32,
}

/// Why a tempo was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TempoError {
    /// Slower than 1 or faster than 1,000 BPM, or no number at all.
    #[error("a tempo is 1 to 1000 BPM")]
    Range,
    /// The reduced fraction needs a term above `u32::MAX`.
    #[error("a tempo has at most six decimals, or a fraction with terms up to 4294967295")]
    Precision,
    /// The text is no tempo.
    #[error("a tempo is written like 120, 97.5 or 40000/333")]
    Text,
}

impl Tempo {
    /// 120 BPM, the tempo of a new session.
    pub const DEFAULT: Self = Self { numerator: 120, denominator: 1 };
    /// The slowest tempo, 1 BPM.
    pub const MIN: Self = Self { numerator: 1, denominator: 1 };
    /// The fastest tempo, 1,000 BPM.
    pub const MAX: Self = Self { numerator: 1_000, denominator: 1 };

    /// `numerator / denominator` BPM.
    ///
    /// # Errors
    /// [`TempoError::Range`] outside 1..=1,000 BPM or with denominator 0;
    /// [`TempoError::Precision`] if a reduced term is above `u32::MAX`.
    pub const fn new(numerator: u64, denominator: u64) -> Result<Self, TempoError> {
        if denominator == 0 || numerator < denominator || numerator as u128 > 1_000 * denominator as u128 {
            return Err(TempoError::Range);
        }
        let divisor = gcd(numerator, denominator);
        let (numerator, denominator) = (numerator / divisor, denominator / divisor);
        if numerator > u32::MAX as u64 || denominator > u32::MAX as u64 {
            return Err(TempoError::Precision);
        }
        #[allow(clippy::cast_possible_truncation, reason = "both were just checked to fit")]
        Ok(Self { numerator: numerator as u32, denominator: denominator as u32 })
    }

    /// A whole number of BPM.
    ///
    /// # Errors
    /// [`TempoError::Range`] outside 1..=1,000.
    pub const fn bpm(bpm: u32) -> Result<Self, TempoError> {
        Self::new(bpm as u64, 1)
    }

    /// The tempo of a MIDI file, exact.
    ///
    /// # Errors
    /// [`TempoError::Range`] outside 60,000..=60,000,000 µs.
    pub const fn from_micros_per_quarter(micros: u32) -> Result<Self, TempoError> {
        Self::new(60_000_000, micros as u64)
    }

    /// The nearest tempo with six decimals (ties away from zero). For the edges: a knob, a foreign project.
    ///
    /// # Errors
    /// [`TempoError::Range`] outside 1..=1,000 BPM and for what is no number.
    pub fn from_bpm_f64(bpm: f64) -> Result<Self, TempoError> {
        if !(1.0..=1_000.0).contains(&bpm) {
            return Err(TempoError::Range);
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range 0 to 10^9 + 1")]
        let steps = (bpm * 1_000_000.0 + 0.5) as u64;
        Self::new(steps, 1_000_000)
    }

    /// The representable tempo nearest to `numerator / denominator` BPM, found along its continued fraction; held in
    /// 1..=1,000. Its relative error is below 3 · 10⁻¹⁰ (usually far smaller) and 0 where it is representable.
    #[must_use]
    pub fn nearest(numerator: u128, denominator: u128) -> Self {
        if numerator <= denominator {
            return Self::MIN;
        }
        if numerator / 1_000 >= denominator {
            return Self::MAX;
        }
        // Convergents h/k of the continued fraction, until a term grows beyond the limit.
        let (mut n, mut d) = (numerator, denominator);
        let (mut h0, mut k0, mut h1, mut k1) = (0u128, 1u128, 1u128, 0u128);
        let limit = u128::from(u32::MAX);
        while d != 0 {
            // The largest part that keeps the numerator (the larger term, as the tempo is 1 or more) in range:
            // a part cut short is a semiconvergent, still nearer than the convergent before it or as good.
            let whole = n / d;
            // Never zero; the compiler is told so.
            let room = (limit - h0) / h1.max(1);
            let part = whole.min(room);
            if part == 0 || (part < whole && 2 * part < whole) {
                break;
            }
            (h0, h1) = (h1, part * h1 + h0);
            (k0, k1) = (k1, part * k1 + k0);
            if part < whole {
                break;
            }
            (n, d) = (d, n % d);
        }
        match (u64::try_from(h1), u64::try_from(k1)) {
            (Ok(h), Ok(k)) => Self::new(h, k).unwrap_or(Self::MAX),
            _ => Self::MAX,
        }
    }

    /// The numerator of the reduced BPM fraction.
    #[must_use]
    pub const fn numerator(self) -> u32 {
        self.numerator
    }

    /// The denominator of the reduced BPM fraction.
    #[must_use]
    pub const fn denominator(self) -> u32 {
        self.denominator
    }

    /// The tempo in BPM as the nearest floating-point number.
    #[must_use]
    pub fn as_bpm_f64(self) -> f64 {
        f64::from(self.numerator) / f64::from(self.denominator)
    }

    /// The period of a quarter note in microseconds, rounded half up: what a MIDI file stores.
    #[must_use]
    pub const fn micros_per_quarter(self) -> u32 {
        let (n, d) = (self.numerator as u64, self.denominator as u64);
        #[allow(clippy::cast_possible_truncation, reason = "the tempo is at least 1 BPM: at most 60,000,000")]
        let micros = ((2 * 60_000_000 * d + n) / (2 * n)) as u32;
        micros
    }
}

/// Greatest common divisor; 0 and n give n.
pub(crate) const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Default for Tempo {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Faster is greater.
impl Ord for Tempo {
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        let cross = |a: u32, b: u32| u64::from(a) * u64::from(b);
        cross(self.numerator, other.denominator).cmp(&cross(other.numerator, self.denominator))
    }
}

impl PartialOrd for Tempo {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Tempo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, d) = (u64::from(self.numerator), u64::from(self.denominator));
        if d == 1 {
            return write!(f, "{n}");
        }
        let (mut scale, mut places) = (1, 0);
        while scale % d != 0 && places < 10 {
            scale *= 10;
            places += 1;
        }
        if scale % d != 0 {
            return write!(f, "{n}/{d}");
        }
        write!(f, "{}.{:0places$}", n / d, n % d * (scale / d))
    }
}

impl FromStr for Tempo {
    type Err = TempoError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Some((top, bottom)) = text.split_once('/') {
            return Self::new(digits(top)?, digits(bottom)?);
        }
        let (whole, places) = text.split_once('.').unwrap_or((text, ""));
        if text.ends_with('.') {
            return Err(TempoError::Text);
        }
        let places = places.trim_end_matches('0');
        let mut scale = 1u64;
        for _ in places.chars() {
            scale = scale.checked_mul(10).ok_or(TempoError::Precision)?;
        }
        let fraction = if places.is_empty() { 0 } else { digits(places)? };
        let whole = digits(whole)?.checked_mul(scale).ok_or(TempoError::Range)?;
        Self::new(whole.checked_add(fraction).ok_or(TempoError::Range)?, scale)
    }
}

/// Decimal digits only: no sign, no space, no exponent.
fn digits(text: &str) -> Result<u64, TempoError> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(TempoError::Text);
    }
    text.parse().map_err(|_| TempoError::Range)
}

crate::as_text::serde_as_text!(Tempo, "a tempo in BPM as text, like \"120\" or \"97.5\"");

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn text_is_exact_both_ways() {
        for text in
            ["1", "1000", "120", "97.5", "133.333", "60.000001", "999.999999", "10000000/76923", "40000/333"]
        {
            let tempo: Tempo = text.parse().unwrap();
            assert_eq!(tempo.to_string(), text);
        }
        assert_eq!("120.50000".parse::<Tempo>().unwrap().to_string(), "120.5");
        assert_eq!("1.00000".parse::<Tempo>().unwrap(), Tempo::MIN);
    }

    #[test]
    fn refuses_what_is_no_tempo() {
        let cases = [
            ("0", TempoError::Range),
            ("0.999999", TempoError::Range),
            ("1000.000001", TempoError::Range),
            ("1/0", TempoError::Range),
            ("99999999999999999999", TempoError::Range),
            ("999.9999999", TempoError::Precision),
            ("1.0000000000000000000000000000000001", TempoError::Precision),
            ("", TempoError::Text),
            ("-120", TempoError::Text),
            ("+120", TempoError::Text),
            ("1e2", TempoError::Text),
            ("120.", TempoError::Text),
            (".5", TempoError::Text),
            ("12 0", TempoError::Text),
            ("NaN", TempoError::Text),
            ("1٢", TempoError::Text),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Tempo>(), Err(error), "{text:?}");
        }
        for bad in [f64::NAN, f64::INFINITY, -1.0, 0.0, 0.999, 1000.1] {
            assert_eq!(Tempo::from_bpm_f64(bad), Err(TempoError::Range));
        }
    }

    #[test]
    fn midi_tempos_survive_a_round_trip() {
        for micros in (60_000..=60_000_000).step_by(4_999) {
            assert_eq!(Tempo::from_micros_per_quarter(micros).unwrap().micros_per_quarter(), micros);
        }
    }

    #[test]
    fn nearest_is_exact_where_it_can_be_and_close_elsewhere() {
        assert_eq!(Tempo::nearest(133_333, 1_000), "133.333".parse().unwrap());
        assert_eq!(Tempo::nearest(1, 5), Tempo::MIN);
        assert_eq!(Tempo::nearest(u128::MAX, 1), Tempo::MAX);
        let mut state = 1u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let d = u128::from(state | 1) << (state % 29);
            let n = d + (d >> (state % 7)) * u128::from(state >> 57) + u128::from(state);
            let near = Tempo::nearest(n, d);
            let exact = (n as f64 / d as f64).clamp(1.0, 1000.0);
            assert!((near.as_bpm_f64() / exact - 1.0).abs() < 3e-10, "{n}/{d}: {near}");
        }
    }
}
