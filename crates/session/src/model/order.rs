//! Keys that put siblings in an order of their own, so that moving one changes one fact.

use std::fmt;
use std::str::FromStr;

use super::fact::{serde_text, text_fact};

const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const LONGEST: usize = 1_000;

/// Where an item stands among its siblings: they are sorted by this text, and by id where it is equal.
///
/// A key is an integer and a fraction in base 36. The integer begins with a letter that tells its sign and length
/// (`n` for one digit, `o` for two …, `m`, `l` … below zero), so that the order of texts is the order of numbers, and
/// there is always a key before, after and between two different keys. The empty key comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct OrderKey(Box<str>);

text_fact!(OrderKey => "an order key");
serde_text!(OrderKey);

impl fmt::Display for OrderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for OrderKey {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() <= LONGEST && text.bytes().all(|b| DIGITS.contains(&b)) {
            Ok(Self(text.into()))
        } else {
            Err("it is up to 1000 characters of 0-9 and a-z")
        }
    }
}

impl OrderKey {
    /// The `n`-th of evenly spaced keys; any two follow each other as their numbers do.
    #[must_use]
    pub fn nth(n: i64) -> Self {
        Self(write_integer(n).into())
    }

    /// A key after `before` and before `after`; `None` stands for no neighbour on that side.
    ///
    /// `None` is returned where there is none: the keys are equal, in the wrong order, not of this form (written by
    /// hand), or grew too long. The siblings then want new keys from [`OrderKey::nth`].
    #[must_use]
    pub fn between(before: Option<&Self>, after: Option<&Self>) -> Option<Self> {
        let key = match (before, after) {
            (None, None) => write_integer(0),
            (Some(before), None) => write_integer(split(&before.0)?.0.checked_add(1)?),
            (None, Some(after)) => write_integer(split(&after.0)?.0.checked_sub(1)?),
            (Some(before), Some(after)) => {
                let ((low, fraction), (high, upper)) = (split(&before.0)?, split(&after.0)?);
                if low.checked_add(1)? < high {
                    write_integer(low.checked_add(1)?)
                } else {
                    let upper = if low == high { Some(upper) } else { None };
                    write_integer(low) + &middle(fraction, upper)
                }
            }
        };
        let fits = before.is_none_or(|before| *before.0 < *key) && after.is_none_or(|after| *key < *after.0);
        (fits && key.len() <= LONGEST).then(|| Self(key.into()))
    }
}

fn digit(byte: u8) -> Option<usize> {
    DIGITS.iter().position(|&d| d == byte)
}

/// The integer and the digits of the fraction.
fn split(key: &str) -> Option<(i64, &[u8])> {
    let (&head, rest) = key.as_bytes().split_first()?;
    let negative = head < b'n';
    let length = usize::from(if negative { b'm'.checked_sub(head)? } else { head.checked_sub(b'n')? }) + 1;
    let (integer, fraction) = rest.split_at_checked(length)?;
    let mut magnitude: i64 = 0;
    for &byte in integer {
        let value = digit(byte)?;
        let value = i64::try_from(if negative { 35 - value } else { value }).ok()?;
        magnitude = magnitude.checked_mul(36)?.checked_add(value)?;
    }
    Some((if negative { -1 - magnitude } else { magnitude }, fraction))
}

fn write_integer(n: i64) -> String {
    let negative = n < 0;
    let mut magnitude = if negative { -1 - n } else { n };
    let mut digits = Vec::new();
    loop {
        let value = usize::try_from(magnitude % 36).unwrap_or(0);
        digits.push(DIGITS[if negative { 35 - value } else { value }]);
        magnitude /= 36;
        if magnitude == 0 {
            break;
        }
    }
    let length = u8::try_from(digits.len()).unwrap_or(13) - 1;
    digits.push(if negative { b'm' - length } else { b'n' + length });
    digits.iter().rev().map(|&b| char::from(b)).collect()
}

/// Digits of a fraction above `low` and below `high` (`None`: below one), not ending in zero.
fn middle(low: &[u8], high: Option<&[u8]>) -> String {
    let mut result = String::new();
    let mut high = high;
    for place in 0.. {
        let below = low.get(place).and_then(|&b| digit(b)).unwrap_or(0);
        let above = match high {
            Some(high) => high.get(place).and_then(|&b| digit(b)).unwrap_or(0),
            None => 36,
        };
        if above > below + 1 {
            result.push(char::from(DIGITS[below.midpoint(above)]));
            break;
        }
        result.push(char::from(DIGITS[below]));
        if above > below {
            high = None;
        } else if above < below || place > LONGEST {
            break;
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_numbers_are_ordered_as_the_numbers() {
        let mut numbers: Vec<i64> = (-3_000..3_000).collect();
        numbers.extend([i64::MIN, i64::MIN + 1, -1_000_000, 1_000_000, i64::MAX - 1, i64::MAX]);
        numbers.sort_unstable();
        let keys: Vec<OrderKey> = numbers.iter().map(|&n| OrderKey::nth(n)).collect();
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
        for (n, key) in numbers.iter().zip(&keys) {
            assert_eq!(split(&key.0), Some((*n, &b""[..])));
        }
    }

    #[test]
    fn there_is_room_between_any_two_keys() {
        // Insert at pseudo-random places, always in front, always behind: order is kept and keys stay short.
        let mut state = 7_u64;
        let mut keys = vec![OrderKey::between(None, None).unwrap()];
        for n in 0..3_000_usize {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let place = match n % 4 {
                0 => 0,
                1 => keys.len(),
                2 => keys.len() / 2,
                _ => usize::try_from(state >> 33).unwrap() % (keys.len() + 1),
            };
            let before = place.checked_sub(1).map(|p| &keys[p]);
            let key = OrderKey::between(before, keys.get(place)).unwrap();
            keys.insert(place, key);
        }
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(
            keys.iter().all(|key| key.0.len() < 400),
            "{}",
            keys.iter().map(|k| k.0.len()).max().unwrap()
        );
        let mut last = OrderKey::between(None, None).unwrap();
        for _ in 0..100_000 {
            last = OrderKey::between(Some(&last), None).unwrap();
        }
        assert!(last.0.len() <= 5, "appending keeps keys short: {last}");
    }

    #[test]
    fn foreign_or_equal_keys_have_no_room() {
        let key = |text: &str| text.parse::<OrderKey>().unwrap();
        assert_eq!(OrderKey::between(Some(&key("n1")), Some(&key("n1"))), None);
        assert_eq!(OrderKey::between(Some(&key("n2")), Some(&key("n1"))), None);
        for odd in ["", "z", "zz", "0", "n"] {
            assert_eq!(OrderKey::between(Some(&key(odd)), Some(&key("n1"))), None, "{odd:?}");
        }
        assert_eq!(
            OrderKey::between(Some(&key("n1")), Some(&key("n10"))),
            None,
            "nothing lies between x and x0"
        );
        assert!("A".parse::<OrderKey>().is_err() && "n-1".parse::<OrderKey>().is_err());
    }
}
