//! What can be asked of a plugin's main thread, and the main thread itself: the same in a worker and in this process.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]

use std::sync::Arc;
use std::sync::atomic::Ordering;

use omega_processor::MAX_AUX;
use omega_rt::Owned;
use serde::{Deserialize, Serialize};

use crate::clap::{Acting, Instance, LoadError, Role, Runner};
use crate::model::{InstanceInfo, Location};
use crate::node::LocalStage;
use crate::preset::PresetPlace;
use crate::quantum::Shape;
use crate::state::PluginState;

/// How a plugin is to be opened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub location: Location,
    /// Frames per second.
    pub rate: u32,
    /// Time is not real.
    pub offline: bool,
}

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Command {
    /// Load it, with the state that comes along, if any. The first thing that is asked.
    Open(Setup, bool),
    /// In a child that does nothing else: look at the plugins of a file, from that number on.
    Look(std::path::PathBuf, usize),
    /// In a worker: process what lies in the memory that comes along, cut into so many slots.
    Run(usize),
    /// In a child that does nothing else: list the presets of a file.
    Presets(std::path::PathBuf),
    /// Its state.
    Save,
    /// Take the state that comes along.
    Load,
    /// Load a preset.
    Preset(PresetPlace),
    /// A value in its words.
    Text(u32, f64),
    /// The value that a text stands for.
    Value(u32, String),
    /// Values of all parameters.
    Values,
    /// End.
    Quit,
}

/// What is answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    /// It is loaded and activated; a warning, if its state was not taken as it was.
    Opened(Box<InstanceInfo>, Shape, Option<String>),
    /// Done; what was asked for comes along.
    Done,
    /// A text.
    Text(Option<String>),
    /// A value.
    Value(Option<f64>),
    /// Values by CLAP's id.
    Values(Vec<(u32, f64)>),
    /// The values that go with a state, and what of it was not taken, if anything.
    Loaded(Vec<(u32, f64)>, Option<String>),
    /// It could not be done.
    Failed(String),
}

/// What the plugin tells by itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Told {
    /// Its latency, in frames, after another activation.
    Latency(u32),
    /// It wants to be processed.
    Wake,
    /// Values that it changed.
    Values(Vec<(u32, f64)>),
    /// Its state is another one.
    Dirty,
    /// A line for the log.
    Line(String),
    /// It cannot go on.
    Failed(String),
}

/// Where runners work.
pub(crate) trait Stage {
    /// Takes a runner to work with.
    fn start(&mut self, runner: Runner);
    /// Asks for it back.
    fn recall(&mut self);
    /// The runner, when it is back.
    fn returned(&mut self) -> Option<Runner>;
}

impl Stage for LocalStage {
    fn start(&mut self, runner: Runner) {
        self.recall.store(false, Ordering::Release);
        // There is room for two, and there is one.
        let _ = self.outbox.push(Owned::from(Box::new(runner)));
    }

    fn recall(&mut self) {
        self.recall.store(true, Ordering::Release);
    }

    fn returned(&mut self) -> Option<Runner> {
        self.inbox.pop().map(|runner| *runner.into_box())
    }
}

/// A plugin and its main thread, which is the one that makes this.
pub(crate) struct Service {
    instance: Instance,
    setup: Setup,
    shape: Shape,
    latency: u32,
    /// Runs from the activation until it goes on stage.
    ready: Option<Runner>,
    changes: Option<Arc<crate::clap::Changes>>,
    recalled: bool,
    _acting: Acting,
}

impl Service {
    /// Loads a plugin, puts its state back and activates it.
    pub(crate) fn open(setup: Setup, state: Option<&PluginState>) -> Result<(Self, Answer), String> {
        let acting = Acting::enter(Role::Main);
        let told = |error: LoadError| error.to_string();
        let mut instance = Instance::load(&setup.location.file, &setup.location.id).map_err(told)?;
        instance.set_offline(setup.offline);
        let warning = state.and_then(|state| instance.load_state(state).err());
        instance.values();
        let shape = shape(&instance.info())?;
        let runner = instance.activate(setup.rate, &shape)?;
        let latency = instance.latency();
        let info = instance.info();
        let changes = Some(runner.changes());
        let service = Self {
            instance,
            setup,
            shape,
            latency,
            ready: Some(runner),
            changes,
            recalled: false,
            _acting: acting,
        };
        Ok((service, Answer::Opened(Box::new(info), shape, warning)))
    }

    /// Puts the runner on stage.
    pub(crate) fn run(&mut self, stage: &mut dyn Stage) {
        if let Some(runner) = self.ready.take() {
            stage.start(runner);
        }
    }

