//! Offline rendering: the sound of a project as a pure function of it.
//!
//! A render starts from reset state at the first frame of its range, waits for its data, and gives the frames of the range
//! without the latency of the graph: frame 0 is the range's first frame. The block size and the instruction set change
//! nothing, so they can be chosen to prove just that.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::path::Path;

use omega_dsp::simd::Level;
use omega_engine::prepare::{Conductor, Notification, engine};
use omega_engine::{Executor, Fault, Planar};
use omega_lowering::{Notice, Purpose};
use omega_plugin::Pace;
use omega_session::model::{MediaId, Project, TrackId};

use crate::sound::{Sound, SoundError};
use crate::sources::Sources;

/// Frames asked of the engine at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blocks {
    /// Always so many, 1..=1,048,576.
    Of(usize),
    /// Any number from 1 to 4,096, drawn from a seed.
    Random(u64),
}

/// What is heard after the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// Nothing.
    None,
    /// So many frames.
    Frames(u64),
    /// Until it has been below −120 dBFS for [`QUIET`] frames; at most [`LONGEST_TAIL`] seconds.
    Auto,
}

/// Frames below −120 dBFS after which a tail has ended.
pub const QUIET: u64 = 4096;
/// Seconds of the longest automatic tail.
pub const LONGEST_TAIL: u64 = 60;
/// −120 dBFS.
const INAUDIBLE: f32 = 1e-6;

/// What to render.
#[derive(Clone, Debug)]
pub struct RenderRequest {
    /// Frames of the time line; `None` for all from frame 0 to the end of the last clip.
    pub range: Option<Range<i64>>,
    /// What follows. Beyond the last clip the time line goes on; when the range ends before, it stands still there.
    pub tail: Tail,
    /// Tracks that get channels of their own behind the master's.
    pub stems: Vec<TrackId>,
    /// The metronome clicks in the master.
    pub metronome: bool,
    /// Frames at once.
    pub blocks: Blocks,
    /// Instruction set.
    pub level: Level,
}

impl Default for RenderRequest {
    fn default() -> Self {
        Self {
            range: None,
            tail: Tail::None,
            stems: Vec::new(),
            metronome: false,
            blocks: Blocks::Of(1024),
            level: Level::detect(),
        }
    }
}

/// What was rendered.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// Frames in all.
    pub frames: u64,
    /// BLAKE3 of the master's samples, interleaved, as 32-bit floats in little-endian order.
    pub hash: blake3::Hash,
    /// Latency of the graph in frames; it has been taken off.
    pub latency: u32,
    /// What the lowering left out.
    pub notices: Vec<Notice>,
}

/// Why nothing, or not all, was rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// The project cannot be made to sound.
    #[error(transparent)]
    Sound(#[from] SoundError),
    /// Media cannot be read.
    #[error("{} media file(s) cannot be read: {}; relink them, or remove their clips", .0.len(), list(.0))]
    Media(BTreeMap<MediaId, String>),
    /// There is nothing between the beginning and the end.
    #[error("there is nothing to render: the range is empty, or the session has no clips; name a range")]
    Empty,
    /// A device failed.
    #[error("{name} {fault}, in the block that ends with frame {frame}; bypass it and render again")]
    Failed {
        /// The device.
        name: String,
        /// Why it was taken out of the sound.
        fault: Fault,
        /// How far it got.
        frame: u64,
    },
    /// A track is not there.
    #[error("there is no track {0} to make a stem of")]
    NoStem(TrackId),
    /// Whoever takes the sound cannot.
    #[error("{0}")]
    Sink(String),
    /// The caller broke off.
    #[error("the render was cancelled")]
    Cancelled,
}

fn list(media: &BTreeMap<MediaId, String>) -> String {
    media.iter().take(3).map(|(id, why)| format!("{id}: {why}")).collect::<Vec<_>>().join("; ")
}

/// Takes the number of channels of the master and of each stem, and the channels themselves, one behind the other and all
/// of one length. An error ends the render.
pub type Sink<'a> = &'a mut dyn FnMut(&[u16], &[&[f32]]) -> Result<(), String>;

/// Is told how much is done, 0..=1; breaks to end the render.
pub type Progress<'a> = &'a mut dyn FnMut(f32) -> ControlFlow<()>;

/// A render under way.
struct Render {
    executor: Executor,
    sound: Sound,
    channels: usize,
    layout: Vec<u16>,
    memory: Vec<f32>,
    hasher: blake3::Hasher,
    bytes: Vec<u8>,
    produced: u64,
}

