//! `omega unfinished`

use std::path::PathBuf;

use omega_studio::Studio;
use omega_studio::media::record::{FoundTake, NoteTake};
use serde_json::json;

use crate::failure::Failure;
use crate::output::Output;

/// Show takes that were never finished: what a crash, a full disk or a power cut left behind
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  omega unfinished Song.omega\n  omega unfinished Song.omega --recover\n  \
                        omega unfinished Song.omega --discard 20261129-064512-trk-1.wav\n\nTo recover puts what is there into the \
                        session, where it was recorded, as a step that can be undone. Nothing is ever discarded unasked."
)]
pub struct Unfinished {
    /// The session
    session: PathBuf,
    /// Put all of them into the session
    #[arg(long, conflicts_with = "discard")]
    recover: bool,
    /// Throw one away, by its file's name; this cannot be undone
    #[arg(long, value_name = "FILE")]
    discard: Vec<String>,
    /// Print them as JSON
    #[arg(long)]
    json: bool,
}

impl Unfinished {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        if self.recover {
            return recover(&mut output.open(&self.session)?, output);
        }
        if !self.discard.is_empty() {
            return self.throw_away(output);
        }
        let studio = output.read(&self.session)?;
        let (found, notes) = (studio.unfinished_takes()?, studio.unfinished_notes()?);
        if self.json {
            return output.json(&found.iter().map(one).chain(notes.iter().map(one_of_notes)).collect());
        }
        for take in &found {
            let seconds = take.frames as f64 / f64::from(take.log.rate.max(1));
            output.print(format_args!(
                "{}  {}  {seconds:.1} s  {} stretch(es), {} frames lost  begun {}{}",
                name(take),
                crate::output::plain(&take.log.name),
                take.log.stretches.len(),
                take.log.lost(),
                take.log.begun,
                take.problem.as_ref().map_or_else(String::new, |why| format!("  cannot be opened: {why}"))
            ))?;
        }
        for take in &notes {
            output.print(format_args!(
                "{}  {}  {} MIDI events  {} stretch(es), {} lost  begun {}",
                name_of_notes(take),
                crate::output::plain(&take.log.name),
                take.messages(),
                take.log.stretches.len(),
                take.log.lost,
                take.log.begun
            ))?;
        }
        if !found.is_empty() || !notes.is_empty() {
            output.say(format_args!("recover them: omega unfinished {} --recover", self.session.display()));
        }
        Ok(())
    }

    fn throw_away(&self, output: &Output) -> Result<(), Failure> {
        let mut studio = output.open(&self.session)?;
        let (found, notes) = (studio.unfinished_takes()?, studio.unfinished_notes()?);
        for file in &self.discard {
            if let Some(take) = notes.iter().find(|take| name_of_notes(take) == *file) {
                studio.discard_notes(take)?;
                output.say(format_args!("discarded {file}"));
                continue;
            }
            let take = found.iter().find(|take| name(take) == *file);
            let take = take.ok_or_else(|| {
                Failure::usage(format!("there is no take '{file}'; `omega unfinished` shows all"))
            })?;
            studio.discard_take(take)?;
            output.say(format_args!("discarded {file}"));
        }
        Ok(())
    }
}

/// Recovers all takes that can be; the failure of the last that cannot.
pub fn recover(studio: &mut Studio, output: &Output) -> Result<(), Failure> {
    let mut failure = None;
    for take in studio.unfinished_takes()? {
        match studio.recover_take(&take) {
            Ok(Some(kept)) => {
                output.say(format_args!(
                    "recovered {} of {}",
                    name(&take),
                    crate::output::plain(&take.log.name)
                ));
                kept.clips.iter().try_for_each(|clip| output.print(clip))?;
            }
            Ok(None) => {
                output.say(format_args!("note: {} holds no audio; it stays where it is", name(&take)));
            }
            Err(error) => failure = Some(error),
        }
    }
    for take in studio.unfinished_notes()? {
        match studio.recover_notes(&take) {
            Ok(kept) => {
                let track = crate::output::plain(&take.log.name);
                output.say(format_args!("recovered {} of {track}", name_of_notes(&take)));
                kept.clips.iter().try_for_each(|clip| output.print(clip))?;
            }
            Err(error) => failure = Some(error),
        }
    }
    studio.save()?;
    failure.map_or(Ok(()), |error| Err(error.into()))
}

/// What a take is called.
fn name(take: &FoundTake) -> String {
    let file = take.log_file.as_ref().map_or_else(|| take.file.clone(), |log| log.with_extension("wav"));
    file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn name_of_notes(take: &NoteTake) -> String {
    take.file.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn one_of_notes(take: &NoteTake) -> serde_json::Value {
    let mut value = super::kept::notes_json(take);
    value["file"] = name_of_notes(take).into();
    value
}

fn one(take: &FoundTake) -> serde_json::Value {
    let stretches: Vec<_> = take
        .log
        .stretches
        .iter()
        .map(|s| json!({"at": s.at, "position": s.position, "frames": s.frames}))
        .collect();
    json!({
        "file": name(take), "track": take.log.track, "name": take.log.name, "rate": take.log.rate,
        "channels": take.log.channels, "frames": take.frames, "lost": take.log.lost(), "begun": take.log.begun,
        "stretches": stretches, "problem": take.problem,
    })
}
