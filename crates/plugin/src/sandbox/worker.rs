//! The worker process.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]

use std::io;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use omega_rt::FlushDenormals;
use rustix::process::{Pid, Resource, Rlimit, Signal};
use serde::{Deserialize, Serialize};

use super::layout::{Head, Layout, head};
use super::line::Line;
use super::memory::SharedWords;
use super::priority;
use super::remote::{sleep_on, wake};
use crate::clap::Runner;
use crate::quantum::{Reply, Request, Shape};
use crate::scan::{look_main, presets_main};
use crate::service::{Answer, Command, Service, Stage, Told};
use crate::state::PluginState;

/// What a worker says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Message {
    /// To what was asked.
    Answer(Answer),
    /// By itself.
    Told(Told),
}

/// The plugin's timers and wishes are looked at so often.
const TICK: Duration = Duration::from_millis(8);
/// After so many quanta without a pause, because the host asks faster than time passes or was late, the audio thread makes
/// one: the system counts the time that a real-time thread holds a processor from pause to pause, and this thread is
/// ended for one quantum that takes too long, not for many.
const BREATH: u32 = 16;
/// A pause that is one in the eyes of the system.
const PAUSE: Duration = Duration::from_micros(50);
/// The host takes what it is sent within this time, or is gone.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a worker process does until its host is gone. `host` is the number of the host's process, as it stood on the
/// command line; the socket is standard input.
#[must_use]
pub fn worker_main(host: &str) -> ExitCode {
    match begin(host).and_then(serve) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Takes the socket and sees to it that this process ends with its host, leaves no core behind, and that nothing which a
/// plugin reads from or prints to standard streams gets in the way.
fn begin(host: &str) -> io::Result<Line> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    let parent = rustix::process::getppid().map(|pid| Pid::as_raw(Some(pid)));
    // The host may have died before the line above.
    if parent != host.parse().ok() {
        return Err(io::ErrorKind::NotConnected.into());
    }
    let _ = rustix::process::setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let socket = std::os::fd::AsFd::as_fd(&io::stdin()).try_clone_to_owned()?;
    let nothing = std::fs::File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    rustix::stdio::dup2_stdout(&nothing)?;
    Ok(Line::new(UnixStream::from(socket)))
}

