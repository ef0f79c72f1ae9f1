//! Texts of options that need a session to be understood.

use std::ops::Range;

use omega_studio::session::{Project, TrackId};
use omega_studio::time::{TempoMap, TimePoint};

use crate::failure::Failure;

/// A place on the time line, in any form.
pub fn point(map: &TempoMap, option: &str, text: &str) -> Result<TimePoint, Failure> {
    map.parse_point(text).map_err(|error| Failure::usage(format!("{option} '{text}': {error}")))
}

/// A place in frames.
pub fn frame(map: &TempoMap, option: &str, text: &str) -> Result<i64, Failure> {
    point(map, option, text).map(|point| map.frame_of(point).0)
}

/// `A..B` in frames, with something between them.
pub fn range(map: &TempoMap, option: &str, text: &str) -> Result<Range<i64>, Failure> {
    let (from, to) = text.split_once("..").ok_or_else(|| {
        Failure::usage(format!(
            "{option} '{text}': a range is written A..B, such as 1|1|0..9|1|0 or 0:10..0:20"
        ))
    })?;
    let range = frame(map, option, from)?..frame(map, option, to)?;
    if range.is_empty() {
        return Err(Failure::usage(format!(
            "{option} '{text}': the range is empty; it ends after it begins"
        )));
    }
    Ok(range)
}

/// A track, by its id or by its name where that is the name of one track only.
pub fn track(project: &Project, text: &str) -> Result<TrackId, Failure> {
    if let Some(id) = TrackId::new(text).ok().filter(|id| project.track(id).is_some()) {
        return Ok(id);
    }
    let named: Vec<&TrackId> =
        project.tracks().iter().filter(|(_, track)| track.name == text).map(|(id, _)| id).collect();
    match named[..] {
        [one] => Ok(one.clone()),
        [] => {
            Err(Failure::usage(format!("there is no track '{text}'; `omega info` shows all with their ids")))
        }
        _ => Err(Failure::usage(format!("{} tracks are called '{text}'; give the id of one", named.len()))),
    }
}
