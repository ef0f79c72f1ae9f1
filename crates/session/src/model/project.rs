//! The session as one immutable value.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use imbl::{OrdMap, OrdSet};
use omega_time::{SampleRate, TempoMap};

use super::fact::Extra;
use super::{
    Clip, ClipId, CompId, CompSpan, Device, DeviceId, Lane, LaneId, Marker, MarkerId, Media, MediaId,
    MeterId, MeterPoint, OrderKey, ParamTarget, Send, SendId, Settings, Take, TakeId, TempoId, TempoPoint,
    Track, TrackId, TrackKind,
};

/// The version of the format that this crate writes. It reads this one and older ones.
pub const SCHEMA: u32 = 1;

/// A session: an immutable value with structural sharing. Cloning is cheap; an old copy stays as it was.
///
/// A project that comes from a document is consistent: what it names exists, folders and routes have no cycle (feedback
/// sends aside), and there is one master. Media may be missing. The methods that change a project (`put_…`, `remove_…`)
/// only build values, as importers and tests do; a document is changed by edits.
#[derive(Clone, Debug)]
pub struct Project {
    settings: Arc<Settings>,
    tracks: OrdMap<TrackId, Arc<Track>>,
    takes: OrdMap<TakeId, Arc<Take>>,
    clips: OrdMap<ClipId, Arc<Clip>>,
    comp: OrdMap<CompId, Arc<CompSpan>>,
    devices: OrdMap<DeviceId, Arc<Device>>,
    sends: OrdMap<SendId, Arc<Send>>,
    lanes: OrdMap<LaneId, Arc<Lane>>,
    markers: OrdMap<MarkerId, Arc<Marker>>,
    tempo: OrdMap<TempoId, Arc<TempoPoint>>,
    meter: OrdMap<MeterId, Arc<MeterPoint>>,
    media: OrdMap<MediaId, Arc<Media>>,
    extra: Arc<Extra>,
    index: Index,
    map: OnceLock<Arc<TempoMap>>,
}

/// Sorted views, kept up to date by the methods that change a project.
#[derive(Clone, Debug, Default)]
struct Index {
    children: OrdSet<(Option<TrackId>, OrderKey, TrackId)>,
    takes: OrdSet<(TrackId, OrderKey, TakeId)>,
    clips: OrdSet<(TrackId, ClipId)>,
    comp: OrdSet<(TrackId, CompId)>,
    chains: OrdSet<(TrackId, OrderKey, DeviceId)>,
    sends: OrdSet<(TrackId, OrderKey, SendId)>,
    lanes: OrdSet<(ParamTarget, LaneId)>,
}

impl PartialEq for Project {
    /// Equal facts; the index follows from them.
    fn eq(&self, other: &Self) -> bool {
        self.settings == other.settings
            && self.tracks == other.tracks
            && self.takes == other.takes
            && self.clips == other.clips
            && self.comp == other.comp
            && self.devices == other.devices
            && self.sends == other.sends
            && self.lanes == other.lanes
            && self.markers == other.markers
            && self.tempo == other.tempo
            && self.meter == other.meter
            && self.media == other.media
            && self.extra == other.extra
    }
}

impl Project {
    /// A session with nothing but its master.
    #[must_use]
    pub fn new(name: &str, sample_rate: SampleRate) -> Self {
        let mut project = Self::bare(Settings::new(name, sample_rate));
        project.put_track(TrackId::master(), Track::new(TrackKind::Master, "Master"));
        project
    }

    /// A session with nothing at all, not even a master: a start for what adds one.
    pub(crate) fn bare(settings: Settings) -> Self {
        Self {
            settings: Arc::new(settings),
            tracks: OrdMap::new(),
            takes: OrdMap::new(),
            clips: OrdMap::new(),
            comp: OrdMap::new(),
            devices: OrdMap::new(),
            sends: OrdMap::new(),
            lanes: OrdMap::new(),
            markers: OrdMap::new(),
            tempo: OrdMap::new(),
            meter: OrdMap::new(),
            media: OrdMap::new(),
            extra: Arc::default(),
            index: Index::default(),
            map: OnceLock::new(),
        }
    }

    /// Facts of the session as a whole.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The session's rate.
    #[must_use]
    pub fn sample_rate(&self) -> SampleRate {
        self.settings.sample_rate
    }

    /// Replaces the facts of the session as a whole.
    pub fn put_settings(&mut self, settings: Settings) {
        self.settings = Arc::new(settings);
        self.map = OnceLock::new();
    }

    pub(super) fn map_cell(&self) -> &OnceLock<Arc<TempoMap>> {
        &self.map
    }

