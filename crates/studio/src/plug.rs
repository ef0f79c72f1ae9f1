//! The connection between the engine's callback and hardware, which may be pulled out and put in elsewhere.

use omega_audio_io::{
    AudioCallback, EventReader, Latency, OpenError, Prepared, Stats, Stream, StreamConfig, StreamInfo,
};

/// A callback in a stream, or on its own while there is no hardware for it.
pub(crate) struct Plug {
    stream: Option<Stream>,
    /// The callback while it is pulled out; `None` then if the hardware kept it.
    callback: Option<Box<dyn AudioCallback>>,
    // As they were when it was pulled out.
    info: StreamInfo,
    stats: Stats,
    events: EventReader,
}

/// Opens hardware for a session at `session` frames per second, which is what the callback gets, whatever the hardware runs at.
pub(crate) fn prepare(config: &StreamConfig, session: u32) -> Result<Prepared, OpenError> {
    omega_audio_io::prepare(&StreamConfig { rate: Some(session), resample: true, ..config.clone() })
}

impl Plug {
    /// Starts calling `callback`.
    pub(crate) fn new(prepared: Prepared, callback: Box<dyn AudioCallback>) -> Result<Self, OpenError> {
        let stream = prepared.start(callback)?;
        let (info, stats, events) = (stream.info(), stream.stats(), stream.events());
        Ok(Self { stream: Some(stream), callback: None, info, stats, events })
    }

    /// Closes the hardware and keeps the callback. When this returns it is not called any more.
    pub(crate) fn pull(&mut self) {
        if let Some(stream) = self.stream.take() {
            (self.info, self.stats, self.events) = (stream.info(), stream.stats(), stream.events());
            self.callback = stream.stop();
        }
    }

    /// The callback, while it is pulled out; `None` if the hardware kept it: a server that hangs.
    pub(crate) fn take_callback(&mut self) -> Option<Box<dyn AudioCallback>> {
        self.callback.take()
    }

    pub(crate) fn is_in(&self) -> bool {
        self.stream.is_some()
    }

    pub(crate) fn info(&self) -> StreamInfo {
        self.stream.as_ref().map_or_else(|| self.info.clone(), Stream::info)
    }

    /// Between callback and cable, while it is in; nothing is known while it is not.
    pub(crate) fn latency(&self) -> Latency {
        self.stream.as_ref().map(Stream::latency).unwrap_or_default()
    }

    pub(crate) fn stats(&self) -> Stats {
        self.stream.as_ref().map_or(self.stats, Stream::stats)
    }

    pub(crate) fn events(&self) -> EventReader {
        self.stream.as_ref().map_or_else(|| self.events.clone(), Stream::events)
    }
}
