//! Watches over a worker, on a thread of its own: hands on what is asked of the plugin, sees when it crashes, hangs or
//! misbehaves, kills it and starts another one with the last state.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::{Duration, Instant};

use super::layout::{Head, Layout, head};
use super::memory::SharedWords;
use super::process::{Patience, Worker};
use super::remote::RemoteWire;
use super::worker::Message;
use crate::health::{Health, Trouble};
use crate::model::{MAX_LATENCY, MAX_PARAMS, text};
use crate::node::Wire;
use crate::plugin::{Ask, PluginNews, Ready, Response, WorkerProgram};
use crate::quantum::Shape;
use crate::service::{Answer, Command, Setup, Told};
use crate::state::PluginState;

/// How often the worker is looked at.
const TICK: Duration = Duration::from_millis(10);
/// How long a plugin may take to be loaded.
const LOADING: Duration = Duration::from_secs(20);
/// How long it may take to answer its main thread.
const ANSWERING: Duration = Duration::from_secs(10);
/// How long it may take for one quantum while time is real, and while rendering. All of these are times in which it was let
/// run, if it wanted to: see [`Patience`].
const HANGING: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(20));
/// How long each part of a message may take to follow the one before it.
const MESSAGE: Duration = Duration::from_secs(10);
/// A plugin that had to be started so often within so long is given up.
const ATTEMPTS: (usize, Duration) = (5, Duration::from_secs(30));
/// A state that changed is fetched at most so often.
const SAVING: Duration = Duration::from_secs(1);

struct Keeper {
    program: WorkerProgram,
    setup: Setup,
    slots: usize,
    health: Arc<Health>,
    news: SyncSender<PluginNews>,
    /// The last state that is known.
    state: Option<PluginState>,
    worker: Option<Worker>,
    memory: Option<(Arc<SharedWords>, std::os::fd::OwnedFd, Shape)>,
    /// When the worker was started in the last while.
    attempts: VecDeque<Instant>,
    /// What the worker had served, and how long it has had to serve more, if more was asked.
    progress: (u32, Option<Patience>),
    /// The state changed, and when it was fetched last.
    dirty: (bool, Instant),
}

/// Why a call failed.
enum CallError {
    /// The worker did not answer in time.
    Late,
    /// The line is broken.
    Broken,
}

impl From<io::Error> for CallError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Late,
            _ => Self::Broken,
        }
    }
}

/// Opens a plugin in a worker, tells `ready`, and keeps it until both of its halves are gone. To be run on a thread that
/// lives as long.
pub(crate) fn keep(
    program: WorkerProgram,
    setup: Setup,
    slots: usize,
    state: Option<PluginState>,
    health: Arc<Health>,
    (asks, news, ready): (&Receiver<Ask>, SyncSender<PluginNews>, &Sender<Result<Ready, String>>),
) {
    let mut keeper = Keeper {
        program,
        setup,
        slots,
        health,
        news,
        state,
        worker: None,
        memory: None,
        attempts: VecDeque::new(),
        progress: (0, None),
        dirty: (false, Instant::now()),
    };
    let opened = keeper.launch().and_then(|(answer, shape)| {
        let (words, ..) = keeper.memory.as_ref().ok_or_else(|| "there is no shared memory".to_owned())?;
        let wire = RemoteWire::new(Arc::clone(words), Layout::new(&shape, slots));
        let Answer::Opened(info, _, warning) = answer else { return Err("it said nothing".to_owned()) };
        Ok(Ready { info: info.bounded(), shape, warning, wire: Wire::Remote(wire) })
    });
    let there = opened.is_ok();
    if ready.send(opened).is_err() || !there {
        return;
    }
    keeper.run(asks);
}

