//! `omega info`

use std::path::PathBuf;

use omega_studio::foreign_devices;
use omega_studio::session::{Project, TrackId};
use serde_json::json;

use crate::failure::Failure;
use crate::output::{Output, plain};

/// Say what is in a session
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  omega info Song.omega\n  omega info Song.omega --json | jq .project.tracks"
)]
pub struct Info {
    /// The session
    session: PathBuf,
    /// Print all of it as JSON
    #[arg(long)]
    json: bool,
}

impl Info {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        let studio = output.read(&self.session)?;
        let project = studio.project();
        let end = end(&project);
        let rate = project.sample_rate();
        if self.json {
            let counts = json!({"tracks": project.tracks().len(), "clips": project.clips().len(),
                "takes": project.takes().len(),
                "devices": project.devices().len(), "sends": project.sends().len(), "lanes": project.lanes().len(),
                "media": project.media().len()});
            let notes: Vec<_> = project.tree().into_iter().filter_map(|(_, id, _)| {
                let notes = Notes::on(&project, id)?;
                Some(json!({"track": id, "clips": notes.clips, "notes": notes.count, "controls": notes.controls,
                    "lowest_key": notes.keys.map(|keys| keys.0), "highest_key": notes.keys.map(|keys| keys.1)}))
            }).collect();
            let foreign: Vec<_> = foreign_devices(&project)
                .into_iter()
                .map(|(track, plugin)| json!({"track": track, "plugin": plugin}))
                .collect();
            return output.json(
                &json!({"session": self.session.display().to_string(), "frames": end, "seconds": end as f64 / rate.as_f64(),
                "foreign": foreign, "notes": notes,
                "sample_rate": rate.hz(), "counts": counts, "project": project.to_json()}),
            );
        }
        let settings = project.settings();
        let map = project.tempo_map();
        let start = omega_studio::time::Ticks(0);
        output.print(format_args!(
            "{}: {} Hz, {:.1} s, {:.2} BPM, {}",
            plain(&settings.name),
            rate.hz(),
            end as f64 / rate.as_f64(),
            map.tempo_at(start).as_bpm_f64(),
            map.signature_at(start)
        ))?;
        let takes = match project.takes().len() {
            0 => String::new(),
            count => format!(" ({count} takes)"),
        };
        output.print(format_args!(
            "{} tracks, {} clips{takes}, {} devices, {} sends, {} lanes, {} media files",
            project.tracks().len(),
            project.clips().len(),
            project.devices().len(),
            project.sends().len(),
            project.lanes().len(),
            project.media().len()
        ))?;
        for (depth, id, track) in project.tree() {
            let devices: Vec<&str> = project.chain(id).map(|(_, device)| device.kind.as_str()).collect();
            output.print(format_args!(
                "{:indent$}{id}  {}  '{}'  {:.1} dB, {} clips{}{}{}{}",
                "",
                track.kind,
                plain(&track.name),
                track.volume_db,
                project.clips_on(id).count(),
                match project.takes_of(id).count() {
                    0 => String::new(),
                    count => format!(" ({count} takes)"),
                },
                Notes::on(&project, id).map_or_else(String::new, |notes| notes.to_string()),
                if devices.is_empty() { "" } else { ", " },
                devices.join(" → "),
                indent = 2 * depth
            ))?;
        }
        for (track, plugin) in foreign_devices(&project) {
            output.print(format_args!(
                "'{}' has {}: a plugin of others, so its sound is outside what a render promises of its bytes",
                plain(&track),
                plain(&plugin)
            ))?;
        }
        let missing = project.media().values().filter(|media| !studio.root().join(&media.file).is_file());
        for media in missing {
            output.say(format_args!(
                "missing: {}; `omega edit … media.relink` says where it is",
                plain(&media.file)
            ));
        }
        Ok(())
    }
}

/// The first frame after the last clip that is heard.
fn end(project: &Project) -> i64 {
    let heard = project
        .tracks()
        .keys()
        .flat_map(|track| project.heard_on(track).into_iter().chain(project.notes_on(track)));
    heard.map(|part| part.end.0).max().unwrap_or(0).max(0)
}

/// What the clips of notes of a track hold.
#[derive(Default)]
struct Notes {
    clips: usize,
    count: usize,
    controls: usize,
    /// The lowest and the highest key.
    keys: Option<(u8, u8)>,
}

impl Notes {
    /// `None` where there is no such clip.
    fn on(project: &Project, track: &TrackId) -> Option<Self> {
        let mut all = Self::default();
        for (_, clip) in project.clips_on(track).filter(|(_, clip)| clip.has_notes()) {
            all.clips += 1;
            all.count += clip.notes.all().len();
            all.controls += clip.controls.all().len();
            for note in clip.notes.all() {
                let (low, high) = all.keys.unwrap_or((note.key, note.key));
                all.keys = Some((low.min(note.key), high.max(note.key)));
            }
        }
        (all.clips > 0).then_some(all)
    }
}

impl std::fmt::Display for Notes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, ", {} of notes ({} notes", self.clips, self.count)?;
        if let Some((low, high)) = self.keys {
            write!(f, ", keys {low} to {high}")?;
        }
        f.write_str(")")
    }
}
