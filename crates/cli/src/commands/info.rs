//! `omega info`

use std::path::PathBuf;

use omega_studio::foreign_devices;
use omega_studio::session::Project;
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
            let foreign: Vec<_> = foreign_devices(&project)
                .into_iter()
                .map(|(track, plugin)| json!({"track": track, "plugin": plugin}))
                .collect();
            return output.json(
                &json!({"session": self.session.display().to_string(), "frames": end, "seconds": end as f64 / rate.as_f64(),
                "foreign": foreign,
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
                "{:indent$}{id}  {}  '{}'  {:.1} dB, {} clips{}{}{}",
                "",
                track.kind,
                plain(&track.name),
                track.volume_db,
                project.clips_on(id).count(),
                match project.takes_of(id).count() {
                    0 => String::new(),
                    count => format!(" ({count} takes)"),
                },
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
    let heard = project.tracks().keys().flat_map(|track| project.heard_on(track));
    heard.map(|part| part.end.0).max().unwrap_or(0).max(0)
}