impl Keeper {
    fn run(&mut self, asks: &Receiver<Ask>) {
        loop {
            match asks.recv_timeout(TICK) {
                Ok(ask) => self.ask(ask),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) if self.health.gone.load(Ordering::Acquire) => break,
                Err(RecvTimeoutError::Disconnected) => std::thread::park_timeout(TICK),
            }
            self.look();
        }
        // An orderly end, as far as the plugin has one.
        let _ = self.call(&Command::Quit, &[], Duration::from_secs(1));
    }

    // --- Starting -------------------------------------------------------------------------------------------------

    /// Starts a worker and has it process.
    fn launch(&mut self) -> Result<(Answer, Shape), String> {
        self.attempts.push_back(Instant::now());
        let worker = Worker::start(&self.program);
        self.worker = Some(worker.map_err(|error| {
            format!("the worker process \"{}\" cannot be started: {error}", self.program.program.display())
        })?);
        let bytes = self.state.as_ref().map(PluginState::to_bytes);
        let open = Command::Open(self.setup.clone(), bytes.is_some());
        let (answer, _) = self.start_call(&open, &bytes.unwrap_or_default())?;
        let (latency, shape) = match &answer {
            Answer::Opened(info, shape, _) if shape.is_sound() => (info.latency.min(MAX_LATENCY), *shape),
            Answer::Failed(why) => return Err(why.clone()),
            _ => return Err("its worker answered what was not asked".to_owned()),
        };
        self.share(&shape)?;
        self.health.latency.store(latency, Ordering::Release);
        match self.start_call(&Command::Run(self.slots), &[])? {
            (Answer::Done, _) => {}
            (Answer::Failed(why), _) => return Err(why),
            _ => return Err("its worker answered what was not asked".to_owned()),
        }
        self.progress = (self.served(), None);
        // Only now: what the audio half tells the new instance because of it must not go to the one before.
        self.health.generation.fetch_add(1, Ordering::AcqRel);
        Ok((answer, shape))
    }

    /// A call while the plugin is loaded, when the way it ends is the message.
    fn start_call(&mut self, command: &Command, bytes: &[u8]) -> Result<(Answer, Vec<u8>), String> {
        self.call(command, bytes, LOADING).map_err(|error| match error {
            CallError::Late => format!("it was not loaded within {} s", LOADING.as_secs()),
            CallError::Broken => {
                let how = self.worker.as_mut().and_then(Worker::ending).map(|end| end.to_string());
                format!("it crashed: its worker {}", how.unwrap_or_else(|| "is mute".to_owned()))
            }
        })
    }

    /// Makes the shared memory, or sees whether the plugin still fits into it.
    fn share(&mut self, shape: &Shape) -> Result<(), String> {
        if let Some((_, _, before)) = &self.memory {
            return if before == shape { Ok(()) } else { Err("it came back with other ports".to_owned()) };
        }
        let words = Layout::new(shape, self.slots).words();
        let (words, file) =
            SharedWords::create(words).map_err(|error| format!("no memory to share with it: {error}"))?;
        self.memory = Some((Arc::new(words), file, *shape));
        Ok(())
    }

    // --- Asking ---------------------------------------------------------------------------------------------------

    fn call(
        &mut self,
        command: &Command,
        bytes: &[u8],
        patience: Duration,
    ) -> Result<(Answer, Vec<u8>), CallError> {
        let worker = self.worker.as_mut().ok_or(CallError::Broken)?;
        worker.line.send(command, bytes, patience)?;
        if let (Command::Run(_), Some((_, file, _))) = (command, &self.memory) {
            worker.line.send_file(file)?;
        }
        let mut waited = Patience::new(patience, worker);
        let mut told = Vec::new();
        let answer = loop {
            if waited.is_over(worker) {
                break Err(CallError::Late);
            }
            if !worker.line.ready(TICK)? {
                continue;
            }
            match worker.line.receive(MESSAGE)? {
                (Message::Answer(answer), bytes) => break Ok((answer, bytes)),
                (Message::Told(news), _) => told.push(news),
            }
        };
        told.into_iter().for_each(|told| self.hear(told));
        answer
    }

    fn ask(&mut self, Ask { command, state, response }: Ask) {
        let bytes = state.as_ref().map(PluginState::to_bytes).unwrap_or_default();
        let answer = match self.call(&command, &bytes, ANSWERING) {
            Ok((Answer::Failed(why), _)) => Response::Failed(why),
            Ok((Answer::Done, bytes)) if matches!(command, Command::Save) => {
                match PluginState::from_bytes(&bytes) {
                    Ok(state) => {
                        self.state = Some(state.clone());
                        Response::State(state)
                    }
                    Err(why) => Response::Failed(why.to_string()),
                }
            }
            Ok((answer, _)) => {
                if matches!(answer, Answer::Loaded(..)) {
                    self.state = state;
                }
                Response::Answer(answer)
            }
            Err(error) => {
                let known = self.state.clone().filter(|_| matches!(command, Command::Save));
                self.trouble(match error {
                    CallError::Late => Trouble::Hung,
                    CallError::Broken => Trouble::Crashed,
                });
                // The last state that is known is better than none.
                known.map_or_else(|| Response::Failed("it does not answer".to_owned()), Response::State)
            }
        };
        let _ = response.send(answer);
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::Latency(frames) => {
                let frames = frames.min(MAX_LATENCY);
                self.health.latency.store(frames, Ordering::Release);
                self.tell(PluginNews::Latency(frames));
            }
            Told::Wake => self.health.wake.store(true, Ordering::Release),
            Told::Values(mut values) => {
                values.truncate(MAX_PARAMS);
                self.tell(PluginNews::Values(values));
            }
            Told::Dirty => {
                self.dirty.0 = true;
                self.tell(PluginNews::Changed);
            }
            Told::Line(line) => self.tell(PluginNews::Line(text(line.as_bytes()))),
            Told::Failed(why) => {
                self.tell(PluginNews::Line(text(why.as_bytes())));
                self.health.complain(self.health.generation.load(Ordering::Acquire), Trouble::Refused);
            }
        }
    }

    fn tell(&self, news: PluginNews) {
        // Who does not listen for long misses something; a worker that shouts fills no memory.
        let _ = self.news.try_send(news);
    }

    // --- Watching -------------------------------------------------------------------------------------------------

    fn served(&self) -> u32 {
        let words = self.memory.as_ref().map(|(words, ..)| words.words()).unwrap_or_default();
        head(words, Head::Served).load(Ordering::Acquire)
    }

    /// Hears what the worker has to say and sees whether it is well.
    fn look(&mut self) {
        let Some(worker) = self.worker.as_mut() else { return };
        let mut told = Vec::new();
        let mut broken = false;
        for _ in 0..64 {
            match worker.line.ready(Duration::ZERO) {
                Ok(false) => break,
                Ok(true) => match worker.line.receive(MESSAGE) {
                    Ok((Message::Told(news), _)) => told.push(news),
                    // Nobody asked.
                    Ok((Message::Answer(_), _)) | Err(_) => broken = true,
                },
                Err(_) => broken = true,
            }
            if broken {
                break;
            }
        }
        let ended = worker.ended();
        told.into_iter().for_each(|told| self.hear(told));
        if let Some(end) = ended {
            self.tell(PluginNews::Line(format!("its worker {end}")));
            self.trouble(if end.held_too_long() { Trouble::Hung } else { Trouble::Crashed });
        } else if broken {
            self.trouble(Trouble::Crashed);
        } else if self.hangs() {
            self.trouble(Trouble::Hung);
        } else if let Some(trouble) = self.health.take_complaint() {
            self.trouble(trouble);
        } else if self.dirty.0 && self.dirty.1.elapsed() > SAVING {
            self.refresh();
        }
    }

    /// More was asked for than was served, and nothing was served for a while.
    fn hangs(&mut self) -> bool {
        let (served, submitted) = (self.served(), self.health.submitted.load(Ordering::Acquire));
        let (before, waited) = &mut self.progress;
        let Some(worker) = self.worker.as_ref().filter(|_| served != submitted) else {
            self.progress = (served, None);
            return false;
        };
        match waited {
            Some(waited) if served == *before => waited.is_over(worker),
            _ => {
                let limit = if self.setup.offline { HANGING.1 } else { HANGING.0 };
                self.progress = (served, Some(Patience::new(limit, worker)));
                false
            }
        }
    }

    /// Fetches a state that changed.
    fn refresh(&mut self) {
        self.dirty = (false, Instant::now());
        match self.call(&Command::Save, &[], ANSWERING) {
            Ok((Answer::Done, bytes)) => {
                if let Ok(state) = PluginState::from_bytes(&bytes) {
                    self.state = Some(state);
                }
            }
            Ok(_) => {}
            Err(CallError::Late) => self.trouble(Trouble::Hung),
            Err(CallError::Broken) => self.trouble(Trouble::Crashed),
        }
    }

    /// Kills the worker and, while time is real, starts another one.
    fn trouble(&mut self, trouble: Trouble) {
        let began = Instant::now();
        if let Some(mut worker) = self.worker.take() {
            worker.kill();
        }
        self.tell(PluginNews::Trouble(trouble));
        while self.attempts.front().is_some_and(|at| at.elapsed() > ATTEMPTS.1) {
            self.attempts.pop_front();
        }
        if self.setup.offline || self.attempts.len() >= ATTEMPTS.0 || self.health.gone.load(Ordering::Acquire)
        {
            return self.lose(None);
        }
        match self.launch() {
            Ok(_) => {
                // What was complained about died with the other one.
                self.health.take_complaint();
                self.tell(PluginNews::Restarted(began.elapsed()));
            }
            Err(why) => self.lose(Some(why)),
        }
    }

    fn lose(&mut self, why: Option<String>) {
        if let Some(mut worker) = self.worker.take() {
            worker.kill();
        }
        self.health.lost.store(true, Ordering::Release);
        if let Some((words, ..)) = &self.memory {
            // Who waits for a reply looks up.
            super::remote::wake(head(words.words(), Head::Served));
        }
        self.tell(PluginNews::GivenUp(why));
    }
}
