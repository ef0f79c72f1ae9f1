//! The engine as a contender: everything that a render does, with the material in memory.

use omega_devices::clip_reader::ClipReader;
use omega_dsp::simd::Level;
use omega_engine::prepare::{Conductor, engine};
use omega_engine::{Executor, Outside};

use crate::material::Stereo;
use crate::session::{Error, Session};

/// An engine that plays one session from its beginning, again and again.
pub struct Player {
    conductor: Conductor,
    executor: Executor,
    block: usize,
}

impl Player {
    /// With blocks of `block` frames from the outside.
    ///
    /// # Errors
    /// The session's graph was refused.
    pub fn new(session: Session, level: Level, block: usize) -> Result<Self, Error> {
        let (executor, control) = engine(level);
        let conductor = Conductor::new(control, 48_000);
        let mut player = Self { conductor, executor, block };
        let (plan, play_lists) = session.into_parts();
        player.conductor.begin(plan)?;
        for (node, list) in play_lists {
            player.conductor.exchange(node, ClipReader::payload(list));
            player.pass(256);
        }
        Ok(player)
    }

    /// Plays from frame 0, from reset state, until `out` is full.
    pub fn render(&mut self, out: &mut Stereo) {
        self.conductor.stop();
        self.pass(1024);
        self.conductor.locate(0);
        self.pass(1024);
        self.conductor.play();
        for (left, right) in out.left.chunks_mut(self.block).zip(out.right.chunks_mut(self.block)) {
            let frames = left.len();
            self.executor.process(&mut Sides { sides: [left, right] }, frames);
        }
        self.conductor.poll();
    }

    /// Lets time pass that nobody hears.
    fn pass(&mut self, frames: usize) {
        let mut silence = Stereo::silent(frames);
        self.executor.process(&mut Sides { sides: [&mut silence.left, &mut silence.right] }, frames);
        self.conductor.poll();
    }
}

/// Two output channels in memory, no input.
struct Sides<'a> {
    sides: [&'a mut [f32]; 2],
}

impl Outside for Sides<'_> {
    fn input(&self, _channel: usize) -> &[f32] {
        &[]
    }

    fn output(&mut self, channel: usize) -> &mut [f32] {
        self.sides.get_mut(channel).map_or(&mut [], |side| &mut **side)
    }

    fn outputs(&self) -> usize {
        self.sides.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ceiling;
    use crate::material::tracks;
    use crate::workload::Workload;

    #[test]
    fn the_engine_mixes_what_the_bare_loops_mix_and_repeats_it_bit_for_bit() {
        let tracks = tracks(19, 3000);
        let [mut bare, mut first, mut again] = [(); 3].map(|()| Stereo::silent(3000));
        ceiling::render(Workload::Mix, &tracks, &mut bare);
        let session = Session::mix(&tracks, Level::detect()).unwrap();
        let mut player = Player::new(session, Level::detect(), 256).unwrap();
        player.render(&mut first);
        player.render(&mut again);
        assert_eq!((&first.left, &first.right), (&again.left, &again.right));
        for (ours, theirs) in [(&first.left, &bare.left), (&first.right, &bare.right)] {
            let worst = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(worst < 1e-6, "{worst}");
        }
    }
}
