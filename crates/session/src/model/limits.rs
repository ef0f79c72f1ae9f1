//! What a session may ask for. Everything that a file or an edit can make large has its bound here.

/// Tracks of all kinds.
pub const MAX_TRACKS: usize = 10_000;
/// Clips.
pub const MAX_CLIPS: usize = 1_000_000;
/// Takes.
pub const MAX_TAKES: usize = 100_000;
/// Spans of comps.
pub const MAX_SPANS: usize = 1_000_000;
/// Frames of a fade between takes: nearly six minutes at 48 kHz.
pub const MAX_COMP_FADE: i64 = 1 << 24;
/// Devices.
pub const MAX_DEVICES: usize = 100_000;
/// Sends.
pub const MAX_SENDS: usize = 100_000;
/// Automation lanes.
pub const MAX_LANES: usize = 100_000;
/// Points of one lane.
pub const MAX_POINTS: usize = 1_000_000;
/// Notes of one clip.
pub const MAX_NOTES: usize = 1_000_000;
/// Controller points of one clip.
pub const MAX_CONTROLS: usize = 1_000_000;
/// Markers.
pub const MAX_MARKERS: usize = 100_000;
/// Tempo points or meter points, each; what a tempo map holds.
pub const MAX_TEMPO: usize = omega_time::TempoMap::MAX_POINTS;
/// The last bar that a time signature can begin with.
pub const MAX_BAR: i64 = 100_000_000;
/// Media files.
pub const MAX_MEDIA: usize = 1_000_000;
/// Parameters that one device stores.
pub const MAX_PARAMS: usize = 10_000;
/// Channels of a track, a bus or a media file.
pub const MAX_CHANNELS: u16 = 64;
/// The highest hardware channel, counted from 0.
pub const MAX_HARDWARE_CHANNEL: u16 = 4_095;
/// Characters of a name.
pub const MAX_NAME: usize = 1_000;
/// Characters of a path or of an unknown text.
pub const MAX_TEXT: usize = 100_000;
/// Places on the time line lie within ± this many frames or ticks: 2⁵⁰, about 743 years at 48 kHz, so that sums and
/// conversions stay far away from overflow and every place is exact in an `f64`.
pub const MAX_TIME: i64 = 1 << 50;
/// Frames of track delay and feedback delay, either way: ten minutes at 384 kHz.
pub const MAX_DELAY: i64 = 230_400_000;
/// At or below this many decibels a gain is exact silence.
pub const SILENCE_DB: f64 = -144.0;
/// The largest gain of a fader, a send or a clip.
pub const MAX_GAIN_DB: f64 = 48.0;
/// Parameter and automation values lie within ± this.
pub const MAX_VALUE: f64 = 1e12;
/// Values of one array in `project.json`.
pub const MAX_LIST: usize = 10_000;
/// Levels of objects in `project.json`.
pub const MAX_DEPTH: usize = 32;
/// Bytes of `project.json`.
pub const MAX_TEXT_FILE: u64 = 1 << 30;
/// Facts of one session.
pub const MAX_FACTS: usize = 20_000_000;
/// Edits in one group.
pub const MAX_GROUP: usize = 100_000;
