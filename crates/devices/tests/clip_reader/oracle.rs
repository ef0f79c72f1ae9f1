//! What a clip reader must put out, frame by frame, and the material that tests are made of.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use omega_devices::clip_reader::{
    ChannelMap, ClipReader, Cut, Fade, FadeShape, NamedSource, PlayList, Segment, SourceId,
};
use omega_dsp::simd::Level;
use omega_processor::{PrepareConfig, Transport};
use omega_rt::{Owned, PcmSource, RamPcm, Shared};
use omega_testkit::drive::Job;
use omega_testkit::random::Random;

/// Channels of the track.
pub const OUTPUTS: usize = 3;

/// Sample rate of all tests: a list's cross-fade has [`FADE`] frames.
pub const CONFIG: PrepareConfig = PrepareConfig { sample_rate: 48_000, inputs: 0, outputs: OUTPUTS };

/// Frames of the cross-fade between lists: 10 ms.
pub const FADE: i64 = 480;

/// Samples of all sources, by name and channel.
pub type Library = Vec<Vec<Vec<f32>>>;

/// Random sources of one to three channels.
pub fn library(random: &mut Random) -> Library {
    (0..5)
        .map(|_| {
            let frames = 50 + random.index(2500);
            (0..1 + random.index(3)).map(|_| (0..frames).map(|_| random.value(-1.0, 1.0)).collect()).collect()
        })
        .collect()
}

/// One of a library's sources; every second one cannot hand out slices.
pub fn source(library: &Library, id: SourceId) -> NamedSource {
    let ram = RamPcm::new(library[index(id)].iter().map(|channel| Arc::from(&channel[..])));
    let boxed: Box<dyn PcmSource> = if id.is_multiple_of(2) { Box::new(ram) } else { Box::new(Paged(ram)) };
    (id, Owned::from(boxed))
}

fn index(id: SourceId) -> usize {
    usize::try_from(id).expect("few sources")
}

/// The sources that `segments` name.
pub fn sources(library: &Library, segments: &[Segment]) -> Vec<NamedSource> {
    let mut ids: Vec<SourceId> = segments.iter().map(|segment| segment.source).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.into_iter().map(|id| source(library, id)).collect()
}

/// A list with all the sources it needs.
pub fn list(library: &Library, segments: &[Segment]) -> PlayList {
    PlayList::build(segments.to_vec(), sources(library, segments)).expect("a list that makes sense")
}

/// A reader that plays `list`.
pub fn reader(list: PlayList, level: Level) -> ClipReader {
    let mut reader = ClipReader::new(&CONFIG, level);
    omega_processor::Processor::exchange(&mut reader, &mut *ClipReader::payload(list));
    reader
}

/// Rolling over `frames` frames from `position` on. The channels hold rubbish: the reader has no input.
pub fn job(position: i64, frames: usize) -> Job {
    let transport = Transport { position, clock: position, rolling: true, ..Transport::default() };
    Job { frames, input: vec![vec![f32::NAN; frames]; OUTPUTS], transport, ..Job::default() }
}

fn fade(random: &mut Random) -> Fade {
    let shapes = [
        FadeShape::Linear,
        FadeShape::EqualPower,
        FadeShape::SCurve,
        FadeShape::Exponential,
        FadeShape::Fast,
    ];
    match random.index(3) {
        0 => Fade::NONE,
        _ => Fade { length: random.within(0, 700), shape: shapes[random.index(4)] },
    }
}