    /// Top-level facts that this version does not know.
    #[must_use]
    pub fn extra(&self) -> &Extra {
        &self.extra
    }

    /// Replaces the top-level facts that this version does not know.
    pub fn put_extra(&mut self, extra: Extra) {
        self.extra = Arc::new(extra);
    }

    /// The master. A project from a document always has one.
    #[must_use]
    pub fn master(&self) -> Option<&Arc<Track>> {
        self.tracks.get(&TrackId::master())
    }

    /// The tracks within a folder (`None`: at the top), in their order. The master is at the top too.
    pub fn children(&self, folder: Option<&TrackId>) -> impl Iterator<Item = (&TrackId, &Arc<Track>)> {
        let folder = folder.cloned();
        let start = (folder.clone(), OrderKey::default(), TrackId::least());
        let ids = self.index.children.range(start..).take_while(move |(parent, _, _)| *parent == folder);
        ids.filter_map(|(_, _, id)| self.tracks.get_key_value(id))
    }

    /// All tracks in the order of the list, each with its depth: a folder before what it holds.
    #[must_use]
    pub fn tree(&self) -> Vec<(usize, &TrackId, &Arc<Track>)> {
        let mut list = Vec::with_capacity(self.tracks.len());
        let mut open: Vec<(usize, &TrackId, &Arc<Track>)> =
            self.children(None).map(|(id, track)| (0, id, track)).collect();
        open.reverse();
        let mut seen = BTreeSet::new();
        while let Some((depth, id, track)) = open.pop() {
            if seen.insert(id) {
                list.push((depth, id, track));
                let inner: Vec<_> =
                    self.children(Some(id)).map(|(id, track)| (depth + 1, id, track)).collect();
                open.extend(inner.into_iter().rev());
            }
        }
        list
    }

    /// The clips of a track, by id.
    pub fn clips_on(&self, track: &TrackId) -> impl Iterator<Item = (&ClipId, &Arc<Clip>)> {
        let track = track.clone();
        let ids = self
            .index
            .clips
            .range((track.clone(), ClipId::least())..)
            .take_while(move |(on, _)| *on == track);
        ids.filter_map(|(_, id)| self.clips.get_key_value(id))
    }

    /// The takes of a track, in their order.
    pub fn takes_of(&self, track: &TrackId) -> impl Iterator<Item = (&TakeId, &Arc<Take>)> {
        let track = track.clone();
        let start = (track.clone(), OrderKey::default(), TakeId::least());
        let ids = self.index.takes.range(start..).take_while(move |(on, _, _)| *on == track);
        ids.filter_map(|(_, _, id)| self.takes.get_key_value(id))
    }

    /// The clips of a take, by id.
    pub fn clips_in(&self, take: &TakeId) -> impl Iterator<Item = (&ClipId, &Arc<Clip>)> {
        let track = self.take(take).map(|take| take.track.clone());
        let clips = track.into_iter().flat_map(|track| self.clips_on(&track).collect::<Vec<_>>());
        let take = take.clone();
        clips.filter(move |(_, clip)| clip.take.as_ref() == Some(&take))
    }

    /// The spans of a track's comp, by id.
    pub fn comp_on(&self, track: &TrackId) -> impl Iterator<Item = (&CompId, &Arc<CompSpan>)> {
        let track = track.clone();
        let start = (track.clone(), CompId::least());
        let ids = self.index.comp.range(start..).take_while(move |(on, _)| *on == track);
        ids.filter_map(|(_, id)| self.comp.get_key_value(id))
    }

    /// The devices of a track, in the order of its chain.
    pub fn chain(&self, track: &TrackId) -> impl Iterator<Item = (&DeviceId, &Arc<Device>)> {
        let track = track.clone();
        let start = (track.clone(), OrderKey::default(), DeviceId::least());
        let ids = self.index.chains.range(start..).take_while(move |(on, _, _)| *on == track);
        ids.filter_map(|(_, _, id)| self.devices.get_key_value(id))
    }

    /// The sends of a track, in their order.
    pub fn sends_from(&self, track: &TrackId) -> impl Iterator<Item = (&SendId, &Arc<Send>)> {
        let track = track.clone();
        let start = (track.clone(), OrderKey::default(), SendId::least());
        let ids = self.index.sends.range(start..).take_while(move |(on, _, _)| *on == track);
        ids.filter_map(|(_, _, id)| self.sends.get_key_value(id))
    }

    /// The lane that moves a parameter.
    #[must_use]
    pub fn lane_of(&self, target: &ParamTarget) -> Option<(&LaneId, &Arc<Lane>)> {
        let (found, id) = self.index.lanes.range((target.clone(), LaneId::least())..).next()?;
        if found == target { self.lanes.get_key_value(id) } else { None }
    }

