//! A JACK client that plays MIDI on known frames.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use jack::{AsyncClient, AudioOut, Client, Control, MidiOut, Port, ProcessScope, RawMidi};

use super::JackServer;
use crate::config::OpenError;
use crate::jack::Gate;

/// Plays messages on its port `midi`, each on its frame, and beside each a sample of 0.5 on its audio port `click`.
pub struct MidiPlayer {
    active: Option<AsyncClient<(), Playing>>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    go: AtomicBool,
    done: AtomicBool,
    broken: AtomicBool,
    gate: Gate,
}

struct Playing {
    midi: Port<MidiOut>,
    click: Port<AudioOut>,
    messages: Vec<(u64, [u8; 3])>,
    next: usize,
    frame: u64,
    last: Option<u32>,
    state: Arc<State>,
}

impl MidiPlayer {
    /// A client of this name that waits for [`go`](Self::go). The messages are sorted by their frames, which count from there.
    ///
    /// # Errors
    /// The server's.
    pub fn start(
        server: &JackServer,
        client: &str,
        messages: Vec<(u64, [u8; 3])>,
    ) -> Result<Self, OpenError> {
        let failed =
            |error: jack::Error| OpenError::Jack { what: "play MIDI".to_owned(), reason: error.to_string() };
        let client = crate::jack::open_client(client, &server.options())?;
        let midi = client.register_port("midi", MidiOut::default()).map_err(failed)?;
        let click = client.register_port("click", AudioOut::default()).map_err(failed)?;
        let state = Arc::<State>::default();
        let (next, frame, last) = (0, 0, None);
        let playing = Playing { midi, click, messages, next, frame, last, state: Arc::clone(&state) };
        let active = client.activate_async((), playing).map_err(failed)?;
        Ok(Self { active: Some(active), state })
    }

    /// Begins to play with the next cycle.
    pub fn go(&self) {
        self.state.go.store(true, SeqCst);
    }

    /// All is played.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state.done.load(SeqCst)
    }

    /// No cycle was left out meanwhile, so all lies where it ought to.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        !self.state.broken.load(SeqCst)
    }
}

impl Playing {
    fn cycle(&mut self, scope: &ProcessScope) {
        let frames = scope.n_frames();
        let click = self.click.as_mut_slice(scope);
        click.fill(0.0);
        let mut writer = self.midi.writer(scope);
        if !self.state.go.load(SeqCst) {
            return;
        }
        let now = scope.last_frame_time();
        if self.last.is_some_and(|last| now != last.wrapping_add(frames)) {
            self.state.broken.store(true, SeqCst);
        }
        self.last = Some(now);
        while let Some((at, bytes)) = self.messages.get(self.next)
            && let Some(time) = u32::try_from(at - self.frame).ok().filter(|time| *time < frames)
        {
            let length = if matches!(bytes[0], 0xC0..=0xDF) { 2 } else { 3 };
            if writer.write(&RawMidi { time, bytes: &bytes[..length] }).is_err() {
                self.state.broken.store(true, SeqCst);
            }
            click[time as usize] = 0.5;
            self.next += 1;
        }
        self.frame += u64::from(frames);
        if self.next == self.messages.len() {
            self.state.done.store(true, SeqCst);
        }
    }
}

impl jack::ProcessHandler for Playing {
    fn process(&mut self, _: &Client, scope: &ProcessScope) -> Control {
        let state = Arc::clone(&self.state);
        if state.gate.enter() {
            self.cycle(scope);
            state.gate.leave();
        }
        Control::Continue
    }
}

impl Drop for MidiPlayer {
    fn drop(&mut self) {
        // See `JackRunning::halt`: no thread is cancelled inside of our code.
        self.state.gate.close();
        if let Some(active) = self.active.take() {
            drop(active.deactivate());
        }
    }
}
