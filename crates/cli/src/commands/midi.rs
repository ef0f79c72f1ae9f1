//! `omega midi import` and `omega midi export`

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use omega_studio::interchange::midi::{MAX_FILE, Place, read, to_edits, write};
use omega_studio::session::TrackId;
use serde_json::json;

use crate::failure::Failure;
use crate::output::{Output, plain};
use crate::parse;

/// Bring MIDI files into a session, and write them
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  omega midi import Song.omega verse.mid --tempo\n  \
                        omega midi import Song.omega riff.mid --track keys --at '5|1|0'\n  \
                        omega midi export Song.omega song.mid --track keys --track bass\n\n\
                        Notes, controllers, programs, bends and pressures come along; `omega edit Song.omega device.add \
                        --track ID --clap ID` gives a track the instrument that plays them.")]
pub struct Midi {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    Import(Import),
    Export(Export),
}

/// Bring a MIDI file into a session: a track with a clip for each of its tracks
#[derive(clap::Args)]
struct Import {
    /// The session
    session: PathBuf,
    /// The MIDI file
    file: PathBuf,
    /// All of it onto this track, by id or name [default: a new track for each]
    #[arg(long, value_name = "TRACK")]
    track: Option<String>,
    /// Where it begins: 5|1|0, 0:12.5, 3s, 48000f, 80640t
    #[arg(long, value_name = "TIME", default_value = "0t", allow_hyphen_values = true)]
    at: String,
    /// Its tempos and time signatures take the place of the session's; it has to begin at the start then
    #[arg(long)]
    tempo: bool,
    /// Print what was imported as JSON
    #[arg(long)]
    json: bool,
}

/// Write the notes of a session, as they are heard, into a MIDI file
#[derive(clap::Args)]
struct Export {
    /// The session
    session: PathBuf,
    /// The MIDI file; it must not be there yet
    file: PathBuf,
    /// Only this track, by id or name; can be given more than once [default: all with notes]
    #[arg(long, value_name = "TRACK")]
    track: Vec<String>,
}

impl Midi {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        match self.what {
            What::Import(import) => import.run(output),
            What::Export(export) => export.run(output),
        }
    }
}

impl Import {
    fn run(self, output: &Output) -> Result<(), Failure> {
        let bytes = load(&self.file)?;
        let named =
            |error: &dyn std::fmt::Display| Failure::failed(format!("'{}': {error}", self.file.display()));
        let file = read(&bytes).map_err(|error| named(&error))?;
        let mut studio = output.open(&self.session)?;
        let project = studio.project();
        let map = project.tempo_map();
        let track = self.track.as_deref().map(|track| parse::track(&project, track)).transpose()?;
        let at = map.tick_of(parse::point(&map, "--at", &self.at)?);
        if self.tempo && at.0 != 0 {
            return Err(Failure::usage(
                "--tempo: a file that brings its tempo begins at the start; leave --at out",
            ));
        }
        let name = self.file.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
        let place = Place { track, at, tempo: self.tempo };
        let edits = to_edits(&file, &project, &place, &name);
        if edits.is_empty() {
            return Err(named(&"there is nothing in it that a session can hold"));
        }
        studio.apply("midi.import", &edits)?;
        studio.save()?;
        if file.cut > 0 {
            output.say(format_args!(
                "note: {} tracks of the file are cut or damaged; what could be read is there",
                file.cut
            ));
        }
        if file.unreleased > 0 {
            output.say(format_args!(
                "note: {} notes are never released; they end with their track",
                file.unreleased
            ));
        }
        if file.left_out > 0 {
            output.say(format_args!(
                "note: {} events have no place in a session (lyrics, keys, system exclusive)",
                file.left_out
            ));
        }
        if self.json {
            let tracks = file.tracks.iter().map(|track| {
                json!({"name": track.name, "notes": track.notes.len(), "controls": track.controls.len()})
            });
            return output.json(&json!({"tracks": tracks.collect::<Vec<_>>(), "left_out": file.left_out,
                "unreleased": file.unreleased, "cut": file.cut}));
        }
        file.tracks.iter().try_for_each(|track| {
            let (notes, controls) = (track.notes.len(), track.controls.len());
            output
                .print(format_args!("'{}'\t{notes} notes, {controls} controller points", plain(&track.name)))
        })
    }
}

impl Export {
    fn run(self, output: &Output) -> Result<(), Failure> {
        let studio = output.read(&self.session)?;
        let project = studio.project();
        let chosen = self.track.iter().map(|track| parse::track(&project, track));
        let mut tracks: Vec<TrackId> = chosen.collect::<Result<_, _>>()?;
        if tracks.is_empty() {
            let with_notes = |id: &TrackId| project.clips_on(id).any(|(_, clip)| clip.has_notes());
            tracks = project.tree().into_iter().map(|(_, id, _)| id.clone()).filter(with_notes).collect();
        }
        let bytes = write(&project, &tracks).map_err(|error| Failure::failed(error.to_string()))?;
        store(&self.file, &bytes)
            .map_err(|error| Failure::failed(format!("cannot write '{}': {error}", self.file.display())))?;
        output.print(format_args!(
            "{}: {} tracks, {} bytes",
            plain(self.file.display()),
            tracks.len(),
            bytes.len()
        ))
    }
}

/// A file that is not larger than one that is read.
fn load(path: &Path) -> Result<Vec<u8>, Failure> {
    use std::io::Read;
    let failed =
        |error: std::io::Error| Failure::failed(format!("cannot read '{}': {error}", path.display()));
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(Failure::failed(format!("'{}' is no file", path.display())));
    }
    let mut bytes = Vec::new();
    let most = u64::try_from(MAX_FILE).unwrap_or(u64::MAX).saturating_add(1);
    std::fs::File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)).map_err(failed)?;
    Ok(bytes)
}

/// Writes a new file, whole or not at all.
fn store(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::File::create_new(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        // What is there is a part of a file of our own.
        let _ = std::fs::remove_file(path);
    }
    written
}