    /// The tempo points, sorted by place.
    #[must_use]
    pub fn tempo_points(&self) -> Vec<(&TempoId, &Arc<TempoPoint>)> {
        let mut points: Vec<_> = self.tempo.iter().collect();
        points.sort_by_key(|(id, point)| (point.at, (*id).clone()));
        points
    }

    /// The meter points, sorted by bar.
    #[must_use]
    pub fn meter_points(&self) -> Vec<(&MeterId, &Arc<MeterPoint>)> {
        let mut points: Vec<_> = self.meter.iter().collect();
        points.sort_by_key(|(id, point)| (point.bar, (*id).clone()));
        points
    }

    /// Whether something plays this file.
    #[must_use]
    pub fn uses_media(&self, id: &MediaId) -> bool {
        self.clips.values().any(|clip| clip.media.as_ref() == Some(id))
    }
}

/// For each kind of thing: look up, all of them, put and remove.
macro_rules! collections {
    ($($id:ident, $type:ident, $all:ident, $one:ident, $put:ident, $remove:ident, $what:literal;)*) => {
        impl Project { $(
            #[doc = concat!("Everything that is a ", $what, ", by id.")]
            #[must_use]
            pub fn $all(&self) -> &OrdMap<$id, Arc<$type>> {
                &self.$all
            }

            #[doc = concat!("One ", $what, ".")]
            #[must_use]
            pub fn $one(&self, id: &$id) -> Option<&Arc<$type>> {
                self.$all.get(id)
            }

            #[doc = concat!("Adds or replaces a ", $what, " in this value.")]
            pub fn $put(&mut self, id: $id, value: impl Into<Arc<$type>>) {
                let value = value.into();
                if let Some(old) = self.$all.get(&id) {
                    old.unlist(&id, &mut self.index);
                }
                value.list(&id, &mut self.index);
                self.$all.insert(id, value);
                if <$type as Listed<$id>>::ON_MAP {
                    self.map = OnceLock::new();
                }
            }

            #[doc = concat!("Takes a ", $what, " out of this value.")]
            pub fn $remove(&mut self, id: &$id) -> Option<Arc<$type>> {
                let old = self.$all.remove(id)?;
                old.unlist(id, &mut self.index);
                if <$type as Listed<$id>>::ON_MAP {
                    self.map = OnceLock::new();
                }
                Some(old)
            }
        )* }
    };
}

collections! {
    TrackId, Track, tracks, track, put_track, remove_track, "track";
    TakeId, Take, takes, take, put_take, remove_take, "take";
    ClipId, Clip, clips, clip, put_clip, remove_clip, "clip";
    CompId, CompSpan, comp, comp_span, put_comp, remove_comp, "span of a comp";
    DeviceId, Device, devices, device, put_device, remove_device, "device";
    SendId, Send, sends, send, put_send, remove_send, "send";
    LaneId, Lane, lanes, lane, put_lane, remove_lane, "lane";
    MarkerId, Marker, markers, marker, put_marker, remove_marker, "marker";
    TempoId, TempoPoint, tempo, tempo_point, put_tempo, remove_tempo, "tempo point";
    MeterId, MeterPoint, meter, meter_point, put_meter, remove_meter, "meter point";
    MediaId, Media, media, media_file, put_media, remove_media, "media file";
}

/// How a thing stands in the index.
trait Listed<Id> {
    /// The tempo map depends on it.
    const ON_MAP: bool = false;
    fn list(&self, id: &Id, index: &mut Index);
    fn unlist(&self, id: &Id, index: &mut Index);
}

macro_rules! listed {
    ($($type:ident, $id:ident $(=> $set:ident, |$this:ident, $name:ident| $key:expr)? $(, $on_map:literal)?;)*) => { $(
        impl Listed<$id> for $type {
            $(const ON_MAP: bool = $on_map;)?
            fn list(&self, _id: &$id, _index: &mut Index) {
                $(let ($this, $name) = (self, _id); _index.$set.insert($key);)?
            }
            fn unlist(&self, _id: &$id, _index: &mut Index) {
                $(let ($this, $name) = (self, _id); _index.$set.remove(&$key);)?
            }
        }
    )* };
}

listed! {
    Track, TrackId => children, |track, id| (track.parent.clone(), track.order.clone(), id.clone());
    Take, TakeId => takes, |take, id| (take.track.clone(), take.order.clone(), id.clone());
    Clip, ClipId => clips, |clip, id| (clip.track.clone(), id.clone());
    CompSpan, CompId => comp, |span, id| (span.track.clone(), id.clone());
    Device, DeviceId => chains, |device, id| (device.track.clone(), device.order.clone(), id.clone());
    Send, SendId => sends, |send, id| (send.track.clone(), send.order.clone(), id.clone());
    Lane, LaneId => lanes, |lane, id| (lane.target.clone(), id.clone());
    Marker, MarkerId;
    TempoPoint, TempoId, true;
    MeterPoint, MeterId, true;
    Media, MediaId;
}

