//! What edits cost the callback: two players of one session side by side, of which one is edited all the time.
//!
//! Both play the demo through a clock that this program turns, block by block in turns, so that each block of the edited
//! player stands beside the same block of the other. The next edit follows as soon as the one before has been cross-faded:
//! a transition is going on in nearly every block, which no pair of hands could bring about.

use std::path::Path;
use std::time::Duration;

use omega_dsp::simd::Level;
use omega_session::Edit;
use omega_session::edit::{
    ClipGain, ClipMove, DeviceAdd, DeviceBypass, DeviceParam, DeviceRemove, SendAdd, SendGain, SendRemove,
    TrackDelay, TrackMute, TrackPan, TrackRoute, TrackVolume,
};
use omega_session::model::{DeviceId, Output, Project, SendId, TrackId, TrackKind};
use omega_studio::audio_io::{Backend, StreamConfig, VirtualClock};
use omega_studio::{LoopRange, Player, Streaming};
use omega_testkit::random::Random;
use omega_time::{Frames, SampleRate, TimePoint};

use crate::clock::cpu_time;
use crate::session::Error;

/// Blocks after which an edit is given up that has not been cross-faded: seconds.
const PATIENCE: usize = 1000;

/// One block of both players: CPU time of the callback, in microseconds.
#[derive(Clone, Copy)]
pub struct Pair {
    /// Of the player that is left alone.
    pub alone: f64,
    /// Of the edited player.
    pub edited: f64,
    /// Whether the edited player was going from one schedule to the next in it.
    pub transition: bool,
}

/// Edits the demo `edits` times while it plays, in blocks of `block` frames; the storm is drawn from `seed`.
///
/// # Errors
/// The demo cannot be made or played, an edit is refused, or a transition does not end.
pub fn measure(edits: usize, seed: u64, block: usize, level: Level) -> Result<Vec<Pair>, Error> {
    let folder = tempfile::tempdir()?;
    let project = demo(folder.path())?;
    let mut left = Side::open(&project, folder.path(), block, level)?;
    let mut right = Side::open(&project, folder.path(), block, level)?;
    let mut storm = Storm { project, random: Random::new(seed) };
    let mut pairs = Vec::new();
    // A second in which filters, delays and caches come to what they are.
    for _ in 0..SampleRate::HZ_48000.hz() as usize / block {
        left.step();
        right.step();
    }
    for _ in 0..edits {
        storm.edit()?;
        right.player.update(&storm.project, folder.path())?;
        let mut blocks = 0;
        while !right.player.settled() || blocks == 0 {
            let transition = !right.player.settled();
            // Who comes first finds the caches as the other left them.
            let (alone, edited) = if pairs.len().is_multiple_of(2) {
                (left.step(), right.step())
            } else {
                let edited = right.step();
                (left.step(), edited)
            };
            pairs.push(Pair { alone, edited, transition });
            if right.again {
                right.player.update(&storm.project, folder.path())?;
            }
            blocks += 1;
            if blocks > PATIENCE {
                return Err("an edit does not come to an end".into());
            }
        }
    }
    for side in [&mut left, &mut right] {
        let missing = side.player.status().missing;
        if missing > 0 {
            return Err(format!("{missing} frames were not read in time: nothing was measured").into());
        }
    }
    Ok(pairs)
}

/// The demo, imported into `folder`.
fn demo(folder: &Path) -> Result<Project, Error> {
    let project = Project::new("Demo", SampleRate::HZ_48000);
    let edits = omega_studio::demo(&project, folder)?;
    Ok(Edit::try_all(&edits, &project, [7; 32])?)
}

/// A player and the clock that drives it.
struct Side {
    player: Player,
    clock: VirtualClock,
    /// A device told of another latency: the project is to be handed over again.
    again: bool,
}

impl Side {
    fn open(project: &Project, folder: &Path, block: usize, level: Level) -> Result<Self, Error> {
        let clock = VirtualClock::new();
        let backend = Backend::Virtual(clock.clone());
        let config = StreamConfig { backend, period: Some(block), inputs: 0, ..StreamConfig::default() };
        // Time passes faster here than in the world: everything is read before.
        let all = Duration::from_secs(600);
        let reading = omega_studio::media::stream::StreamConfig {
            ahead: all,
            hinted: all,
            behind: all,
            ..Default::default()
        };
        let mut player = Player::open(project, folder, Streaming::new(&reading)?, &config, level)?;
        let end = player.lowered().map_or(0, |lowered| lowered.end);
        for second in (0..end).step_by(48_000) {
            if !player.wait_until_ready(second, Duration::from_secs(60)) {
                return Err("the sounds of the demo are not read".into());
            }
        }
        player.set_loop(LoopRange::new(0, end));
        player.locate(0);
        player.play();
        Ok(Self { player, clock, again: false })
    }

    /// One callback, and housekeeping after it; CPU time of the callback in microseconds.
    fn step(&mut self) -> f64 {
        let time = cpu_time(|| {
            self.clock.run(1);
        });
        self.again = self.player.poll();
        time.as_secs_f64() * 1e6
    }
}

