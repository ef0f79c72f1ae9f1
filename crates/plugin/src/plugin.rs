//! A plugin, as the rest of the program has it: one interface, wherever it runs.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::time::Duration;

use omega_processor::{Descriptor, ParamInfo, PortInfo, PrepareConfig, Smoothing, Taper, Unit};

use crate::health::{Health, Trouble};
use crate::model::{InstanceInfo, Location, PluginParam};
use crate::node::{Pace, PluginProcessor, Wire};
use crate::preset::PresetPlace;
use crate::quantum::Shape;
use crate::service::{Answer, Command, Setup};
use crate::state::PluginState;

/// The program that a worker runs, and the arguments that make it one: it calls `worker_main`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerProgram {
    /// The program.
    pub program: PathBuf,
    /// Its arguments; the number of the host's process is added behind them.
    pub arguments: Vec<OsString>,
}

impl WorkerProgram {
    /// This program itself, with these arguments.
    ///
    /// # Errors
    /// When the system does not say where it lies.
    pub fn itself(arguments: &[&str]) -> io::Result<Self> {
        let program = std::env::current_exe()?;
        Ok(Self { program, arguments: arguments.iter().map(OsString::from).collect() })
    }
}

/// Where a plugin runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    /// In a worker process of its own: whatever it does, the sound of everything else goes on. On Linux; elsewhere this is
    /// an error.
    Worker(WorkerProgram),
    /// In this process: if it crashes, so does everything.
    Inside,
}

/// How a plugin is to be opened.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    /// What the processor is prepared for.
    pub config: PrepareConfig,
    /// How time passes.
    pub pace: Pace,
    /// Where it runs.
    pub way: Way,
}

/// Why a plugin was not opened.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the plugin {id} ({file}) was not opened: {why}")]
pub struct OpenError {
    /// CLAP's id.
    pub id: String,
    /// Its file.
    pub file: String,
    /// What went wrong.
    pub why: String,
}

/// Why something was not answered.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct AskError(pub String);

/// What a plugin has to say, or what is to be said of it.
#[derive(Clone, Debug, PartialEq)]
pub enum PluginNews {
    /// It was taken out of the sound; its input is heard in its place.
    Trouble(Trouble),
    /// It runs again with its last state, so long after it was taken out.
    Restarted(Duration),
    /// It is not started again, and why, if there is more to say than the troubles before.
    GivenUp(Option<String>),
    /// Its own latency is another one, in frames.
    Latency(u32),
    /// Values that it changed by itself, by CLAP's id.
    Values(Vec<(u32, f64)>),
    /// Its state is another one, so the session is not saved any more.
    Changed,
    /// It logged this.
    Line(String),
}

/// News that wait to be fetched; what comes beyond that is lost.
const NEWS: usize = 4096;

/// Something asked of the thread that keeps a plugin.
pub(crate) struct Ask {
    pub command: Command,
    /// The state that goes with it.
    pub state: Option<PluginState>,
    pub response: Sender<Response>,
}

/// What came of it.
pub(crate) enum Response {
    Answer(Answer),
    State(PluginState),
    Failed(String),
}

/// A plugin that was opened.
pub(crate) struct Ready {
    pub info: InstanceInfo,
    pub shape: Shape,
    pub warning: Option<String>,
    pub wire: Wire,
}

/// The half of a plugin that is asked and listened to; the other one is its [`PluginProcessor`]. When both are dropped, the
/// plugin is deactivated and destroyed.
#[derive(Debug)]
pub struct Plugin {
    info: InstanceInfo,
    warning: Option<String>,
    lag: u32,
    asks: Sender<Ask>,
    news: Receiver<PluginNews>,
    health: Arc<Health>,
}

