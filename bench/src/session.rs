//! The workload as a session: a project as a user would make it, and where its media is.

use std::path::Path;
use std::sync::Arc;

use omega_rt::{Owned, PcmSource, RamPcm};
use omega_session::model::{
    Clip, ClipId, Device, DeviceId, Media, MediaId, OrderKey, Output, PanLaw, Project, Track as SessionTrack,
    TrackId, TrackKind,
};
use omega_studio::Sources;
use omega_time::{Frames, SampleRate, TimePoint};

use crate::material::Track;
use crate::workload::{
    ATTACK, BUS_BAND, BUS_GAIN, BUSES, Peak, RATIO, RELEASE, THRESHOLD, TRACK_BANDS, TRACK_GAIN, Workload,
    balance,
};

/// The workload cannot be built or rendered: a mistake in this program or in what it measures.
pub type Error = Box<dyn std::error::Error>;

/// A session of `count` stereo tracks, each with one clip of `frames` frames that plays media of its own.
///
/// # Errors
/// A number does not fit.
pub fn project(workload: Workload, count: usize, frames: usize) -> Result<Project, Error> {
    let rate = SampleRate::HZ_48000;
    let frames = Frames(i64::try_from(frames)?);
    let mut maker = Maker { project: Project::new(workload.name(), rate), devices: 0 };
    let mut master = SessionTrack::new(TrackKind::Master, "Master");
    master.volume_db = decibels(BUS_GAIN);
    maker.project.put_track(TrackId::master(), master);
    for index in 0..BUSES {
        let id = TrackId::new(&format!("trk-bus-{index}"))?;
        let mut bus = SessionTrack::new(TrackKind::Bus, &format!("Bus {index}"));
        bus.volume_db = decibels(BUS_GAIN);
        maker.project.put_track(id.clone(), bus);
        if workload == Workload::Fx {
            maker.equaliser(&id, &[BUS_BAND])?;
        }
    }
    for index in 0..count {
        maker.track(workload, index, frames, rate)?;
    }
    Ok(maker.project)
}

struct Maker {
    project: Project,
    devices: i64,
}

impl Maker {
    fn track(
        &mut self,
        workload: Workload,
        index: usize,
        frames: Frames,
        rate: SampleRate,
    ) -> Result<(), Error> {
        let id = TrackId::new(&format!("trk-{index}"))?;
        let media = MediaId::new(&format!("med-{index}"))?;
        self.project.put_media(media.clone(), Media::new(&index.to_string(), 2, frames, rate));
        let clip = Clip::new(id.clone(), media, TimePoint::Absolute(Frames(0)), frames);
        self.project.put_clip(ClipId::new(&format!("clp-{index}"))?, clip);
        let mut track = SessionTrack::new(TrackKind::Audio, &format!("Track {index}"));
        track.output = Output::Track(TrackId::new(&format!("trk-bus-{}", index % BUSES))?);
        track.pan = f64::from(balance(index).0);
        track.pan_law = PanLaw::Zero;
        if workload == Workload::Mix {
            track.volume_db = decibels(TRACK_GAIN);
        }
        self.project.put_track(id.clone(), track);
        if workload == Workload::Fx {
            self.device(&id, "omega.utility", [("gain".to_owned(), decibels(TRACK_GAIN))])?;
            self.equaliser(&id, &TRACK_BANDS)?;
            self.compressor(&id)?;
        }
        Ok(())
    }

    fn equaliser(&mut self, track: &TrackId, bands: &[Peak]) -> Result<(), Error> {
        let mut params = Vec::new();
        for (number, band) in (1..).zip(bands) {
            let values =
                [("on", 1.0), ("shape", 0.0), ("freq", band.hertz), ("gain", band.decibels), ("q", band.q)];
            params.extend(values.map(|(key, value)| (format!("band{number}.{key}"), value)));
        }
        self.device(track, "omega.eq", params)
    }

    fn compressor(&mut self, track: &TrackId) -> Result<(), Error> {
        let params = [
            ("threshold", decibels(THRESHOLD)),
            ("ratio", f64::from(RATIO)),
            ("knee", 0.0),
            ("attack", ATTACK * 1e3),
            ("release", RELEASE * 1e3),
            // The workload's follower averages over its attack: it does not see single peaks of noise, and nor must this one.
            ("detector", 1.0),
        ];
        self.device(track, "omega.compressor", params.map(|(key, value)| (key.to_owned(), value)))
    }

    /// At the end of the track's chain.
    fn device(
        &mut self,
        track: &TrackId,
        kind: &str,
        params: impl IntoIterator<Item = (String, f64)>,
    ) -> Result<(), Error> {
        let mut device = Device::new(track.clone(), kind);
        device.order = OrderKey::nth(self.devices);
        device.params = params.into_iter().collect();
        self.project.put_device(DeviceId::new(&format!("dev-{}", self.devices))?, device);
        self.devices += 1;
        Ok(())
    }
}

fn decibels(gain: f32) -> f64 {
    omega_dsp::math::gain_to_db(gain.into())
}

/// The material of the tracks, in memory; the file name of a media is the number of its track. Fewer tracks of material
/// than the session has are used again from the first on.
pub struct Material<'a>(pub &'a [Track]);

impl Material<'_> {
    /// The samples of a media.
    pub fn open(&self, file: &str) -> Option<Owned<dyn PcmSource>> {
        let index: usize = file.parse().ok()?;
        let track = self.0.get(index % self.0.len().max(1))?;
        let source: Box<dyn PcmSource> =
            Box::new(RamPcm::new([Arc::clone(&track.left), Arc::clone(&track.right)]));
        Some(Owned::from(source))
    }
}

impl Sources for Material<'_> {
    fn open(&self, _: &MediaId, file: &Path) -> Result<Owned<dyn PcmSource>, String> {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        Material::open(self, &name).ok_or_else(|| format!("no material is called {name}"))
    }
}