#[cfg(test)]
mod tests {
    use omega_time::{Frames, TimePoint};

    use super::*;
    use crate::model::{PanLaw, TrackParam};

    fn id(text: &str) -> TrackId {
        TrackId::new(text).unwrap()
    }

    #[test]
    fn the_index_follows_every_change() {
        let mut project = Project::new("Song", SampleRate::HZ_48000);
        for (n, name) in ["b", "a", "c"].into_iter().enumerate() {
            let mut track = Track::new(TrackKind::Audio, name);
            track.order = OrderKey::nth(i64::try_from(n).unwrap());
            project.put_track(id(name), track);
        }
        let names = |project: &Project, folder: Option<&TrackId>| -> Vec<String> {
            project.children(folder).map(|(id, _)| id.to_string()).collect()
        };
        assert_eq!(names(&project, None), ["master", "b", "a", "c"]);
        let before = project.clone();
        let mut moved = Track::clone(&project.tracks()["a"]);
        moved.parent = Some(id("b"));
        project.put_track(id("a"), moved);
        assert_eq!(names(&project, None), ["master", "b", "c"]);
        assert_eq!(names(&project, Some(&id("b"))), ["a"]);
        let tree: Vec<(usize, &str)> =
            project.tree().into_iter().map(|(depth, id, _)| (depth, id.as_str())).collect();
        assert_eq!(tree, [(0, "master"), (0, "b"), (1, "a"), (0, "c")]);
        assert_eq!(names(&before, None), ["master", "b", "a", "c"], "an old copy stays as it was");

        let media = MediaId::new("0f").unwrap();
        for (clip, track) in [("c1", "a"), ("c2", "b"), ("c0", "a")] {
            let clip_id = ClipId::new(clip).unwrap();
            let value = Clip::new(id(track), media.clone(), TimePoint::Absolute(Frames(0)), Frames(10));
            project.put_clip(clip_id, value);
        }
        let on = |project: &Project, track: &str| -> Vec<String> {
            project.clips_on(&id(track)).map(|(id, _)| id.to_string()).collect()
        };
        assert_eq!(
            (on(&project, "a"), on(&project, "b")),
            (vec!["c0".into(), "c1".into()], vec!["c2".into()])
        );
        project.remove_clip(&ClipId::new("c0").unwrap());
        assert_eq!(on(&project, "a"), ["c1"]);
        assert!(project.uses_media(&media));

        let target = ParamTarget::Track(id("a"), TrackParam::Volume);
        for lane in ["l2", "l1"] {
            project.put_lane(LaneId::new(lane).unwrap(), Lane::new(target.clone()));
        }
        assert_eq!(project.lane_of(&target).unwrap().0.as_str(), "l1");
        assert!(project.lane_of(&ParamTarget::Track(id("a"), TrackParam::Pan)).is_none());
    }

    #[test]
    fn a_value_survives_serde_and_names_what_is_wrong() {
        let mut track = Track::new(TrackKind::Bus, "Drums");
        track.pan_law = PanLaw::Minus4_5;
        track.extra.insert("future".into(), serde_json::json!({"a": [1, {"b": null}]}));
        let text = serde_json::to_string(&track).unwrap();
        assert_eq!(text, r#"{"future":{"a":[1,{"b":null}]},"kind":"bus","name":"Drums","pan_law":"-4.5dB"}"#);
        assert_eq!(serde_json::from_str::<Track>(&text).unwrap(), track);
        for (wrong, message) in [
            (r#"{"kind":"bus","volume_db":"x"}"#, "volume_db: expected a number, found \"x\""),
            (
                r#"{"kind":"bus","volume_db":1e9}"#,
                "volume_db: 1000000000.0 dB is out of range: -144 (silence) to 48",
            ),
            (r#"{"name":"x"}"#, "kind: is missing"),
            (r#"{"kind":"buss"}"#, "is one of audio, bus"),
            (r#"{"kind":"bus","channels":65}"#, "channels: 65 channels are out of range: 1 to 64"),
            (r#"{"kind":"bus","output":[]}"#, "output: no hardware channel is named"),
            ("[]", "expected an object, found an array"),
        ] {
            let error = serde_json::from_str::<Track>(wrong).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
        track.volume_db = f64::NAN;
        assert_eq!(track.faults().len(), 1);
    }
}
