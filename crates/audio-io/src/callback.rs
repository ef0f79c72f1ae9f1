//! What hardware calls: [`AudioCallback`], and what it hands over: [`IoBlock`].

use std::any::Any;

use crate::midi::MidiEvent;

/// The largest number of channels in one direction.
pub const MAX_CHANNELS: usize = 256;

/// The largest block a callback is ever given, in frames. A backend whose hardware asks for more calls several times.
pub const MAX_PERIOD: usize = 8192;

/// What hardware calls for every block of audio.
///
/// # Real-time safety
/// `process` runs on the audio thread: no allocation, no lock, no input or output, no waiting, no unbounded work. The
/// caller has denormals switched off and holds an [`omega_rt::RtScope`], so that a test binary with the counting
/// allocator sees every slip in [`Stats::violations`](crate::Stats::violations). A panic is caught: the block is
/// silenced, the callback is never called again, and [`Event::CallbackFailed`](crate::Event::CallbackFailed) is reported.
///
/// Any `FnMut(&mut IoBlock<'_>) + Send` is a callback. The trait extends [`Any`], so that what
/// [`Stream::stop`](crate::Stream::stop) gives back can be downcast to the type that was handed in.
pub trait AudioCallback: Any + Send {
    /// Reads `io.inputs` and fills `io.outputs` for `io.frames` frames. `io.frames` may differ from call to call; it is
    /// between 1 and [`MAX_PERIOD`].
    fn process(&mut self, io: &mut IoBlock<'_>);
}

impl<F: FnMut(&mut IoBlock<'_>) + Send + 'static> AudioCallback for F {
    fn process(&mut self, io: &mut IoBlock<'_>) {
        self(io);
    }
}

/// One block between the hardware and a callback. All slices are `frames` long and planar (one slice per channel).
#[derive(Debug)]
pub struct IoBlock<'a> {
    /// What the hardware captured, one slice per input.
    pub inputs: &'a [&'a [f32]],
    /// What the hardware will play, one slice per output. All zero at the call, so what is left alone stays silent.
    pub outputs: &'a mut [&'a mut [f32]],
    /// The MIDI messages of the block, sorted by frame.
    pub midi: &'a [MidiEvent],
    /// Length of the block, 1 to [`MAX_PERIOD`] frames.
    pub frames: usize,
    /// The hardware's frame counter and clock at the first frame of this block.
    pub time: HardwareTime,
    /// The hardware's rate in frames per second.
    pub rate: u32,
    /// What happened since the previous block.
    pub flags: IoFlags,
}

/// Where the hardware's clock stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HardwareTime {
    /// Frames since the stream was started. Never goes back; jumps forward by [`IoFlags::lost`] after a gap.
    pub frame: i64,
    /// Nanoseconds on the hardware's own monotonic clock. Its origin is the backend's.
    pub nanos: i64,
}

/// What happened since the previous block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IoFlags {
    /// The hardware reported an xrun.
    pub xrun: bool,
    /// The hardware runs as fast as it can and waits for the callback: nothing is lost by taking long.
    pub freewheel: bool,
    /// Frames that passed at the hardware without a callback; 0 normally.
    pub lost: i64,
}

/// Makes a block of channel slices, in arrays on the stack, sets the outputs to zero and hands it to `work`. Real-time
/// safe. `inputs` and `outputs` give `widths.0` and `widths.1` slices of `frame.frames` frames each.
pub(crate) fn with_block<'a>(
    inputs: impl Iterator<Item = &'a [f32]>,
    outputs: impl Iterator<Item = &'a mut [f32]>,
    widths: (usize, usize),
    (frame, midi): (BlockFrame, &[MidiEvent]),
    work: impl FnOnce(&mut IoBlock<'_>),
) {
    // A small array for the usual case: making the largest costs half a microsecond.
    match widths.0.max(widths.1) {
        0..=8 => with_arrays::<8>(inputs, outputs, (frame, midi), work),
        9..=64 => with_arrays::<64>(inputs, outputs, (frame, midi), work),
        _ => with_arrays::<MAX_CHANNELS>(inputs, outputs, (frame, midi), work),
    }
}

/// All of an [`IoBlock`] but its channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockFrame {
    pub frames: usize,
    pub time: HardwareTime,
    pub rate: u32,
    pub flags: IoFlags,
}

fn with_arrays<'a, const N: usize>(
    inputs: impl Iterator<Item = &'a [f32]>,
    outputs: impl Iterator<Item = &'a mut [f32]>,
    (frame, midi): (BlockFrame, &[MidiEvent]),
    work: impl FnOnce(&mut IoBlock<'_>),
) {
    let mut input_array: [&[f32]; N] = [&[]; N];
    let mut input_count = 0;
    // One after the other: to zip chunks would divide by a length that the compiler does not know.
    let mut slots = input_array.iter_mut();
    for channel in inputs {
        let Some(slot) = slots.next() else { break };
        *slot = channel;
        input_count += 1;
    }
    let mut output_array: [&mut [f32]; N] = std::array::from_fn(|_| -> &mut [f32] { &mut [] });
    let mut output_count = 0;
    let mut slots = output_array.iter_mut();
    for channel in outputs {
        let Some(slot) = slots.next() else { break };
        channel.fill(0.0);
        *slot = channel;
        output_count += 1;
    }
    let BlockFrame { frames, time, rate, flags } = frame;
    let inputs = input_array.get(..input_count).unwrap_or_default();
    let outputs = output_array.get_mut(..output_count).unwrap_or_default();
    work(&mut IoBlock { inputs, outputs, midi, frames, time, rate, flags });
}
