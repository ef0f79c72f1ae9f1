//! The arrangement of the demo: tempo, tracks, buses, devices, clips and automation, as edits.
//!
//! | bars | part | tempo | meter |
//! |---|---|---|---|
//! | 1–4 | opening | 100 → 112 BPM | 4/4 |
//! | 5–12 | verse | 112 | 4/4 |
//! | 13–20 | chorus | 118 | 4/4 |
//! | 21–24 | bridge | 118 | 3/4 |
//! | 25–30 | chorus | 118 | 4/4 |
//! | 31–32 | close | 118 → 84 | 4/4 |

use std::collections::BTreeMap;

use omega_session::edit::{
    ClipAdd, ClipFade, DeviceAdd, Edit, LaneAdd, LoopSet, MarkerAdd, MeterAdd, PointAdd, SendAdd, SessionSet,
    TempoAdd, TrackAdd, TrackPan, TrackVolume,
};
use omega_session::model::{
    ClipId, DeviceId, Fade, FadeShape, LaneId, MarkerId, MediaId, MeterId, Output, ParamTarget, PointId,
    PointShape, SendId, SendParam, TempoId, TrackId, TrackKind, TrackParam,
};
use omega_time::{Frames, Ramp, Tempo, TempoMap, Ticks, TimePoint, TimeRange, TimeSignature};

use super::DemoError;
use super::material::{CHORDS, MELODY, arpeggio};

/// Ticks of a sixteenth note.
const SIXTEENTH: i64 = 20_160;
/// The last bar.
const BARS: i64 = 32;

/// The tick of a sixteenth of a bar, both counted as musicians do: bars from 1, sixteenths from 0.
fn tick(bar: i64, sixteenth: i64) -> Ticks {
    let short = (bar - 21).clamp(0, 4);
    Ticks(((bar - 1) * 16 - short * 4 + sixteenth) * SIXTEENTH)
}

/// A place in bars and sixteenths.
fn at(bar: i64, sixteenth: i64) -> TimePoint {
    TimePoint::Musical(tick(bar, sixteenth))
}

/// Whether the drums play in a bar.
const fn drums(bar: i64) -> bool {
    matches!(bar, 5..=20 | 25..=30)
}

/// Whether a bar belongs to a chorus.
const fn chorus(bar: i64) -> bool {
    matches!(bar, 13..=20 | 25..=30)
}

/// Edits that are gathered; ids count up, so that they are the same each time.
pub struct Song {
    /// What was gathered.
    pub edits: Vec<Edit>,
    counted: BTreeMap<&'static str, u32>,
}

macro_rules! ids {
    ($($name:ident -> $id:ident;)*) => { $(
        fn $name(&mut self) -> Result<$id, DemoError> {
            Ok(self.count($id::PREFIX).parse::<$id>()?)
        }
    )* };
}