    /// Answers; a state comes along where one was asked for, as `state` does where one is to be taken.
    pub(crate) fn answer(
        &mut self,
        command: Command,
        state: Option<&PluginState>,
    ) -> (Answer, Option<PluginState>) {
        let answer = match command {
            Command::Save => match self.instance.save() {
                Ok(state) => return (Answer::Done, Some(state)),
                Err(why) => Answer::Failed(why),
            },
            Command::Text(id, value) => Answer::Text(self.instance.text_of(id, value)),
            Command::Value(id, words) => Answer::Value(self.instance.value_of(id, &words)),
            Command::Values => Answer::Values(self.instance.values()),
            Command::Load => match state {
                Some(state) => self.load(state),
                None => Answer::Failed("there is no state, or it is damaged".to_owned()),
            },
            Command::Preset(place) => match self.instance.load_preset(&place) {
                Ok(()) => Answer::Done,
                Err(why) => Answer::Failed(why),
            },
            Command::Open(..) | Command::Look(..) | Command::Presets(_) | Command::Run(_) | Command::Quit => {
                Answer::Failed("this was asked at the wrong time".to_owned())
            }
        };
        (answer, None)
    }

    /// Takes a state while it runs. A plugin that has none of its own is told the values as any others.
    fn load(&mut self, state: &PluginState) -> Answer {
        let loaded = self.instance.load_state(state);
        let by_itself = loaded.is_ok() && state.bytes.is_some() && self.instance.has_state();
        let mut values = self.instance.values();
        for (id, value) in values.iter_mut().filter(|_| !by_itself) {
            let kept = state.values.iter().find(|(known, value)| known == id && value.is_finite());
            *value = kept.map_or(*value, |(_, kept)| *kept);
        }
        Answer::Loaded(values, loaded.err())
    }

    /// Does what the plugin wants; what it has to tell.
    pub(crate) fn idle(&mut self, stage: &mut dyn Stage) -> Vec<Told> {
        let mut told = Vec::new();
        let idle = self.instance.idle();
        told.extend(idle.lines.into_iter().map(Told::Line));
        told.extend(idle.wake.then_some(Told::Wake));
        told.extend(idle.dirty.then_some(Told::Dirty));
        if idle.values {
            told.push(Told::Values(self.instance.values()));
        }
        let changed = self.changes.as_ref().map(|changes| changes.take()).unwrap_or_default();
        if !changed.is_empty() {
            told.push(Told::Values(changed));
        }
        self.recalled |= idle.restart;
        match stage.returned() {
            Some(runner) if self.recalled => {
                self.recalled = false;
                told.extend(self.restart(runner, stage));
            }
            // It came by itself, to have us look whether it has to be activated anew.
            Some(runner) => stage.start(runner),
            None if idle.restart => stage.recall(),
            None => {}
        }
        told
    }

    /// Deactivates and activates again.
    fn restart(&mut self, runner: Runner, stage: &mut dyn Stage) -> Vec<Told> {
        self.instance.deactivate(runner);
        match self.instance.activate(self.setup.rate, &self.shape) {
            Ok(runner) => {
                self.changes = Some(runner.changes());
                stage.start(runner);
                let before = std::mem::replace(&mut self.latency, self.instance.latency());
                (before != self.latency).then_some(Told::Latency(self.latency)).into_iter().collect()
            }
            Err(why) => vec![Told::Failed(why)],
        }
    }

    /// Ends, once the runner is back.
    pub(crate) fn close(mut self, runner: Option<Runner>) {
        if let Some(runner) = runner.or_else(|| self.ready.take()) {
            self.instance.deactivate(runner);
        }
    }
}

/// What of a plugin's ports is fed and heard.
fn shape(info: &InstanceInfo) -> Result<Shape, String> {
    let plugin = &info.plugin;
    let Some(output) = plugin.outputs.first().filter(|port| port.channels > 0) else {
        return Err("it has no audio output: plugins that only change notes are not hosted yet".to_owned());
    };
    let mut inputs = [0; 1 + MAX_AUX];
    inputs.iter_mut().zip(&plugin.inputs).for_each(|(channels, port)| *channels = port.channels);
    // A first input that is not the main one, of an instrument, is a side-chain that nothing is led to.
    let main = plugin.inputs.first().is_some_and(|port| port.main) || !plugin.is_instrument();
    if let (Some(first), false) = (inputs.first_mut(), main) {
        *first = 0;
    }
    Ok(Shape { inputs, outputs: output.channels })
}
