//! How quanta get to a plugin and back: called here, or sent to a worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use omega_rt::{Consumer, Owned, Producer};

use crate::clap::Runner;
use crate::health::Health;
use crate::quantum::{Reply, Request};
#[cfg(target_os = "linux")]
use crate::sandbox::RemoteWire;

/// Who waits looks so often.
const LOOK: std::time::Duration = std::time::Duration::from_micros(200);

/// What came of asking for a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fetched {
    /// It is there.
    Ready,
    /// It is not, and it may yet be or never.
    Missing,
    /// What is there makes no sense.
    Nonsense,
}

/// A way to a plugin. All calls are real-time safe, as far as the plugin is.
#[derive(Debug)]
pub(crate) enum Wire {
    /// The plugin is called on this thread.
    Local(Local),
    /// A worker is woken.
    #[cfg(target_os = "linux")]
    Remote(RemoteWire),
}

impl Wire {
    /// Does what the other end asks for; to be called once a quantum, whether or not it is sent.
    pub(crate) fn attend(&mut self, waits: bool, health: &Health) {
        if let Self::Local(wire) = self {
            wire.attend();
            if waits {
                wire.wait(health);
            }
        }
    }

    /// Nothing is sent for a quantum: a plugin that sleeps may still have something to say. In a worker it does so by itself.
    pub(crate) fn rest(&mut self) {
        if let Self::Local(wire) = self {
            wire.rest();
        }
    }

    /// Sends a request. Gives the number to ask for its reply with; `None` when it cannot be sent now.
    pub(crate) fn submit(&mut self, request: &mut Request, waits: bool, health: &Health) -> Option<u32> {
        match self {
            Self::Local(wire) => wire.submit(request, waits),
            #[cfg(target_os = "linux")]
            Self::Remote(wire) => wire.submit(request, health),
        }
    }

    /// Asks for the reply to a request. One that `waits` is answered when the reply is there, or when there is no hope.
    pub(crate) fn fetch(
        &mut self,
        sequence: u32,
        reply: &mut Reply,
        waits: bool,
        health: &Health,
    ) -> Fetched {
        match self {
            Self::Local(wire) => wire.fetch(sequence, reply),
            #[cfg(target_os = "linux")]
            Self::Remote(wire) => wire.fetch(sequence, reply, waits, health),
        }
    }
}

/// The end of a [`Local`] wire at the plugin's main thread.
pub(crate) struct LocalStage {
    /// Runners for the audio thread.
    pub outbox: Producer<Owned<Runner>>,
    /// Runners that come back.
    pub inbox: Consumer<Owned<Runner>>,
    /// The runner is wanted back.
    pub recall: Arc<AtomicBool>,
}

/// A plugin in this process.
#[derive(Debug)]
pub(crate) struct Local {
    runner: Option<Owned<Runner>>,
    inbox: Consumer<Owned<Runner>>,
    outbox: Producer<Owned<Runner>>,
    recall: Arc<AtomicBool>,
    /// Replies, and the number of the request that each belongs to.
    replies: Box<[(Option<u32>, Reply)]>,
    next: u32,
}

/// Both ends of a wire. Allocates.
#[allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "prepares off the audio thread")]
pub(crate) fn local(shape: &crate::quantum::Shape, slots: usize) -> (Local, LocalStage) {
    let (to_audio, inbox) = omega_rt::fifo::fifo(2);
    let (outbox, from_audio) = omega_rt::fifo::fifo(2);
    let recall = Arc::new(AtomicBool::new(false));
    let stage = LocalStage { outbox: to_audio, inbox: from_audio, recall: Arc::clone(&recall) };
    let replies = (0..slots.max(1)).map(|_| (None, Reply::new(shape))).collect();
    (Local { runner: None, inbox, outbox, recall, replies, next: 0 }, stage)
}

/// Each is a function of its own in the machine code: the walk through what plays while a plugin is in a worker ends at them
/// (`ladder/src/panics`).
impl Local {
    #[inline(never)]
    fn attend(&mut self) {
        if self.recall.load(Ordering::Acquire) {
            self.give_back();
        } else if self.runner.is_none() {
            // What was there is nothing, so nothing is dropped.
            std::mem::forget(std::mem::replace(&mut self.runner, self.inbox.pop()));
        }
    }

    #[inline(never)]
    fn rest(&mut self) {
        if let Some(runner) = self.runner.as_deref_mut() {
            runner.flush();
        }
    }

    /// Rendering: waits for a plugin that is being activated anew. Never called while playing.
    #[inline(never)]
    fn wait(&mut self, health: &Health) {
        while self.runner.is_none() && !health.lost.load(Ordering::Acquire) {
            std::thread::park_timeout(LOOK);
            self.attend();
        }
    }

    #[inline(never)]
    fn submit(&mut self, request: &mut Request, waits: bool) -> Option<u32> {
        let (sequence, slots) = (self.next, self.replies.len());
        let (owner, reply) = self.replies.get_mut(sequence as usize % slots.max(1))?;
        *owner = None;
        let runner = self.runner.as_deref_mut()?;
        runner.run(request, reply);
        *owner = Some(sequence);
        // While rendering a plugin that wants to be activated anew is so before its next quantum, not some time later.
        let restarts = waits && runner.wants_restart();
        self.next = self.next.wrapping_add(1);
        if restarts {
            self.give_back();
        }
        Some(sequence)
    }

    fn fetch(&self, sequence: u32, reply: &mut Reply) -> Fetched {
        let slot = self.replies.get(sequence as usize % self.replies.len().max(1));
        let Some((_, done)) = slot.filter(|(owner, _)| *owner == Some(sequence)) else {
            return Fetched::Missing;
        };
        reply.outcome = done.outcome;
        reply.outputs.iter_mut().zip(done.outputs.iter()).for_each(|(to, from)| *to = *from);
        Fetched::Ready
    }

    fn give_back(&mut self) {
        if let Some(mut runner) = self.runner.take() {
            runner.stop();
            if let Err(runner) = self.outbox.push(runner) {
                // There is room for two and there is one: this does not happen. It is kept rather than dropped here.
                std::mem::forget(self.runner.replace(runner));
            }
        }
    }
}

impl Drop for Local {
    /// Off the audio thread: the runner goes home, so that the plugin can be deactivated where it was activated.
    fn drop(&mut self) {
        self.give_back();
    }
}