impl Song {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self { edits: Vec::new(), counted: BTreeMap::new() }
    }

    fn count(&mut self, prefix: &'static str) -> String {
        let n = self.counted.entry(prefix).or_default();
        *n += 1;
        format!("{prefix}-{n:04}")
    }

    ids! {
        clip_id -> ClipId;
        device_id -> DeviceId;
        lane_id -> LaneId;
        marker_id -> MarkerId;
        meter_id -> MeterId;
        point_id -> PointId;
        send_id -> SendId;
        tempo_id -> TempoId;
    }

    fn add(&mut self, edit: impl Into<Edit>) {
        self.edits.push(edit.into());
    }

    /// Tempo, meter, markers, loop.
    pub fn frame(&mut self) -> Result<(), DemoError> {
        self.add(SessionSet {
            name: None,
            notes: Some("A song of synthesised sounds that uses every part of a session.".to_owned()),
            bus_precision: None,
        });
        let tempo = [
            (1, 100, Ramp::Linear),
            (5, 112, Ramp::Constant),
            (13, 118, Ramp::Constant),
            (31, 118, Ramp::Linear),
            (33, 84, Ramp::Constant),
        ];
        for (bar, bpm, ramp) in tempo {
            let id = Some(self.tempo_id()?);
            self.add(TempoAdd { id, ramp, ..TempoAdd::new(tick(bar, 0), Tempo::bpm(bpm)?) });
        }
        for (bar, signature) in [(1, "4/4"), (21, "3/4"), (25, "4/4")] {
            let id = Some(self.meter_id()?);
            self.add(MeterAdd { id, ..MeterAdd::new(bar, signature.parse::<TimeSignature>()?) });
        }
        let parts =
            [(1, "Opening"), (5, "Verse"), (13, "Chorus"), (21, "Bridge"), (25, "Chorus 2"), (31, "Close")];
        for (bar, name) in parts {
            let id = Some(self.marker_id()?);
            self.add(MarkerAdd { id, ..MarkerAdd::new(at(bar, 0), name) });
        }
        let range = Some(TimeRange::new(at(13, 0), at(17, 0))?);
        self.add(LoopSet { on: Some(false), range });
        Ok(())
    }

    /// Buses, returns, tracks and their sends.
    pub fn tracks(&mut self) -> Result<(), DemoError> {
        let buses = [
            (TrackKind::Bus, "drums", "Drums", -3.0),
            (TrackKind::Bus, "music", "Music", -3.0),
            (TrackKind::Bus, "crush", "Drums crushed", -13.0),
            (TrackKind::Return, "echo-left", "Echo left", -7.0),
            (TrackKind::Return, "echo-right", "Echo right", -7.0),
        ];
        for (kind, id, name, volume) in buses {
            self.track(kind, id, name, "master", volume, 0.0)?;
        }
        for (id, name, bus, volume, pan) in TRACKS {
            self.track(TrackKind::Audio, id, name, bus, *volume, *pan)?;
        }
        for (id, colour) in
            [("kick", "#c0503c"), ("bass", "#4c78a8"), ("lead", "#d8a838"), ("voice", "#7a9e5a")]
        {
            self.add(omega_session::edit::TrackColour {
                id: track(id)?,
                colour: Some(colour.parse().map_err(|why: &str| DemoError::Text(why.to_owned()))?),
            });
        }
        self.send("drums", "crush", 0.0, None)?;
        // Three sixteenths at 112 BPM, there and back: the echoes cross the stereo picture and die away.
        let delay = Frames(19_286);
        self.send("arp", "echo-left", -8.0, Some(delay))?;
        self.send("lead", "echo-right", -9.0, Some(delay))?;
        self.send("voice", "echo-left", -11.0, Some(delay))?;
        self.send("echo-left", "echo-right", -4.0, Some(delay))?;
        self.send("echo-right", "echo-left", -4.0, Some(delay))?;
        for (id, pan) in [("echo-left", -0.7), ("echo-right", 0.7)] {
            self.add(TrackPan { id: track(id)?, pan });
        }
        Ok(())
    }

    fn track(
        &mut self,
        kind: TrackKind,
        id: &str,
        name: &str,
        output: &str,
        db: f64,
        pan: f64,
    ) -> Result<(), DemoError> {
        let output = Some(Output::Track(track(output)?));
        let id = track(id)?;
        self.add(TrackAdd { id: Some(id.clone()), output, ..TrackAdd::new(kind, name) });
        self.add(TrackVolume { id: id.clone(), db });
        if pan != 0.0 {
            self.add(TrackPan { id, pan });
        }
        Ok(())
    }

    fn send(&mut self, from: &str, to: &str, gain_db: f64, delay: Option<Frames>) -> Result<(), DemoError> {
        let id = Some(self.send_id()?);
        self.add(SendAdd { id, gain_db, feedback_delay: delay, ..SendAdd::new(track(from)?, track(to)?) });
        Ok(())
    }

    /// Equalisers and compressors, as far as `offered` has them, and what moves by itself.
    pub fn devices(&mut self, offered: &dyn Fn(&str) -> bool) -> Result<(), DemoError> {
        let mut sweep = None;
        for (on, kind, name, sidechain, params) in DEVICES {
            if !offered(kind) {
                continue;
            }
            let id = self.device_id()?;
            if *name == "Sweep" {
                sweep = Some(id.clone());
            }
            let params = params.iter().map(|(key, value)| ((*key).to_owned(), *value)).collect();
            let sidechain = sidechain.map(track).transpose()?;
            let name = (*name).to_owned();
            self.add(DeviceAdd { id: Some(id), name, params, sidechain, ..DeviceAdd::new(track(on)?, kind) });
        }
        use PointShape::{Curve, Hold, Linear};
        let volume = |id: &str| Ok::<_, DemoError>(ParamTarget::Track(track(id)?, TrackParam::Volume));
        let pan = |id: &str| Ok::<_, DemoError>(ParamTarget::Track(track(id)?, TrackParam::Pan));
        self.lane(
            volume("warm")?,
            &[
                (1, 0, -30.0, Curve(0.4)),
                (4, 0, -9.0, Linear),
                (20, 0, -8.0, Curve(-0.5)),
                (22, 0, -5.0, Linear),
                (25, 0, -9.0, Linear),
                (31, 0, -8.0, Curve(0.6)),
                (33, 0, -40.0, Hold),
            ],
        )?;
        self.lane(
            volume("glass")?,
            &[
                (1, 0, -14.0, Linear),
                (12, 0, -20.0, Hold),
                (13, 0, -14.0, Hold),
                (31, 0, -14.0, Linear),
                (33, 0, -36.0, Hold),
            ],
        )?;
        self.lane(
            pan("arp")?,
            &[
                (1, 0, -0.5, Linear),
                (5, 0, 0.5, Linear),
                (9, 0, -0.5, Curve(0.5)),
                (13, 0, 0.6, Curve(-0.5)),
                (17, 0, -0.6, Linear),
                (21, 0, 0.0, Hold),
                (25, 0, 0.4, Hold),
                (27, 0, -0.4, Hold),
                (29, 0, 0.4, Linear),
                (32, 0, 0.0, Hold),
            ],
        )?;
        if let Some(device) = sweep {
            let target = ParamTarget::Device(device, "band1.freq".to_owned());
            self.lane(
                target,
                &[
                    (1, 0, 400.0, Curve(-0.6)),
                    (5, 0, 6_000.0, Linear),
                    (9, 0, 1_500.0, Curve(-0.5)),
                    (13, 0, 18_000.0, Hold),
                    (21, 0, 900.0, Linear),
                    (25, 0, 18_000.0, Hold),
                    (31, 0, 18_000.0, Curve(0.5)),
                    (33, 0, 300.0, Hold),
                ],
            )?;
        }
        let echo = SendId::new("snd-0002").map_err(|error| DemoError::Text(error.to_string()))?;
        self.lane(
            ParamTarget::Send(echo, SendParam::Gain),
            &[(1, 0, -10.0, Hold), (20, 8, -2.0, Hold), (21, 0, -6.0, Linear), (25, 0, -12.0, Hold)],
        )
    }

    fn lane(&mut self, target: ParamTarget, points: &[(i64, i64, f64, PointShape)]) -> Result<(), DemoError> {
        let lane = self.lane_id()?;
        self.add(LaneAdd { id: Some(lane.clone()), ..LaneAdd::new(target) });
        for &(bar, sixteenth, value, shape) in points {
            let id = Some(self.point_id()?);
            self.add(PointAdd { lane: lane.clone(), id, at: at(bar, sixteenth), value, shape });
        }
        Ok(())
    }

    /// All clips. `pool` has the media of each sound.
    pub fn clips(&mut self, pool: &BTreeMap<String, MediaId>, map: &TempoMap) -> Result<(), DemoError> {
        let mut player = Clips { song: self, pool, map };
        player.beat()?;
        player.low_and_high()?;
        player.chords()?;
        player.melody()?;
        player.effects()
    }
}