impl Plugin {
    /// Loads a plugin, puts its state back, activates it, and waits until that is done.
    ///
    /// # Errors
    /// [`OpenError`]: it is not there, refuses, crashes or does not come back.
    pub fn open(
        location: &Location,
        options: &OpenOptions,
        state: Option<PluginState>,
    ) -> Result<(Self, PluginProcessor), OpenError> {
        let error = |why: String| OpenError {
            id: location.id.clone(),
            file: location.file.display().to_string(),
            why,
        };
        let (asks, to_keeper) = channel();
        let (told, news) = sync_channel(NEWS);
        let (tell_ready, ready) = channel();
        let health = Arc::new(Health::default());
        let setup = Setup {
            location: location.clone(),
            rate: options.config.sample_rate,
            offline: options.pace == Pace::Waiting,
        };
        let (slots, way, kept) = (options.pace.slots(), options.way.clone(), Arc::clone(&health));
        let keep = move || {
            let ends = (&to_keeper, told, &tell_ready);
            match way {
                #[cfg(target_os = "linux")]
                Way::Worker(program) => crate::sandbox::keep(program, setup, slots, state, kept, ends),
                #[cfg(not(target_os = "linux"))]
                Way::Worker(_) => {
                    drop(tell_ready.send(Err("there are no workers on this system".to_owned())))
                }
                Way::Inside => crate::inside::keep(setup, slots, state, kept, ends),
            }
        };
        std::thread::Builder::new()
            .name("plugin keeper".to_owned())
            .spawn(keep)
            .map_err(|why| error(format!("no thread to keep it: {why}")))?;
        let ready = ready.recv().map_err(|_| error("its thread ended".to_owned()))?.map_err(error)?;
        #[allow(clippy::cast_possible_truncation, reason = "the engine keeps values in single precision")]
        let values: Vec<f32> = ready.info.params.iter().map(|param| param.value as f32).collect();
        let processor = PluginProcessor::new(
            ready.wire,
            Arc::clone(&health),
            ready.shape,
            &options.config,
            options.pace,
            &values,
        );
        let lag = u32::try_from(options.pace.lag()).unwrap_or(u32::MAX);
        let plugin = Self { info: ready.info, warning: ready.warning, lag, asks, news, health };
        Ok((plugin, processor))
    }

    /// What it told of itself when it was opened.
    #[must_use]
    pub fn info(&self) -> &InstanceInfo {
        &self.info
    }

    /// What of its state it did not take, if anything.
    #[must_use]
    pub fn warning(&self) -> Option<&str> {
        self.warning.as_deref()
    }

    /// Frames by which its sound lags behind what goes in, its own latency included.
    #[must_use]
    pub fn latency(&self) -> u32 {
        self.lag.saturating_add(self.health.latency.load(Ordering::Acquire))
    }

    /// What is heard is its input, because it was late or is not well.
    #[must_use]
    pub fn is_bypassed(&self) -> bool {
        self.health.bypassed.load(Ordering::Relaxed)
    }

    /// Quanta whose reply was not there in time, since it was opened.
    #[must_use]
    pub fn late(&self) -> u32 {
        self.health.late.load(Ordering::Relaxed)
    }

    /// What happened since the last call.
    #[must_use]
    pub fn news(&self) -> Vec<PluginNews> {
        self.news.try_iter().collect()
    }

    /// Waits for the next thing that happens.
    #[must_use]
    pub fn wait_for_news(&self, patience: Duration) -> Option<PluginNews> {
        self.news.recv_timeout(patience).ok()
    }

    /// Its state as it is now. Where it does not answer, the last one that is known.
    ///
    /// # Errors
    /// [`AskError`]: it cannot save, and none is known.
    pub fn save(&self) -> Result<PluginState, AskError> {
        match self.ask(Command::Save, None)? {
            Response::State(state) => Ok(state),
            Response::Failed(why) => Err(AskError(why)),
            Response::Answer(_) => Err(AskError("it answered what was not asked".to_owned())),
        }
    }

    /// Has it take another state while it runs; what it did not take of it is said as a warning. Its [`descriptor`](Self::descriptor)
    /// has the values of that state as defaults then. Once the engine has them, call [`retell`](Self::retell).
    ///
    /// # Errors
    /// [`AskError`]; it is as it was, unless it crashed over it, and is then made anew with the state before.
    pub fn load(&mut self, state: &PluginState) -> Result<Option<String>, AskError> {
        match self.ask(Command::Load, Some(state.clone()))? {
            Response::Answer(Answer::Loaded(values, warning)) => {
                for param in &mut self.info.params {
                    let value = values.iter().find(|(id, value)| *id == param.id && value.is_finite());
                    param.value = value.map_or(param.value, |(_, value)| value.clamp(param.min, param.max));
                }
                Ok(warning)
            }
            Response::Failed(why) => Err(AskError(why)),
            _ => Err(AskError("it answered what was not asked".to_owned())),
        }
    }

