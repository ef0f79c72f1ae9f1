//! A plugin in this process: its main thread is a thread of ours.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender};
use std::time::{Duration, Instant};

use crate::health::Health;
use crate::node::{LocalStage, Wire, local};
use crate::plugin::{Ask, PluginNews, Ready, Response};
use crate::service::{Answer, Service, Setup, Stage, Told};
use crate::state::PluginState;

/// The plugin's timers and wishes are looked at so often.
const TICK: Duration = Duration::from_millis(8);
/// How long the audio thread may take to give a runner back.
const RETURNING: Duration = Duration::from_secs(10);
/// A plugin that had to be made anew so often is given up.
const ATTEMPTS: u32 = 4;

struct Inside {
    service: Option<Service>,
    stage: LocalStage,
    setup: Setup,
    state: Option<PluginState>,
    health: Arc<Health>,
    news: SyncSender<PluginNews>,
    attempts: u32,
}

/// Opens a plugin here, tells `ready`, and keeps it until both of its halves are gone. The calling thread is its main
/// thread.
pub(crate) fn keep(
    setup: Setup,
    slots: usize,
    state: Option<PluginState>,
    health: Arc<Health>,
    (asks, news, ready): (&Receiver<Ask>, SyncSender<PluginNews>, &Sender<Result<Ready, String>>),
) {
    let opened = Service::open(setup.clone(), state.as_ref());
    let (mut service, answer) = match opened {
        Ok(opened) => opened,
        Err(why) => {
            let _ = ready.send(Err(why));
            return;
        }
    };
    let Answer::Opened(info, shape, warning) = answer else { return };
    health.latency.store(info.latency, Ordering::Release);
    health.generation.store(1, Ordering::Release);
    let (wire, mut stage) = local(&shape, slots);
    service.run(&mut stage);
    let wire = Wire::Local(wire);
    if ready.send(Ok(Ready { info: *info, shape, warning, wire })).is_err() {
        // The wire was dropped with the message, and its runner came home.
        return service.close(stage.returned());
    }
    let mut inside = Inside { service: Some(service), stage, setup, state, health, news, attempts: 0 };
    inside.run(asks);
}

impl Inside {
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
        self.close();
    }

    fn ask(&mut self, Ask { command, state, response }: Ask) {
        let answer = match self.service.as_mut().map(|service| service.answer(command, state.as_ref())) {
            Some((Answer::Failed(why), _)) => Response::Failed(why),
            Some((_, Some(state))) => {
                self.state = Some(state.clone());
                Response::State(state)
            }
            Some((answer, None)) => {
                if matches!(answer, Answer::Loaded(..)) {
                    self.state = state;
                }
                Response::Answer(answer)
            }
            None => Response::Failed("it is gone".to_owned()),
        };
        let _ = response.send(answer);
    }

    fn tell(&self, news: PluginNews) {
        let _ = self.news.try_send(news);
    }

    fn look(&mut self) {
        let told = self.service.as_mut().map(|service| service.idle(&mut self.stage)).unwrap_or_default();
        for told in told {
            match told {
                Told::Latency(frames) => {
                    self.health.latency.store(frames, Ordering::Release);
                    self.tell(PluginNews::Latency(frames));
                }
                Told::Wake => self.health.wake.store(true, Ordering::Release),
                Told::Values(values) => self.tell(PluginNews::Values(values)),
                Told::Dirty => self.tell(PluginNews::Changed),
                Told::Line(line) => self.tell(PluginNews::Line(line)),
                Told::Failed(why) => self.lose(Some(why)),
            }
        }
        if let Some(trouble) = self.health.take_complaint() {
            self.tell(PluginNews::Trouble(trouble));
            self.again();
        }
    }

    /// Makes the plugin anew, with its last state.
    fn again(&mut self) {
        let began = Instant::now();
        self.attempts += 1;
        self.close();
        if self.setup.offline || self.attempts > ATTEMPTS {
            return self.lose(None);
        }
        match Service::open(self.setup.clone(), self.state.as_ref()) {
            Ok((mut service, Answer::Opened(info, ..))) => {
                self.health.latency.store(info.latency, Ordering::Release);
                service.run(&mut self.stage);
                self.service = Some(service);
                self.health.generation.fetch_add(1, Ordering::AcqRel);
                self.tell(PluginNews::Restarted(began.elapsed()));
            }
            Ok(_) => self.lose(None),
            Err(why) => self.lose(Some(why)),
        }
    }

    /// Gets the runner back and lets the plugin go. One whose audio thread does not give it back is left where it is.
    fn close(&mut self) {
        let Some(service) = self.service.take() else { return };
        self.stage.recall();
        let until = Instant::now() + RETURNING;
        loop {
            let runner = self.stage.returned();
            if runner.is_some() || Instant::now() > until {
                return service.close(runner);
            }
            std::thread::park_timeout(Duration::from_millis(1));
        }
    }

    fn lose(&mut self, why: Option<String>) {
        self.health.lost.store(true, Ordering::Release);
        self.tell(PluginNews::GivenUp(why));
        self.close();
    }
}