/// The track with this id.
fn track(id: &str) -> Result<TrackId, DemoError> {
    Ok(id.parse::<TrackId>()?)
}

/// Id, name, bus, fader in dB, pan.
const TRACKS: &[(&str, &str, &str, f64, f64)] = &[
    ("kick", "Kick", "drums", -3.0, 0.0),
    ("snare", "Snare", "drums", -6.0, 0.0),
    ("hats", "Hats", "drums", -15.0, 0.2),
    ("toms", "Toms", "drums", -8.0, -0.2),
    ("clave", "Percussion", "drums", -18.0, -0.5),
    ("bass", "Bass", "music", -7.0, 0.0),
    ("warm", "Pad warm", "music", -9.0, 0.0),
    ("glass", "Pad glass", "music", -14.0, 0.0),
    ("arp", "Arpeggio", "music", -14.0, 0.0),
    ("lead", "Lead", "music", -12.0, 0.1),
    ("voice", "Voice", "music", -10.0, -0.1),
    ("riser", "Riser", "music", -13.0, 0.0),
    ("impact", "Impact", "music", -7.0, 0.0),
];

type DeviceRow =
    (&'static str, &'static str, &'static str, Option<&'static str>, &'static [(&'static str, f64)]);

/// Track, kind, name, side-chain, parameters.
const DEVICES: &[DeviceRow] = &[
    (
        "kick",
        "omega.eq",
        "Weight",
        None,
        &[
            ("band2.on", 1.0),
            ("band2.freq", 62.0),
            ("band2.gain", 2.5),
            ("band3.on", 1.0),
            ("band3.freq", 320.0),
            ("band3.gain", -4.0),
        ],
    ),
    (
        "snare",
        "omega.compressor",
        "Snap",
        None,
        &[("threshold", -20.0), ("ratio", 3.0), ("attack", 12.0), ("release", 90.0), ("makeup", 2.0)],
    ),
    (
        "drums",
        "omega.compressor",
        "Glue",
        None,
        &[("threshold", -14.0), ("ratio", 2.0), ("attack", 25.0), ("release", 160.0), ("detector", 1.0)],
    ),
    (
        "crush",
        "omega.compressor",
        "Crush",
        None,
        &[("threshold", -38.0), ("ratio", 20.0), ("attack", 1.0), ("release", 60.0), ("makeup", 12.0)],
    ),
    (
        "bass",
        "omega.eq",
        "Shape",
        None,
        &[("band5.on", 1.0), ("band5.freq", 900.0), ("band5.gain", 3.0), ("band5.q", 1.2)],
    ),
    (
        "bass",
        "omega.compressor",
        "Duck under the kick",
        Some("kick"),
        &[("threshold", -30.0), ("ratio", 5.0), ("attack", 2.0), ("release", 140.0)],
    ),
    (
        "warm",
        "omega.eq",
        "Sweep",
        None,
        &[("band1.on", 1.0), ("band1.shape", SWEEP_SHAPE), ("band1.freq", 18_000.0), ("band1.q", 1.1)],
    ),
    (
        "voice",
        "omega.compressor",
        "Level",
        None,
        &[("threshold", -24.0), ("ratio", 4.0), ("knee", 12.0), ("lookahead", 5.0), ("makeup", 4.0)],
    ),
    ("lead", "omega.eq", "Air", None, &[("band8.on", 1.0), ("band8.freq", 6_000.0), ("band8.gain", 2.0)]),
    (
        "music",
        "omega.compressor",
        "Breathe",
        Some("kick"),
        &[("threshold", -26.0), ("ratio", 1.8), ("attack", 8.0), ("release", 180.0)],
    ),
    (
        "master",
        "omega.eq",
        "Tilt",
        None,
        &[
            ("band1.on", 1.0),
            ("band1.freq", 45.0),
            ("band1.gain", -1.5),
            ("band8.on", 1.0),
            ("band8.freq", 9_000.0),
            ("band8.gain", 1.5),
        ],
    ),
    (
        "master",
        "omega.compressor",
        "Hold the peaks",
        None,
        &[
            ("threshold", -7.0),
            ("ratio", 20.0),
            ("knee", 3.0),
            ("attack", 0.5),
            ("release", 80.0),
            ("lookahead", 5.0),
            ("makeup", 3.5),
        ],
    ),
];
/// A low pass of 12 dB an octave, in the list of shapes that the equaliser offers.
const SWEEP_SHAPE: f64 = super::LOW_PASS;