/// Edits of every kind that changes sound. What is added is removed again, what is switched off is switched on before
/// anything else is, so that the session stays about as large as it was, and the comparison is one of edits and not of
/// sessions.
struct Storm {
    project: Project,
    random: Random,
}

impl Storm {
    fn edit(&mut self) -> Result<(), Error> {
        let edit = self.draw()?;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.random.bits().to_le_bytes());
        self.project = Edit::try_all(&[edit], &self.project, seed)?;
        Ok(())
    }

    fn draw(&mut self) -> Result<Edit, Error> {
        let random = &mut self.random;
        let tracks: Vec<&TrackId> = self
            .project
            .tracks()
            .iter()
            .filter(|(_, track)| track.kind == TrackKind::Audio)
            .map(|(id, _)| id)
            .collect();
        let id = (*tracks.get(random.index(tracks.len())).ok_or("the demo has no tracks")?).clone();
        let track = self.project.track(&id).ok_or("the track is gone")?;
        let tenths = random.within(-100, 0) as f64 / 10.0;
        Ok(match random.index(12) {
            0 => TrackVolume { id, db: tenths - 3.0 }.into(),
            1 => TrackPan { id, pan: tenths / 5.0 + 1.0 }.into(),
            2 => match self.project.tracks().iter().find(|(_, track)| track.mute) {
                Some((id, _)) => TrackMute { id: id.clone(), on: false }.into(),
                None => TrackMute { id, on: true }.into(),
            },
            3 => self.route(id)?,
            4 => self.device(id)?,
            5 => self.send(id)?,
            6 => TrackDelay { id, frames: Frames(if track.delay == Frames(0) { 64 } else { 0 }) }.into(),
            7 | 8 => self.knob(tenths)?,
            9 => {
                let sends: Vec<_> = self.project.sends().keys().collect();
                let send = sends.get(self.random.index(sends.len())).ok_or("the demo has no sends")?;
                SendGain { id: (*send).clone(), db: tenths }.into()
            }
            _ => self.clip(tenths)?,
        })
    }

    /// To the master, or back to the music bus.
    fn route(&self, id: TrackId) -> Result<Edit, Error> {
        let music = Output::Track(TrackId::new("music")?);
        let there = self.project.track(&id).is_some_and(|track| track.output == music);
        Ok(TrackRoute { id, output: if there { Output::master() } else { music } }.into())
    }

    /// One equaliser more, or one less.
    fn device(&self, track: TrackId) -> Result<Edit, Error> {
        let id = DeviceId::new("dev-extra")?;
        Ok(match self.project.device(&id) {
            Some(_) => DeviceRemove { id }.into(),
            None => DeviceAdd { id: Some(id), ..DeviceAdd::new(track, "omega.eq") }.into(),
        })
    }

    /// One send more, or one less.
    fn send(&self, track: TrackId) -> Result<Edit, Error> {
        let id = SendId::new("snd-extra")?;
        Ok(match self.project.send(&id) {
            Some(_) => SendRemove { id }.into(),
            None => {
                let add = SendAdd::new(track, TrackId::new("crush")?);
                SendAdd { id: Some(id), gain_db: -12.0, ..add }.into()
            }
        })
    }

    /// A device is switched out or in, or turned.
    fn knob(&mut self, tenths: f64) -> Result<Edit, Error> {
        let devices: Vec<_> = self.project.devices().iter().collect();
        let (id, device) = devices.get(self.random.index(devices.len())).ok_or("the demo has no devices")?;
        let (id, eq) = ((*id).clone(), device.kind == "omega.eq");
        if self.random.once_in(2) {
            return Ok(match devices.iter().find(|(_, device)| device.bypass) {
                Some((id, _)) => DeviceBypass { id: (*id).clone(), on: false }.into(),
                None => DeviceBypass { id, on: true }.into(),
            });
        }
        let (param, value) = if eq { ("band4.gain", tenths + 5.0) } else { ("threshold", tenths - 10.0) };
        Ok(DeviceParam { id, param: param.to_owned(), value: Some(value) }.into())
    }

    /// A clip is louder, or lies elsewhere.
    fn clip(&mut self, tenths: f64) -> Result<Edit, Error> {
        let clips: Vec<_> = self.project.clips().iter().collect();
        let (id, clip) = clips.get(self.random.index(clips.len())).ok_or("the demo has no clips")?;
        let id = (*id).clone();
        if self.random.once_in(2) {
            return Ok(ClipGain { id, db: tenths }.into());
        }
        let at = self.project.tempo_map().frame_of(clip.position).0;
        let position = Some(TimePoint::Absolute(Frames((at + self.random.within(-480, 480)).max(0))));
        Ok(ClipMove { id, track: None, position }.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edit_is_applied_and_both_sides_are_measured_block_by_block() {
        let pairs = measure(40, 3, 256, Level::detect()).unwrap();
        let transitions = pairs.iter().filter(|pair| pair.transition).count();
        assert!(pairs.len() >= 40 && transitions >= 20, "{transitions} of {}", pairs.len());
        assert!(pairs.iter().all(|pair| pair.alone > 0.0 && pair.edited > 0.0));
    }
}
