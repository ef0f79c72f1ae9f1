//! What the engine is connected to: hardware, a file being rendered, a test.

use omega_processor::Event;

/// Planar channels around the engine. A channel that is absent gives an empty slice, and what would go there is dropped.
pub trait Outside {
    /// Hardware input `channel`, all frames of the call.
    fn input(&self, channel: usize) -> &[f32];
    /// Output `channel`, all frames of the call.
    fn output(&mut self, channel: usize) -> &mut [f32];
    /// Number of output channels.
    fn outputs(&self) -> usize;
    /// MIDI that comes in during the call, sorted by frame: [`EventKind::Midi`](omega_processor::EventKind::Midi), whose port is the
    /// input.
    fn midi(&self) -> &[Event] {
        &[]
    }
    /// Whoever is outside waits for this call, so that nothing is lost by taking long: nobody is taken out for it.
    fn waits(&self) -> bool {
        false
    }
}

/// An [`Outside`] in memory that the caller owns: planar, `frames` values for each channel.
#[derive(Debug)]
pub struct Planar<'a> {
    /// Input channels one after the other.
    pub inputs: &'a [f32],
    /// Output channels one after the other.
    pub outputs: &'a mut [f32],
    /// Frames of each channel.
    pub frames: usize,
}

impl Outside for Planar<'_> {
    fn input(&self, channel: usize) -> &[f32] {
        let begin = channel.saturating_mul(self.frames);
        self.inputs.get(begin..begin.saturating_add(self.frames)).unwrap_or(&[])
    }

    fn output(&mut self, channel: usize) -> &mut [f32] {
        let begin = channel.saturating_mul(self.frames);
        self.outputs.get_mut(begin..begin.saturating_add(self.frames)).unwrap_or(&mut [])
    }

    fn outputs(&self) -> usize {
        self.outputs.len().checked_div(self.frames).unwrap_or(0)
    }
}

/// An [`Outside`] of separate slices, as hardware gives them.
#[derive(Debug)]
pub struct Slices<'a, 'b> {
    /// Input channels.
    pub inputs: &'a [&'b [f32]],
    /// Output channels.
    pub outputs: &'a mut [&'b mut [f32]],
    /// See [`Outside::midi`].
    pub midi: &'a [Event],
    /// See [`Outside::waits`].
    pub waits: bool,
}

impl Outside for Slices<'_, '_> {
    fn input(&self, channel: usize) -> &[f32] {
        self.inputs.get(channel).copied().unwrap_or(&[])
    }

    fn output(&mut self, channel: usize) -> &mut [f32] {
        match self.outputs.get_mut(channel) {
            Some(output) => output,
            None => &mut [],
        }
    }

    fn outputs(&self) -> usize {
        self.outputs.len()
    }

    fn midi(&self) -> &[Event] {
        self.midi
    }

    fn waits(&self) -> bool {
        self.waits
    }
}
