//! A session for the tests.

use std::path::Path;

use omega_media::{Depth, Format, Writer};
use omega_session::model::{
    Automation, Clip, ClipId, Device, DeviceId, Fade, FadeShape, Lane, LaneId, Media, MediaId, Output,
    ParamTarget, Point, PointId, PointShape, Project, Send, SendId, Track, TrackId, TrackKind, TrackParam,
};
use omega_time::{Frames, SampleRate, TimeBase, TimePoint};

const FRAMES: usize = 30_000;

/// A session of six tracks with clips, buses, sends, devices and automation, in `root`.
pub fn session(root: &Path) -> Project {
    let rate = SampleRate::new(48_000).expect("a rate");
    let mut project = Project::new("test", rate);
    let bus = TrackId::new("trk-bus").expect("an id");
    project.put_track(bus.clone(), Track::new(TrackKind::Bus, "Bus"));
    let echo = TrackId::new("trk-return").expect("an id");
    project.put_track(echo.clone(), Track::new(TrackKind::Return, "Return"));
    for number in 0..6usize {
        let name = format!("{number}");
        let channels = 1 + number % 2;
        let media = MediaId::new(&format!("med-{number}")).expect("an id");
        let file = format!("media-{number}.wav");
        let mut writer = Writer::create(&root.join(&file), Format::wav(Depth::Float32, channels, 48_000))
            .expect("created");
        let noise = omega_signals::noise(number as u64, FRAMES);
        let sine = omega_signals::sine(110.0 * (1 + number) as f64, 48_000.0, FRAMES);
        let rows = [noise, sine];
        writer.write(&rows[..channels]).expect("written");
        writer.finish().expect("finished");
        let length = Frames(i64::try_from(FRAMES).expect("small"));
        project.put_media(
            media.clone(),
            Media::new(&file, u16::try_from(channels).expect("small"), length, rate),
        );
        let id = TrackId::new(&format!("trk-{number}")).expect("an id");
        let mut track = Track::new(TrackKind::Audio, &name);
        track.pan = number as f64 * 0.3 - 0.9;
        track.volume_db = -6.0 - number as f64;
        track.channels = u16::try_from(channels).expect("small");
        track.delay = Frames(if number == 2 { -37 } else { 0 });
        track.output = if number < 3 { Output::Track(bus.clone()) } else { Output::master() };
        project.put_track(id.clone(), track);
        let mut clip = Clip::new(
            id.clone(),
            media,
            TimePoint::Absolute(Frames(1000 * i64::try_from(number).expect("small"))),
            Frames(20_000),
        );
        clip.fade_in = Fade::new(Frames(700), FadeShape::EqualPower);
        clip.fade_out = Fade::new(Frames(3000), FadeShape::SCurve);
        clip.reverse = number == 4;
        project.put_clip(ClipId::new(&format!("clp-{number}")).expect("an id"), clip);
        let mut device = Device::new(id.clone(), "omega.utility");
        device.params.insert("gain".to_owned(), -3.0);
        project.put_device(DeviceId::new(&format!("dev-{number}")).expect("an id"), device);
        project.put_send(
            SendId::new(&format!("snd-{number}")).expect("an id"),
            Send::new(id.clone(), echo.clone()),
        );
        let mut lane = Lane::new(ParamTarget::Track(id.clone(), TrackParam::Volume));
        lane.base = TimeBase::Absolute;
        let shapes = [PointShape::Linear, PointShape::Curve(0.5), PointShape::Hold, PointShape::Linear];
        let points = shapes.into_iter().enumerate().map(|(index, shape)| Point {
            id: PointId::new(&format!("pnt-{index}")).expect("an id"),
            at: 4_001 * i64::try_from(index).expect("small"),
            value: -3.0 * index as f64,
            shape,
        });
        lane.points = Automation::new(points.collect());
        project.put_lane(LaneId::new(&format!("lan-{number}")).expect("an id"), lane);
    }
    project
}