fn serve(mut line: Line) -> io::Result<()> {
    let (command, bytes): (Command, Vec<u8>) = line.receive(PATIENCE)?;
    let (setup, has_state) = match command {
        Command::Open(setup, has_state) => (setup, has_state),
        Command::Look(file, from) => return look_main(&mut line, &file, from),
        Command::Presets(file) => return presets_main(&mut line, &file),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    let state = if has_state { PluginState::from_bytes(&bytes).ok() } else { None };
    let live = !setup.offline;
    let (mut service, shape) = match Service::open(setup, state.as_ref()) {
        Ok((service, answer)) => {
            let Answer::Opened(_, shape, _) = &answer else { return Ok(()) };
            let shape = *shape;
            line.send(&Message::Answer(answer), &[], PATIENCE)?;
            (service, shape)
        }
        Err(why) => return line.send(&Message::Answer(Answer::Failed(why)), &[], PATIENCE),
    };
    let (command, _): (Command, Vec<u8>) = line.receive(PATIENCE)?;
    let Command::Run(slots) = command else { return Err(io::ErrorKind::InvalidData.into()) };
    let file = line.receive_file(PATIENCE)?;
    let layout = Layout::new(&shape, slots);
    let words = Arc::new(SharedWords::attach(&file, layout.words())?);
    // What was asked before counts as served: the host does not wait for it any more.
    let asked = head(words.words(), Head::Submitted).load(Ordering::Acquire);
    head(words.words(), Head::Served).store(asked, Ordering::Release);
    let mut stage = Thread { words, layout, shape, live, stop: Arc::default(), thread: None };
    service.run(&mut stage);
    line.send(&Message::Answer(Answer::Done), &[], PATIENCE)?;
    loop {
        if line.ready(TICK)? {
            let (command, bytes): (Command, Vec<u8>) = line.receive(PATIENCE)?;
            if matches!(command, Command::Quit) {
                break;
            }
            let state =
                if matches!(command, Command::Load) { PluginState::from_bytes(&bytes).ok() } else { None };
            let (answer, state) = service.answer(command, state.as_ref());
            let bytes = state.map(|state| state.to_bytes()).unwrap_or_default();
            line.send(&Message::Answer(answer), &bytes, PATIENCE)?;
        }
        for told in service.idle(&mut stage) {
            line.send(&Message::Told(told), &[], PATIENCE)?;
        }
    }
    stage.recall();
    let runner = stage.join();
    service.close(runner);
    line.send(&Message::Answer(Answer::Done), &[], PATIENCE)
}

/// The audio thread of this process.
struct Thread {
    words: Arc<SharedWords>,
    layout: Layout,
    shape: Shape,
    live: bool,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Runner>>,
}

impl Thread {
    /// The runner, when the thread has ended. A thread that panicked takes the process with it: the host starts another one.
    fn join(&mut self) -> Option<Runner> {
        let runner = self.thread.take()?.join();
        Some(runner.unwrap_or_else(|_| std::process::exit(101)))
    }
}

impl Stage for Thread {
    fn start(&mut self, runner: Runner) {
        let (words, layout, shape, live) = (Arc::clone(&self.words), self.layout, self.shape, self.live);
        self.stop = Arc::default();
        let stop = Arc::clone(&self.stop);
        let thread = std::thread::Builder::new().name("plugin audio".to_owned());
        self.thread = thread
            .spawn(move || {
                if live {
                    priority::promote();
                }
                process(runner, words.words(), &layout, &shape, (&stop, live))
            })
            .ok();
        if self.thread.is_none() {
            // Without a thread this process is of no use.
            std::process::exit(101);
        }
    }

    fn recall(&mut self) {
        self.stop.store(true, Ordering::Release);
        wake(head(self.words.words(), Head::Submitted));
    }

    fn returned(&mut self) -> Option<Runner> {
        let ended = self.thread.as_ref().is_some_and(JoinHandle::is_finished);
        if ended { self.join() } else { None }
    }
}

/// Serves requests, from the first that was not served yet, until it is told to stop; while rendering, until the plugin
/// wants to be activated anew.
fn process(
    mut runner: Runner,
    words: &[std::sync::atomic::AtomicU32],
    layout: &Layout,
    shape: &Shape,
    (stop, live): (&AtomicBool, bool),
) -> Runner {
    let _flush = FlushDenormals::enter();
    let (mut request, mut reply) = (Request::new(shape), Reply::new(shape));
    let (submitted, served_word) = (head(words, Head::Submitted), head(words, Head::Served));
    let (sleeping, waiting) = (head(words, Head::Sleeping), head(words, Head::Waiting));
    let mut served = served_word.load(Ordering::Acquire);
    let mut without_pause = 0;
    while !stop.load(Ordering::Acquire) {
        if submitted.load(Ordering::Acquire) == served {
            runner.flush();
            sleeping.store(1, Ordering::SeqCst);
            if submitted.load(Ordering::SeqCst) == served && !stop.load(Ordering::SeqCst) {
                sleep_on(submitted, served);
            }
            sleeping.store(0, Ordering::SeqCst);
            without_pause = 0;
            continue;
        }
        without_pause += 1;
        if live && without_pause > BREATH {
            std::thread::sleep(PAUSE);
            without_pause = 0;
        }
        layout.read_request(words, served, &mut request);
        runner.run(&mut request, &mut reply);
        layout.write_reply(words, served, &reply);
        served = served.wrapping_add(1);
        // As in `node::wire`: while rendering another activation comes before the next quantum.
        let restarts = !live && runner.wants_restart();
        served_word.store(served, Ordering::SeqCst);
        if waiting.load(Ordering::SeqCst) != 0 {
            wake(served_word);
        }
        if restarts {
            break;
        }
    }
    runner.stop();
    runner
}