/// Renders `project`, whose media lies relative to `root`.
///
/// # Errors
/// [`RenderError`]; what went to the sink before it is a correct beginning.
pub fn render(
    project: &Project,
    root: &Path,
    sources: &dyn Sources,
    request: &RenderRequest,
    sink: Sink<'_>,
    progress: Progress<'_>,
) -> Result<Rendered, RenderError> {
    if let Some(id) = request.stems.iter().find(|id| project.track(id).is_none()) {
        return Err(RenderError::NoStem(id.clone()));
    }
    let (executor, control) = engine(request.level);
    let conductor = Conductor::new(control, project.sample_rate().hz());
    let purpose = Purpose::Render { stems: request.stems.clone(), metronome: request.metronome };
    let mut sound = Sound::new(conductor, request.level, purpose, Pace::Waiting);
    sound.update(project, root, sources)?;
    if !sound.unreadable.is_empty() {
        return Err(RenderError::Media(std::mem::take(&mut sound.unreadable)));
    }
    let Some(lowered) = sound.lowered() else { return Err(RenderError::Empty) };
    let session_end = lowered.end;
    let range = request.range.clone().unwrap_or(0..session_end);
    let length =
        range.end.checked_sub(range.start).and_then(|length| u64::try_from(length).ok()).unwrap_or(0);
    if length == 0 {
        return Err(RenderError::Empty);
    }
    let layout: Vec<u16> = lowered.channels.iter().map(|(_, channels)| *channels).collect();
    let channels = layout.iter().map(|&channels| usize::from(channels)).sum();
    let notices = lowered.notices.clone();
    let latency = sound.conductor.schedule().latency;
    sound.conductor.locate(range.start);
    sound.conductor.play();
    let (hasher, bytes, memory) = (blake3::Hasher::new(), Vec::new(), Vec::new());
    let mut render = Render { executor, sound, channels, layout, memory, hasher, bytes, produced: 0 };
    // Without a tail nothing behind the range is heard, and tracks that sound early need what lies behind it.
    let stops = range.end < session_end && request.tail != Tail::None;
    render.run(request, u64::from(latency), length, stops, project.sample_rate().hz(), (sink, progress))?;
    Ok(Rendered { frames: render.produced, hash: render.hasher.finalize(), latency, notices })
}

impl Render {
    fn run(
        &mut self,
        request: &RenderRequest,
        latency: u64,
        length: u64,
        stops: bool,
        rate: u32,
        (sink, progress): (Sink<'_>, Progress<'_>),
    ) -> Result<(), RenderError> {
        let mut sizes = Sizes::new(request.blocks);
        let tail = match request.tail {
            Tail::None => 0,
            Tail::Frames(frames) => frames,
            Tail::Auto => LONGEST_TAIL * u64::from(rate),
        };
        let whole = length + tail;
        let mut quiet = 0;
        let mut done = 0u64;
        while self.produced < whole {
            if done == length && stops {
                self.sound.conductor.stop();
            }
            let until = if done < length { length - done } else { u64::MAX };
            let frames = sizes.next().min(until).min(latency + whole - done);
            self.process(frames);
            self.check()?;
            let late = latency.saturating_sub(done).min(frames);
            done += frames;
            let heard = usize::try_from(late).unwrap_or(0)..usize::try_from(frames).unwrap_or(0);
            let ended =
                self.deliver(heard, (request.tail == Tail::Auto).then_some((length, &mut quiet)), sink)?;
            #[allow(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                reason = "a share to be shown"
            )]
            let share = (self.produced as f64 / length as f64).min(1.0) as f32;
            if progress(share).is_break() {
                return Err(RenderError::Cancelled);
            }
            if ended {
                break;
            }
        }
        Ok(())
    }

    fn process(&mut self, frames: u64) {
        let frames = usize::try_from(frames).unwrap_or(0);
        self.memory.resize(frames * self.channels, 0.0);
        let mut outside = Planar { inputs: &[], outputs: &mut self.memory, frames };
        self.executor.process(&mut outside, frames);
    }

    fn check(&mut self) -> Result<(), RenderError> {
        for told in self.sound.conductor.poll() {
            if let Notification::Failed { node, fault } = told {
                let name = self.sound.name_of(node).to_owned();
                return Err(RenderError::Failed { name, fault, frame: self.produced });
            }
        }
        Ok(())
    }

    /// Hands over the frames `heard` of the block; true when an automatic tail has ended within them.
    fn deliver(
        &mut self,
        heard: Range<usize>,
        tail: Option<(u64, &mut u64)>,
        sink: Sink<'_>,
    ) -> Result<bool, RenderError> {
        let stride = self.memory.len().checked_div(self.channels).unwrap_or(0);
        let mut count = heard.len();
        let mut ended = false;
        if let Some((length, quiet)) = tail {
            for frame in heard.clone() {
                let at = self.produced + (frame - heard.start) as u64;
                let loud = self.memory.chunks(stride.max(1)).any(|channel| channel[frame].abs() >= INAUDIBLE);
                *quiet = if loud || at < length { 0 } else { *quiet + 1 };
                if *quiet >= QUIET {
                    (count, ended) = (frame + 1 - heard.start, true);
                    break;
                }
            }
        }
        let channels: Vec<&[f32]> = self
            .memory
            .chunks(stride.max(1))
            .take(self.channels)
            .map(|channel| &channel[heard.start..heard.start + count])
            .collect();
        self.bytes.clear();
        let master = self.layout.first().map_or(0, |&channels| usize::from(channels));
        for frame in 0..count {
            for channel in channels.iter().take(master) {
                self.bytes.extend_from_slice(&channel[frame].to_le_bytes());
            }
        }
        self.hasher.update(&self.bytes);
        self.produced += count as u64;
        if count > 0 {
            sink(&self.layout, &channels).map_err(RenderError::Sink)?;
        }
        Ok(ended)
    }
}

/// Draws block sizes.
struct Sizes {
    blocks: Blocks,
    state: u64,
}

impl Sizes {
    fn new(blocks: Blocks) -> Self {
        Self { blocks, state: if let Blocks::Random(seed) = blocks { seed } else { 0 } }
    }

    fn next(&mut self) -> u64 {
        match self.blocks {
            Blocks::Of(frames) => frames.clamp(1, 1 << 20) as u64,
            Blocks::Random(_) => {
                // SplitMix64 (Steele, Lea, Flood 2014).
                self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                let mut x = self.state;
                x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
                x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
                1 + (x ^ (x >> 31)) % 4096
            }
        }
    }
}
