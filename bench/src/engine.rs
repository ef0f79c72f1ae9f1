//! The engine as a contender: what is lowered from a session, played from memory, with every meter and all compensation.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use omega_devices::clip_reader::{ClipReader, PlayList};
use omega_devices::registry;
use omega_dsp::simd::Level;
use omega_engine::prepare::{Conductor, NodeSetup, ParamSetup, Plan, engine};
use omega_engine::{Executor, Outside};
use omega_graph::NodeId;
use omega_lowering::{Kind, Lowered, NodePlan, Purpose, lower, source_id};
use omega_processor::Processor;
use omega_session::model::Project;
use omega_studio::{Blocks, RenderRequest, Tail, render};

use crate::clock::cpu_time;
use crate::material::Stereo;
use crate::session::{Error, Material};

/// What `project` lowers to. Devices of the workloads keep the latency that they are built with.
pub fn lowered(project: &Project, level: Level) -> Lowered {
    let latency = |_: NodeId, node: &NodePlan| match &node.kind {
        Kind::Device(key) => registry::build(key, &node.config, level).map_or(0, |device| device.latency()),
        _ => 0,
    };
    lower(project, &Purpose::Render { stems: Vec::new(), metronome: false }, &latency)
}

/// Everything that the conductor needs to run `lowered`.
///
/// # Errors
/// A device is not there, or the session has automation (which these workloads do not).
pub fn plan(
    lowered: &Lowered,
    material: &Material<'_>,
    project: &Project,
    level: Level,
) -> Result<Plan, Error> {
    if let Some(notice) = lowered.notices.first() {
        return Err(notice.to_string().into());
    }
    let mut plan = Plan { spec: lowered.spec.clone(), ..Plan::default() };
    for (id, node) in &lowered.nodes {
        let params: Vec<ParamSetup> =
            node.params.iter().map(|param| ParamSetup::new(param.value, param.smoothing)).collect();
        let processor: Box<dyn Processor> = match &node.kind {
            Kind::Device(key) => registry::build(key, &node.config, level)?,
            Kind::Plugin(_) | Kind::Tape | Kind::NoteTape | Kind::Metronome => {
                return Err("these workloads have devices and clips only".into());
            }
            Kind::Clips => {
                let mut reader = ClipReader::new(&node.config, level);
                reader.exchange(&mut *ClipReader::payload(play_list(lowered, *id, material, project)?));
                Box::new(reader)
            }
        };
        plan.params.insert(*id, params.clone());
        plan.setups.insert(*id, NodeSetup { processor: Some(processor), params });
    }
    Ok(plan)
}