/// A segment with everything that a segment can have.
pub fn segment(random: &mut Random, library: &Library) -> Segment {
    let source = random.bits() % library.len() as u64;
    let length = if random.once_in(6) { random.within(1, 3) } else { random.within(1, 1500) };
    let map = match random.index(3) {
        0 => ChannelMap::Straight,
        1 => ChannelMap::Single(u16::try_from(random.index(3)).expect("small")),
        _ => ChannelMap::Listed(Shared::from(Arc::from([Some(1), None, Some(0)]))),
    };
    let repeat = if random.once_in(3) { random.within(32, 400) } else { 0 };
    let cut = Cut {
        before: random.within(0, 400),
        behind: random.within(0, 400),
        fade_in: fade(random),
        fade_out: fade(random),
        risen: random.within(0, 300),
        left: random.within(0, 300),
    };
    Segment {
        channels: map,
        gain: if random.once_in(3) { 1.0 } else { random.value(-1.5, 1.5) },
        fade_in: fade(random),
        fade_out: fade(random),
        reverse: random.once_in(3),
        repeat,
        phase: if repeat > 0 && random.once_in(2) { random.within(0, repeat - 1) } else { 0 },
        cut: if random.once_in(2) { cut } else { Cut::NONE },
        muted: random.once_in(8),
        ..Segment::new(source, random.within(-600, 2400), length, random.within(-100, 2000))
    }
}

/// What one segment gives at a time-line frame: sample and gain. `None` where it is not heard.
pub fn heard(library: &Library, segment: &Segment, output: usize, frame: i64) -> Option<(f32, f32)> {
    if !(segment.start..segment.start + segment.length).contains(&frame) {
        return None;
    }
    let after = frame - segment.start;
    let span = if segment.repeat == 0 { segment.length } else { segment.repeat };
    let phase = (after + segment.phase) % span;
    let from = segment.offset + if segment.reverse { span - 1 - phase } else { phase };
    let channel = match &segment.channels {
        ChannelMap::Straight => Some(output),
        ChannelMap::Single(channel) => Some(usize::from(*channel)),
        ChannelMap::Listed(list) => list[output].map(usize::from),
    };
    let samples = library[index(segment.source)].get(channel?)?;
    let sample = usize::try_from(from).ok().and_then(|from| samples.get(from)).copied().unwrap_or(0.0);
    let part = |distance: i64, fade: Fade| {
        if distance < fade.length { fade.shape.gain(distance as f32 / fade.length as f32) } else { 1.0 }
    };
    let before_end = segment.start + segment.length - frame;
    let Cut { before, behind, fade_in, fade_out, risen, left } = segment.cut;
    let clip =
        segment.gain * part(after + before, segment.fade_in) * part(before_end + behind, segment.fade_out);
    Some((sample, clip * part(after + risen, fade_in) * part(before_end + left, fade_out)))
}

/// The sum of all segments, in the list's order, over the frames of `job`.
pub fn naive(library: &Library, segments: &[Segment], job: &Job) -> Vec<Vec<u32>> {
    (0..OUTPUTS)
        .map(|output| {
            (job.transport.position..)
                .take(job.frames)
                .map(|frame| {
                    let parts = segments.iter().filter_map(|s| heard(library, s, output, frame));
                    parts.fold(0.0f32, |sum, (sample, gain)| sum + sample * gain).to_bits()
                })
                .collect()
        })
        .collect()
}

/// A source that hands out no slices.
pub struct Paged(pub RamPcm);

impl PcmSource for Paged {
    fn channels(&self) -> usize {
        self.0.channels()
    }

    fn frames(&self) -> i64 {
        self.0.frames()
    }

    fn read(&mut self, channel: usize, start: i64, out: &mut [f32]) -> usize {
        self.0.read(channel, start, out)
    }

    fn steer(&mut self, _frame: i64, _direction: i32) {}
}

/// A source of one constant channel, without end, that counts how many of its kind there are.
pub struct Steady {
    alive: Arc<AtomicUsize>,
}

impl Steady {
    pub fn source(alive: &Arc<AtomicUsize>) -> Owned<dyn PcmSource> {
        alive.fetch_add(1, Ordering::Relaxed);
        let boxed: Box<dyn PcmSource> = Box::new(Self { alive: Arc::clone(alive) });
        Owned::from(boxed)
    }
}

impl Drop for Steady {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

impl PcmSource for Steady {
    fn channels(&self) -> usize {
        1
    }

    fn frames(&self) -> i64 {
        i64::MAX
    }

    fn read(&mut self, _channel: usize, _start: i64, out: &mut [f32]) -> usize {
        out.fill(1.0);
        0
    }

    fn steer(&mut self, _frame: i64, _direction: i32) {}
}