    /// Has it load a preset. Its state is another one then.
    ///
    /// # Errors
    /// [`AskError`]: why it did not.
    pub fn load_preset(&self, place: &PresetPlace) -> Result<(), AskError> {
        match self.ask(Command::Preset(place.clone()), None)? {
            Response::Answer(Answer::Done) => Ok(()),
            Response::Failed(why) => Err(AskError(why)),
            _ => Err(AskError("it answered what was not asked".to_owned())),
        }
    }

    /// Has the audio half tell it all values again: its own may be others than it was told.
    pub fn retell(&self) {
        self.health.retell.store(true, Ordering::Release);
    }

    /// Names of its outputs that are not heard: all but the main one.
    pub fn unheard_outputs(&self) -> impl Iterator<Item = &str> {
        self.info.plugin.outputs.iter().skip(1).map(|port| port.name.as_str())
    }

    /// A value of a parameter in its words; `None` when it has none for it.
    #[must_use]
    pub fn text(&self, id: u32, value: f64) -> Option<String> {
        match self.ask(Command::Text(id, value), None).ok()? {
            Response::Answer(Answer::Text(text)) => text,
            _ => None,
        }
    }

    /// The value of a parameter that a text stands for; `None` when it does not understand it.
    #[must_use]
    pub fn value(&self, id: u32, text: &str) -> Option<f64> {
        match self.ask(Command::Value(id, text.to_owned()), None).ok()? {
            Response::Answer(Answer::Value(value)) => value,
            _ => None,
        }
    }

    /// Values of all parameters by CLAP's id, as they are now.
    ///
    /// # Errors
    /// [`AskError`].
    pub fn values(&self) -> Result<Vec<(u32, f64)>, AskError> {
        match self.ask(Command::Values, None)? {
            Response::Answer(Answer::Values(values)) => Ok(values),
            Response::Failed(why) => Err(AskError(why)),
            _ => Err(AskError("it answered what was not asked".to_owned())),
        }
    }

    fn ask(&self, command: Command, state: Option<PluginState>) -> Result<Response, AskError> {
        let gone = || AskError("it is gone".to_owned());
        let (response, answer) = channel();
        self.asks.send(Ask { command, state, response }).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())
    }

    /// What the document and the engine need to know of it.
    #[must_use]
    pub fn descriptor(&self) -> Descriptor {
        descriptor(&self.info)
    }
}

/// A plugin as a device: its parameters have CLAP's ids as keys, and the values of this instance as defaults, so that a
/// session which says nothing of a parameter leaves it as the state has it.
#[must_use]
pub fn descriptor(info: &InstanceInfo) -> Descriptor {
    let side_chains = info.plugin.inputs.iter().skip(1).take(omega_processor::MAX_AUX);
    Descriptor {
        key: device_key(&info.plugin.id).into(),
        name: info.plugin.name.clone().into(),
        aux_inputs: side_chains
            .map(|port| PortInfo { name: port.name.clone().into(), channels: Some(port.channels) })
            .collect(),
        takes_notes: !info.plugin.note_inputs.is_empty(),
        params: info.params.iter().map(param).collect(),
    }
}

/// The kind of a device in a session that is this plugin: `clap:` and CLAP's id.
#[must_use]
pub fn device_key(id: &str) -> String {
    format!("clap:{id}")
}

fn param(param: &PluginParam) -> ParamInfo {
    // Plugins smooth what a hand does by themselves.
    ParamInfo {
        key: param.id.to_string().into(),
        name: param.name.clone().into(),
        unit: Unit::None,
        min: param.min,
        max: param.max,
        default: param.value,
        taper: if param.stepped { Taper::Choice(Vec::new()) } else { Taper::Linear },
        smoothing: Smoothing::None,
    }
}
