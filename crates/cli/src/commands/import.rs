//! `omega import`

use std::path::PathBuf;

use omega_studio::session::TrackId;
use serde_json::json;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Output, plain, thousandths};
use crate::parse;

/// Bring audio files into a session
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  omega import Song.omega drums.wav bass.flac --at '5|1|0'\n  \
                        omega import Song.omega take*.wav --track trk-1\n\nA file that cannot be read does not keep \
                        the others out; the exit code is 1 then.")]
pub struct Import {
    /// The session
    session: PathBuf,
    /// Audio files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// One behind the other on this track [default: a new track for each file]
    #[arg(long, value_name = "ID", conflicts_with = "pool_only")]
    track: Option<String>,
    /// Where the (first) clip begins: 5|1|0, 0:12.5, 3s, 48000f, 80640t
    #[arg(long, value_name = "TIME", default_value = "0t", allow_hyphen_values = true)]
    at: String,
    /// Only into the pool, without clips
    #[arg(long)]
    pool_only: bool,
    /// Print what was imported as JSON
    #[arg(long)]
    json: bool,
}

impl Import {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        let mut studio = output.open(&self.session)?;
        let project = studio.project();
        let track = self.track.as_deref().map(|id| track(&project, id)).transpose()?;
        let at = parse::point(&project.tempo_map(), "--at", &self.at)?;
        let options = omega_studio::Import { track, at, pool_only: self.pool_only };
        let interrupt = Interrupt::listen()?;
        let bar = output.bar();
        let report = studio.import(&self.files, &options, &mut |path, share| {
            bar.set_message(path.display().to_string());
            bar.set_position(thousandths(share));
            interrupt.flow()
        });
        bar.finish_and_clear();
        let report = report?;
        studio.save()?;
        if self.json {
            let imported = report.imported.iter().map(|file| {
                json!({"path": file.path.display().to_string(), "media": file.media.as_str(), "channels": file.info.channels,
                    "frames": file.info.frames, "track": file.track.as_ref().map(TrackId::as_str)})
            });
            let failed = report
                .failed
                .iter()
                .map(|file| json!({"path": file.path.display().to_string(), "why": file.why}));
            output.json(
                &json!({"imported": imported.collect::<Vec<_>>(), "failed": failed.collect::<Vec<_>>()}),
            )?;
        } else {
            for file in &report.imported {
                let track = file.track.as_ref().map_or("pool", TrackId::as_str);
                let (frames, channels) = (file.info.frames, file.info.channels);
                output.print(format_args!(
                    "{track}\t{}\t{frames} frames, {channels} channels",
                    plain(file.path.display())
                ))?;
            }
        }
        match report.failed.split_first() {
            None => Ok(()),
            Some((one, [])) => Err(Failure::failed(&one.why)),
            Some((first, others)) => {
                Err(Failure::failed(format!("{} (and {} more files failed)", first.why, others.len())))
            }
        }
    }
}

/// A track that is there.
pub fn track(project: &omega_studio::session::Project, id: &str) -> Result<TrackId, Failure> {
    match id.parse::<TrackId>() {
        Ok(id) if project.track(&id).is_some() => Ok(id),
        _ => Err(Failure::failed(format!("there is no track '{id}'; `omega info` lists the tracks"))),
    }
}
