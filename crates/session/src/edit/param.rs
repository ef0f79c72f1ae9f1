//! What the parameters of devices take, where the kind of a device is known.

use omega_processor::{ParamInfo, Taper, Unit};

use crate::model::{BYPASS, Device, limits};

/// The parameters of a kind of device; `None` for a kind that is not known here (a plugin, a device of a newer version),
/// which takes any value.
///
/// A document knows no devices. Whoever does hands this over with `Document::check_params_with`.
pub type ParamsOf = fn(kind: &str) -> Option<Vec<ParamInfo>>;

/// Knows no device.
pub(crate) fn of_no_device(_: &str) -> Option<Vec<ParamInfo>> {
    None
}

/// What a parameter of a device takes: `Ok(None)` where the kind is not known. A device's bypass counts as a parameter
/// where `automated`, because a lane can move it.
fn info(params: ParamsOf, kind: &str, key: &str, automated: bool) -> Result<Option<ParamInfo>, String> {
    let Some(all) = params(kind) else { return Ok(None) };
    if automated && key == BYPASS {
        return Ok(Some(ParamInfo::new(BYPASS, "Bypass", Unit::None, [0.0, 1.0], 0.0).taper(Taper::Toggle)));
    }
    if let Some(info) = all.iter().find(|info| info.key == key) {
        return Ok(Some(info.clone()));
    }
    let mut keys: Vec<&str> = all.iter().map(|info| &*info.key).collect();
    keys.extend(automated.then_some(BYPASS));
    if keys.is_empty() {
        return Err(format!("{kind} has no parameters"));
    }
    let near =
        nearest(key, &keys).map_or_else(|| "; it".to_owned(), |near| format!("; did you mean {near:?}? It"));
    Err(format!("{kind} has no parameter {key:?}{near} has {}", keys.join(", ")))
}

/// Checks that a device has this parameter.
pub(super) fn check_key(params: ParamsOf, device: &Device, key: &str, automated: bool) -> Result<(), String> {
    info(params, &device.kind, key, automated).map(drop)
}

/// Checks a value against what the parameter of a device takes.
pub(super) fn check_value(
    params: ParamsOf,
    device: &Device,
    key: &str,
    value: f64,
    automated: bool,
) -> Result<(), String> {
    match info(params, &device.kind, key, automated)? {
        Some(info) if !(info.min..=info.max).contains(&value) => {
            Err(format!("{value:?} is out of range: {key:?} takes {}", range(&info)))
        }
        _ => Ok(()),
    }
}

/// The range of a parameter with its unit, or its choices.
fn range(info: &ParamInfo) -> String {
    let (min, max) = (info.min, info.max);
    match &info.taper {
        Taper::Toggle => "0 (off) or 1 (on)".to_owned(),
        Taper::Choice(names) if !names.is_empty() => {
            let choice = |(n, name): (usize, &std::borrow::Cow<'static, str>)| {
                // Choices are few and their numbers small.
                format!("{} ({name})", min + f64::from(u32::try_from(n).unwrap_or(u32::MAX)))
            };
            names.iter().enumerate().map(choice).collect::<Vec<_>>().join(", ")
        }
        _ => format!("{min} to {max}{}", unit(info.unit)),
    }
}

const fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::None => "",
        Unit::Decibels => " dB",
        Unit::Hertz => " Hz",
        Unit::Milliseconds => " ms",
        Unit::Frames => " frames",
        Unit::Percent => " (1 is 100 %)",
        Unit::Ratio => " to 1",
        Unit::Pan => " (left to right)",
        Unit::Degrees => " degrees",
    }
}

/// The key that a mistyped one was most likely meant to be: the one with the fewest letters to change, if those are few.
fn nearest<'a>(key: &str, keys: &[&'a str]) -> Option<&'a str> {
    let wanted = key.to_lowercase();
    let most = (wanted.chars().count() / 3).max(2);
    let near = keys.iter().map(|known| (distance(&wanted, &known.to_lowercase(), most), *known));
    near.filter(|(changes, _)| *changes <= most).min_by_key(|(changes, _)| *changes).map(|(_, known)| known)
}

/// How many letters have to be put in, taken out or replaced to make one text of the other (Levenshtein). More than `most`
/// is not told apart.
fn distance(a: &str, b: &str, most: usize) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > most || a.len().max(b.len()) > limits::MAX_NAME {
        return most + 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (n, x) in a.iter().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], n + 1);
        for (m, y) in b.iter().enumerate() {
            let change = corner + usize::from(x != y);
            corner = row[m + 1];
            row[m + 1] = change.min(row[m] + 1).min(corner + 1);
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_understood_and_something_else_is_not() {
        let keys = ["low.gain", "low.freq", "high.gain", "output"];
        assert_eq!(nearest("low.gian", &keys), Some("low.gain"));
        assert_eq!(nearest("LOW.FREQ", &keys), Some("low.freq"));
        assert_eq!(nearest("outptu", &keys), Some("output"));
        assert_eq!(nearest("reverb", &keys), None);
        assert_eq!(nearest("", &keys), None);
        for (a, b, changes) in [("", "", 0), ("abc", "abc", 0), ("abc", "acb", 2), ("kitten", "sitting", 3)] {
            assert_eq!((distance(a, b, 9), distance(b, a, 9)), (changes, changes), "{a} {b}");
        }
    }

    #[test]
    fn a_range_is_told_with_its_unit() {
        let gain = ParamInfo::new("gain", "Gain", Unit::Decibels, [-60.0, 12.5], 0.0);
        assert_eq!(range(&gain), "-60 to 12.5 dB");
        assert_eq!(range(&gain.clone().taper(Taper::Toggle)), "0 (off) or 1 (on)");
        let names = ["bell", "shelf"].map(std::borrow::Cow::Borrowed).to_vec();
        let choice = ParamInfo::new("type", "Type", Unit::None, [0.0, 1.0], 0.0).taper(Taper::Choice(names));
        assert_eq!(range(&choice), "0 (bell), 1 (shelf)");
    }
}