fn play_list(
    lowered: &Lowered,
    id: NodeId,
    material: &Material<'_>,
    project: &Project,
) -> Result<PlayList, Error> {
    let list = lowered.play_lists.get(&id).ok_or("a reader has no play list")?;
    let mut sources = Vec::new();
    for (_, media) in list {
        let file = &project.media_file(media).ok_or("a clip has no media")?.file;
        sources.push((source_id(media), material.open(file).ok_or("a media has no material")?));
    }
    Ok(PlayList::build(list.iter().map(|(segment, _)| segment.clone()).collect(), sources)?)
}

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
    /// The plan was refused.
    pub fn new(plan: Plan, level: Level, block: usize) -> Result<Self, Error> {
        let (executor, control) = engine(level);
        let mut player = Self { conductor: Conductor::new(control, 48_000), executor, block };
        player.conductor.begin(plan)?;
        player.pass(1024);
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

    /// Plays from frame 0, goes over to another plan after some blocks, and gives the CPU time of the dearest block before
    /// and of the dearest one on the way.
    ///
    /// # Errors
    /// The plan was refused.
    pub fn change(&mut self, plan: Plan) -> Result<[Duration; 2], Error> {
        self.conductor.stop();
        self.pass(1024);
        self.conductor.locate(0);
        self.pass(1024);
        self.conductor.play();
        let mut sound = Stereo::silent(self.block);
        let mut dearest = [Duration::ZERO; 2];
        // The first blocks bring everything into the caches.
        for n in 0..20 {
            let time = self.timed(&mut sound);
            dearest[0] = if n < 10 { Duration::ZERO } else { dearest[0].max(time) };
        }
        self.conductor.update(plan)?;
        while !self.conductor.settled() {
            dearest[1] = dearest[1].max(self.timed(&mut sound));
        }
        Ok(dearest)
    }

    /// One block, and housekeeping after it; CPU time of the block.
    fn timed(&mut self, sound: &mut Stereo) -> Duration {
        let frames = self.block;
        let mut sides = Sides { sides: [&mut sound.left, &mut sound.right] };
        let time = cpu_time(|| self.executor.process(&mut sides, frames));
        self.conductor.poll();
        time
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

/// A whole offline render, as `omega render` does it: lowering, building, playing, hashing.
///
/// # Errors
/// The render failed.
pub fn whole_render(
    project: &Project,
    material: &Material<'_>,
    level: Level,
    block: usize,
    out: &mut Stereo,
) -> Result<(), Error> {
    let request =
        RenderRequest { tail: Tail::None, blocks: Blocks::Of(block), level, ..RenderRequest::default() };
    let mut at = 0;
    let mut sink = |_: &[u16], channels: &[&[f32]]| {
        let [left, right] = channels else { return Err("the master is not stereo".to_owned()) };
        let end = at + left.len();
        let rows = out.left.get_mut(at..end).zip(out.right.get_mut(at..end));
        let (own_left, own_right) = rows.ok_or("more frames than the session has")?;
        own_left.copy_from_slice(left);
        own_right.copy_from_slice(right);
        at = end;
        Ok(())
    };
    render(project, Path::new(""), material, &request, &mut sink, &mut |_| ControlFlow::Continue(()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ceiling;
    use crate::material::tracks;
    use crate::session::project;
    use crate::workload::Workload;

    #[test]
    fn the_engine_mixes_what_the_bare_loops_mix_and_a_render_is_the_same_bit_for_bit() {
        let (tracks, level) = (tracks(19, 3000), Level::detect());
        let material = Material(&tracks);
        let [mut bare, mut first, mut again, mut offline] = [(); 4].map(|()| Stereo::silent(3000));
        ceiling::render(Workload::Mix, &tracks, &mut bare);
        let project = project(Workload::Mix, 19, 3000).unwrap();
        let plan = plan(&lowered(&project, level), &material, &project, level).unwrap();
        let mut player = Player::new(plan, level, 256).unwrap();
        player.render(&mut first);
        player.render(&mut again);
        whole_render(&project, &material, level, 100, &mut offline).unwrap();
        assert_eq!((&first.left, &first.right), (&again.left, &again.right));
        assert_eq!((&first.left, &first.right), (&offline.left, &offline.right));
        assert!(farthest(&first, &bare) < 1e-6, "{}", farthest(&first, &bare));
    }

    #[test]
    fn the_engine_filters_what_the_bare_loops_filter() {
        // At this level the compressors stay open. What differs is the rounding of direct-form coefficients at 100 Hz in
        // the bare loops; the output's peak is about 0.03.
        let (mut tracks, level) = (tracks(19, 3000), Level::detect());
        for track in &mut tracks {
            track.left = track.left.iter().map(|x| x / 16.0).collect();
            track.right = track.right.iter().map(|x| x / 16.0).collect();
        }
        let [mut bare, mut ours] = [(); 2].map(|()| Stereo::silent(3000));
        ceiling::render(Workload::Fx, &tracks, &mut bare);
        let project = project(Workload::Fx, 19, 3000).unwrap();
        whole_render(&project, &Material(&tracks), level, 256, &mut ours).unwrap();
        assert!((0.02..0.06).contains(&ours.left.iter().fold(0.0, |peak: f32, x| peak.max(x.abs()))));
        assert!(farthest(&ours, &bare) < 1e-5, "{}", farthest(&ours, &bare));
    }

    /// Greatest difference between two renders.
    fn farthest(a: &Stereo, b: &Stereo) -> f32 {
        let mut worst: f32 = 0.0;
        for (ours, theirs) in [(&a.left, &b.left), (&a.right, &b.right)] {
            worst = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(worst, f32::max);
        }
        worst
    }
}
