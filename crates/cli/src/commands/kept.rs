//! What became of a recording: into the session, and told.

use omega_studio::media::record::{FinishedTake, NoteTake};
use omega_studio::{Kept, Recorded, Studio};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{Output, plain};

/// Puts what was recorded into the session, and tells.
pub fn keep(studio: &mut Studio, recorded: Recorded, as_json: bool, output: &Output) -> Result<(), Failure> {
    let (mut takes, mut notes, mut problems) = (Vec::new(), Vec::new(), Vec::new());
    for one in recorded.takes {
        match one {
            Ok(take) => takes.extend(take),
            Err(error) => problems.push(error.to_string()),
        }
    }
    for one in recorded.notes {
        match one {
            Ok(take) => notes.extend(take),
            Err(error) => problems.push(error.to_string()),
        }
    }
    let nothing = takes.is_empty() && notes.is_empty();
    let kept = if nothing { Kept::default() } else { studio.keep_recording(&takes, &notes)? };
    studio.save()?;
    if as_json {
        let ids =
            |ids: &[omega_studio::session::ClipId]| ids.iter().map(ToString::to_string).collect::<Vec<_>>();
        let passes: Vec<_> = kept.takes.iter().map(ToString::to_string).collect();
        output.json(&json!({
            "takes": takes.iter().map(take_json).collect::<Vec<_>>(),
            "midi": notes.iter().map(notes_json).collect::<Vec<_>>(),
            "clips": ids(&kept.clips), "passes": passes, "silenced": ids(&kept.silenced), "problems": problems,
        }))?;
    } else {
        takes.iter().for_each(|take| tell_take(take, output));
        notes.iter().for_each(|take| tell_notes(take, output));
        if !kept.takes.is_empty() {
            let (count, session) = (kept.takes.len(), studio.root().display());
            output.say(format_args!(
                "{count} take(s), of which the last whole one is heard: omega takes {session}"
            ));
        }
        kept.clips.iter().try_for_each(|clip| output.print(clip))?;
    }
    match problems.is_empty() {
        true if nothing => Err(Failure::failed("nothing was recorded")),
        true => Ok(()),
        false => Err(Failure::failed(problems.join("; "))),
    }
}

fn take_json(take: &FinishedTake) -> Value {
    let stretches = take.log.stretches.iter();
    let stretches = stretches.map(|s| json!({"position": s.position, "frames": s.frames, "at": s.at}));
    json!({"track": take.log.track, "name": take.log.name, "media": take.hash.to_string(), "frames": take.frames,
        "lost": take.log.lost(), "stretches": stretches.collect::<Vec<_>>()})
}

/// A take of MIDI, with its messages counted.
pub fn notes_json(take: &NoteTake) -> Value {
    let stretches = take.log.stretches.iter();
    let stretches = stretches
        .map(|s| json!({"position": s.position, "frames": s.end - s.position, "events": s.messages.len()}));
    json!({"track": take.log.track, "name": take.log.name, "events": take.messages(), "lost": take.log.lost,
        "begun": take.log.begun, "stretches": stretches.collect::<Vec<_>>()})
}

fn tell_take(take: &FinishedTake, output: &Output) {
    let seconds = take.frames as f64 / f64::from(take.log.rate.max(1));
    let lost = match take.log.lost() {
        0 => String::new(),
        lost => format!(", {lost} frames lost: the disk was too slow"),
    };
    let (name, clips) = (plain(&take.log.name), take.log.stretches.len());
    output.say(format_args!("{name}: {seconds:.1} s in {clips} clip(s){lost}"));
}

fn tell_notes(take: &NoteTake, output: &Output) {
    let lost = match take.log.lost {
        0 => String::new(),
        lost => format!(", {lost} lost: too many at once, or the disk was too slow"),
    };
    let (name, events, clips) = (plain(&take.log.name), take.messages(), take.log.stretches.len());
    output.say(format_args!("{name}: {events} MIDI events in {clips} clip(s){lost}"));
}