/// Lays clips.
struct Clips<'a> {
    song: &'a mut Song,
    pool: &'a BTreeMap<String, MediaId>,
    map: &'a TempoMap,
}

impl Clips<'_> {
    /// All of a sound at a place.
    fn hit(
        &mut self,
        on: &str,
        sound: &str,
        bar: i64,
        sixteenth: i64,
        gain_db: f64,
    ) -> Result<(), DemoError> {
        self.lay(on, sound, (bar, sixteenth), None, gain_db).map(drop)
    }

    fn lay(
        &mut self,
        on: &str,
        sound: &str,
        (bar, sixteenth): (i64, i64),
        length: Option<Frames>,
        gain_db: f64,
    ) -> Result<ClipId, DemoError> {
        let media = self.pool.get(sound).ok_or_else(|| DemoError::Sound(sound.to_owned()))?.clone();
        let id = self.song.clip_id()?;
        let plain = ClipAdd::new(track(on)?, media, at(bar, sixteenth));
        self.song.add(ClipAdd { id: Some(id.clone()), name: sound.to_owned(), length, gain_db, ..plain });
        Ok(id)
    }

    /// A sound cut to some sixteenths, with fades.
    fn hold(&mut self, on: &str, sound: &str, bar: i64, from: i64, sixteenths: i64) -> Result<(), DemoError> {
        let length = self.map.to_frame(tick(bar, from + sixteenths)) - self.map.to_frame(tick(bar, from));
        let overlap = Frames(4_800);
        let id = self.lay(on, sound, (bar, from), Some(length + overlap), 0.0)?;
        let fade = |length| Fade::new(length, FadeShape::EqualPower);
        self.song.add(ClipFade { id, fade_in: Some(fade(overlap)), fade_out: Some(fade(overlap)) });
        Ok(())
    }

    fn beat(&mut self) -> Result<(), DemoError> {
        for bar in (1..=BARS).filter(|bar| drums(*bar)) {
            let kicks: &[i64] = if chorus(bar) { &[0, 4, 8, 12] } else { &[0, 7, 8] };
            kicks.iter().try_for_each(|&s| self.hit("kick", "kick", bar, s, 0.0))?;
            [4, 12].iter().try_for_each(|&s| self.hit("snare", "snare", bar, s, 0.0))?;
            for s in (0..16).step_by(if chorus(bar) { 1 } else { 2 }) {
                let open = chorus(bar) && s % 4 == 2;
                let accent = if s % 4 == 0 {
                    0.0
                } else if s % 2 == 0 {
                    -2.5
                } else {
                    -6.0
                };
                self.hit("hats", if open { "hat-open" } else { "hat" }, bar, s, accent)?;
            }
            if bar % 4 == 0 {
                let fill =
                    [(10, "tom-high"), (11, "tom-high"), (12, "tom-mid"), (14, "tom-low"), (15, "tom-low")];
                fill.iter().try_for_each(|(s, tom)| self.hit("toms", tom, bar, *s, 0.0))?;
            }
            [3, 6, 11].iter().try_for_each(|&s| self.hit("clave", "clave", bar, s, 0.0))?;
            (0..16).step_by(4).try_for_each(|s| self.hit("clave", "shaker", bar, s + 2, 0.0))?;
        }
        // The bridge: a beat in three.
        for bar in 21..=24 {
            self.hit("kick", "kick", bar, 0, -2.0)?;
            [4, 8].iter().try_for_each(|&s| self.hit("clave", "shaker", bar, s, 0.0))?;
        }
        Ok(())
    }

    fn low_and_high(&mut self) -> Result<(), DemoError> {
        for bar in 1..=BARS {
            let chord = chord(bar);
            let long = if (21..=24).contains(&bar) { 12 } else { 16 };
            if drums(bar) {
                let steps: &[i64] = if chorus(bar) { &[0, 2, 6, 8, 10, 14] } else { &[0, 6, 8, 11] };
                steps.iter().try_for_each(|&s| self.hit("bass", &format!("bass-{chord}"), bar, s, 0.0))?;
            } else if bar > 20 {
                self.hit("bass", &format!("bass-{chord}"), bar, 0, 0.0)?;
            }
            let notes = arpeggio(chord);
            let step = if chorus(bar) { 1 } else { 2 };
            for (s, note) in (0..long).step_by(step).zip([0, 1, 2, 3, 2, 1].iter().cycle()) {
                let quiet = if s % 4 == 0 { 0.0 } else { -3.0 };
                if bar < BARS {
                    self.hit("arp", &format!("pluck-{}", notes[*note]), bar, s, quiet)?;
                }
            }
        }
        Ok(())
    }

    fn chords(&mut self) -> Result<(), DemoError> {
        for bar in 1..=BARS {
            let long = if (21..=24).contains(&bar) { 12 } else { 16 };
            self.hold("warm", &format!("warm-{}", chord(bar)), bar, 0, long)?;
            if bar % 2 == 1 || chorus(bar) {
                self.hold("glass", &format!("glass-{}", chord(bar)), bar, 0, long)?;
            }
        }
        Ok(())
    }

    fn melody(&mut self) -> Result<(), DemoError> {
        // Sixteenth of the bar and place in the scale, by bar of a phrase of four.
        let phrase: [&[(i64, usize)]; 4] = [
            &[(0, 4), (6, 3), (8, 2), (12, 3)],
            &[(0, 2), (6, 1), (8, 0)],
            &[(0, 4), (4, 5), (10, 4)],
            &[(0, 3), (6, 1), (10, 3)],
        ];
        for bar in (1..=BARS).filter(|bar| chorus(*bar)) {
            for (s, note) in phrase[index(bar - 1) % 4] {
                self.hit("lead", &format!("lead-{}", MELODY[*note]), bar, *s, 0.0)?;
            }
        }
        let sung = [
            (7, "a", 57),
            (9, "o", 60),
            (11, "e", 57),
            (14, "a", 60),
            (16, "o", 57),
            (18, "e", 60),
            (20, "a", 57),
            (21, "o", 57),
            (23, "a", 60),
            (26, "e", 60),
            (28, "o", 57),
            (30, "a", 57),
        ];
        sung.iter().try_for_each(|(bar, vowel, note)| {
            self.hit("voice", &format!("voice-{vowel}-{note}"), *bar, 0, 0.0)
        })
    }

    fn effects(&mut self) -> Result<(), DemoError> {
        [1, 9, 22].iter().try_for_each(|&bar| self.hit("riser", "riser", bar, 0, 0.0))?;
        [5, 13, 25, 31].iter().try_for_each(|&bar| self.hit("impact", "impact", bar, 0, 0.0))
    }
}

/// The chord of a bar; the last one stays at home.
fn chord(bar: i64) -> usize {
    if bar >= 31 { 0 } else { index(bar - 1) % CHORDS.len() }
}

fn index(n: i64) -> usize {
    usize::try_from(n).unwrap_or(0)
}
