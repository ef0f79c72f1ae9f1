//! `omega plugins`, and the worker process that hosts one.

use std::path::{Path, PathBuf};

use omega_studio::plugin::model::PluginInfo;
use omega_studio::plugin::preset::{Preset, PresetPlace};
use omega_studio::plugin::scan::{Scan, ScanOptions};
use omega_studio::plugin::{Way, WorkerProgram};
use omega_studio::session::DeviceId;
use omega_studio::{CLAP, PluginHosting, Studio, host_plugins, open_plugin, plugin_presets, scan_plugins};
use serde_json::json;

use crate::failure::Failure;
use crate::output::{Output, plain};

/// The hidden command that makes this program a worker.
const WORKER: &str = "plugin-worker";

/// Plugins are found in the usual places, and run in workers, which are this program again.
pub fn host() {
    if let Ok(program) = WorkerProgram::itself(&[WORKER]) {
        let scan = ScanOptions::new(program.clone());
        host_plugins(PluginHosting { way: Way::Worker(program), scan });
    }
}

/// Find plugins, and say what they are
#[derive(clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Examples:\n  omega plugins scan\n  omega plugins list --json | jq '.[].id'\n  omega plugins info \
                  com.zamaudio.ZaMaximX2\n  omega edit Song.omega device.add --track trk-1 --clap com.zamaudio.ZamTube\n  \
                  omega plugins load-preset Song.omega dev-1 --name 'Soft'\n\n\
                  CLAP plugins are looked for in $CLAP_PATH, ~/.clap, /usr/lib/clap and /usr/local/lib/clap."
)]
pub struct Plugins {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Look at what is new or changed, each file in a process of its own, and say what went wrong
    Scan {
        /// Look at everything again
        #[arg(long)]
        fresh: bool,
    },
    /// List the plugins there are
    List {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Open a plugin, and say what it is and what parameters it has
    Info {
        /// Its id
        id: String,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// List the presets of a plugin
    Presets {
        /// Its id
        id: String,
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Have a plugin of a session load a preset; undo takes it back
    LoadPreset {
        /// The session
        session: PathBuf,
        /// The device that is the plugin
        device: String,
        /// The preset, by the name that `omega plugins presets` shows
        #[arg(long, conflicts_with_all = ["file", "key"], required_unless_present = "file")]
        name: Option<String>,
        /// The file that the preset is in
        #[arg(long)]
        file: Option<PathBuf>,
        /// Which one of those in the file
        #[arg(long, requires = "file")]
        key: Option<String>,
    },
}

impl Plugins {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        match self.what {
            What::Scan { fresh } => report(&*scan(output, fresh)?, output),
            What::List { json } => list(&*scan(output, false)?, json, output),
            What::Info { id, json } => info(&id, json, output),
            What::Presets { id, json } => presets(&id, json, output),
            What::LoadPreset { session, device, name, file, key } => {
                let mut studio = output.open(&session)?;
                let id =
                    DeviceId::new(&device).map_err(|error| Failure::usage(format!("{device}: {error}")))?;
                let (name, place) = match (name, file) {
                    (Some(name), _) => {
                        let place = named(&studio, &id, &name)?;
                        (name, place)
                    }
                    (None, file) => by_file(&file.unwrap_or_default(), key)?,
                };
                studio.load_preset(&id, &place, &name)?;
                Ok(studio.save()?)
            }
        }
    }
}

fn scan(output: &Output, fresh: bool) -> Result<std::sync::Arc<Scan>, Failure> {
    let found = scan_plugins(fresh, &mut |file| output.say(format_args!("looking at {}", file.display())));
    found.map_err(|error| Failure::failed(format!("plugins cannot be looked for: {error}")))
}

fn report(scan: &Scan, output: &Output) -> Result<(), Failure> {
    for trouble in &scan.troubles {
        let plugin = trouble.plugin.as_deref().map(|id| format!(" ({})", plain(id))).unwrap_or_default();
        output.print(format_args!("{}{plugin}: {}", trouble.file.display(), plain(&trouble.what)))?;
    }
    if let Some(why) = &scan.cache_error {
        output.say(format_args!("what was found is not remembered: {why}"));
    }
    output.print(format_args!(
        "{} plugins; {} files looked at, {} known already, {} troubles",
        scan.plugins.len(),
        scan.looked,
        scan.remembered,
        scan.troubles.len()
    ))
}

fn list(scan: &Scan, json: bool, output: &Output) -> Result<(), Failure> {
    if json {
        let all = scan.plugins.iter().map(|found| {
            let info = serde_json::to_value(&found.info).unwrap_or_default();
            json!({"id": found.info.id, "file": found.location.file.display().to_string(), "plugin": info})
        });
        return output.json(&json!(all.collect::<Vec<_>>()));
    }
    for found in &scan.plugins {
        let info = &found.info;
        output.print(format_args!(
            "{:<40} {}  ({}; {})",
            info.id,
            plain(&info.name),
            plain(&info.vendor),
            channels(info)
        ))?;
    }
    Ok(())
}

/// "2 → 2", "2 + 1 → 2, notes".
fn channels(info: &PluginInfo) -> String {
    let sum = |ports: &[omega_studio::plugin::model::AudioPort]| {
        let all: Vec<String> = ports.iter().map(|port| port.channels.to_string()).collect();
        if all.is_empty() { "0".to_owned() } else { all.join(" + ") }
    };
    let notes = if info.note_inputs.is_empty() { "" } else { ", notes" };
    format!("{} → {}{notes}", sum(&info.inputs), sum(&info.outputs))
}

fn info(id: &str, json: bool, output: &Output) -> Result<(), Failure> {
    let id = id.strip_prefix(CLAP).unwrap_or(id);
    let plugin = open_plugin(id).map_err(Failure::failed)?;
    let told = plugin.info();
    if json {
        return output.json(&serde_json::to_value(told).unwrap_or_default());
    }
    let info = &told.plugin;
    output.print(format_args!("{}: {} {}", info.id, plain(&info.name), plain(&info.version)))?;
    output.print(format_args!("by {}; {}", plain(&info.vendor), info.features.join(", ")))?;
    if !info.description.is_empty() {
        output.print(plain(&info.description))?;
    }
    let state = if info.has_state { "saves its state" } else { "has no state but its values" };
    output.print(format_args!("{}; latency {} frames; {state}", channels(info), told.latency))?;
    let unheard: Vec<&str> = plugin.unheard_outputs().collect();
    if !unheard.is_empty() {
        output.print(format_args!("only its main output is heard, not {}", plain(unheard.join(", "))))?;
    }
    for param in &told.params {
        let text = |value: f64| plugin.text(param.id, value).unwrap_or_else(|| value.to_string());
        let (min, max, now) = (text(param.min), text(param.max), text(param.value));
        let flags = [(param.read_only, ", read only"), (param.hidden, ", hidden")];
        let flags: String = flags.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
        output.print(format_args!(
            "  {:<10} {}: {} ({} … {}{flags})",
            param.id,
            plain(&param.name),
            plain(&now),
            plain(&min),
            plain(&max)
        ))?;
    }
    Ok(())
}

fn presets(id: &str, json: bool, output: &Output) -> Result<(), Failure> {
    let presets = plugin_presets(id.strip_prefix(CLAP).unwrap_or(id)).map_err(Failure::failed)?;
    presets.troubles.iter().for_each(|what| output.say(format_args!("note: {}", plain(what))));
    if json {
        return output.json(&serde_json::to_value(&presets.found).unwrap_or_default());
    }
    for Preset { name, place, creators, .. } in &presets.found {
        let by = if creators.is_empty() { String::new() } else { format!(", by {}", creators.join(", ")) };
        let at = place.file.as_ref().map_or("in the plugin".to_owned(), |file| file.display().to_string());
        output.print(format_args!("{:<40} {}{}", plain(name), plain(&at), plain(&by)))?;
    }
    Ok(())
}

/// The place of the one preset of a device's plugin that has that name.
fn named(studio: &Studio, device: &DeviceId, name: &str) -> Result<PresetPlace, Failure> {
    let project = studio.project();
    let kind = project.device(device).map(|device| device.kind.clone());
    let kind = kind.ok_or_else(|| Failure::failed(format!("there is no device {device}")))?;
    let id = kind.strip_prefix(CLAP).ok_or_else(|| Failure::failed(format!("{device} is no plugin")))?;
    let mut found = plugin_presets(id).map_err(Failure::failed)?.found;
    found.retain(|preset| preset.name == name);
    match found.len() {
        1 => Ok(found.swap_remove(0).place),
        0 => Err(Failure::failed(format!(
            "there is no preset '{name}'; `omega plugins presets {id}` lists them"
        ))),
        _ => Err(Failure::failed(format!("there is more than one preset '{name}': name its file and key"))),
    }
}

/// A file as the place of a preset, and its name for the history. Plugins are given whole paths.
fn by_file(file: &Path, key: Option<String>) -> Result<(String, PresetPlace), Failure> {
    let whole = std::fs::canonicalize(file);
    let whole = whole.map_err(|error| Failure::failed(format!("{}: {error}", file.display())))?;
    let name = whole.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok((name, PresetPlace { file: Some(whole), key }))
}

/// What this program is when it hosts a plugin for another one
#[derive(clap::Args)]
pub struct Worker {
    /// Number of the process that it serves
    host: String,
}

impl Worker {
    #[cfg(target_os = "linux")]
    pub fn run(self) -> Result<(), Failure> {
        let served = omega_studio::plugin::worker_main(&self.host) == std::process::ExitCode::SUCCESS;
        if served { Ok(()) } else { Err(Failure::failed("a worker serves the program that started it")) }
    }

    #[cfg(not(target_os = "linux"))]
    pub fn run(self) -> Result<(), Failure> {
        Err(Failure::failed(format!("there are no workers on this system to serve {}", self.host)))
    }
}
