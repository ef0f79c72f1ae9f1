//! From a project to running sound: builds what the lowering asks for, and feeds it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use crate::plugins::Rack;
use crate::sources::Sources;
use omega_devices::clip_reader::{ClipReader, PlayList, Segment, SourceId};
use omega_devices::metronome::Metronome;
use omega_devices::note_player::{NoteList, NotePlayer};
use omega_devices::note_tape::NoteTape;
use omega_devices::registry;
use omega_devices::tape::Tape;
use omega_dsp::simd::Level;
use omega_engine::prepare::{Conductor, NodeSetup, ParamSetup, Plan};
use omega_engine::{LanePoint, LaneShape};
use omega_graph::{CompileError, NodeId};
use omega_lowering::{Kind, Lowered, NodePlan, NotePart, Purpose, lower_with_plugins, source_id};
use omega_plugin::{Pace, PluginTempo};
use omega_processor::{Channels, MAX_BLOCK, Params, ProcessBlock, Processor, Transport};
use omega_session::model::{DeviceId, MediaId, Project};

/// Why a project cannot be made to sound.
#[derive(Debug, thiserror::Error)]
pub enum SoundError {
    /// The graph was refused.
    #[error(transparent)]
    Graph(#[from] CompileError),
    /// A device could not be built.
    #[error("{name}: {why}")]
    Device {
        /// The device and its track.
        name: String,
        /// What is wrong.
        why: String,
    },
    /// The clips of a track cannot be played.
    #[error("{name}: {why}")]
    Clips {
        /// Which track's.
        name: String,
        /// What is wrong.
        why: String,
    },
}

/// A project that sounds: what was lowered, built and sent last.
#[derive(Debug)]
pub(crate) struct Sound {
    pub conductor: Conductor,
    level: Level,
    purpose: Purpose,
    latencies: Latencies,
    pub rack: Rack,
    lists: BTreeMap<NodeId, Vec<(Segment, MediaId)>>,
    lowered: Option<Lowered>,
    /// Frames from the engine out through the hardware and back in again.
    pub round_trip: u32,
    /// Frames from the engine out through the hardware to the player, and from the keys back in.
    pub midi_trip: u32,
    /// Frames by which the tapes lag behind the sources.
    pub tape_lag: u32,
    /// Frames by which the tapes of MIDI do.
    pub note_lag: u32,
    /// The MIDI inputs that the hardware was opened with.
    pub midi: Vec<String>,
    /// Media that could not be opened, and why.
    pub unreadable: BTreeMap<MediaId, String>,
}

impl Sound {
    pub fn new(conductor: Conductor, level: Level, purpose: Purpose, pace: Pace) -> Self {
        let (latencies, lists, unreadable) = (Latencies::default(), BTreeMap::new(), BTreeMap::new());
        Self {
            conductor,
            level,
            purpose,
            latencies,
            rack: Rack::new(pace),
            lists,
            lowered: None,
            round_trip: 0,
            midi_trip: 0,
            tape_lag: 0,
            note_lag: 0,
            midi: Vec::new(),
            unreadable,
        }
    }

    /// What is running, or about to.
    pub fn lowered(&self) -> Option<&Lowered> {
        self.lowered.as_ref()
    }

    /// What a node is called, for messages.
    pub fn name_of(&self, node: NodeId) -> &str {
        let plan = self.lowered.as_ref().and_then(|lowered| lowered.nodes.get(&node));
        plan.map_or("a device", |plan| &plan.name)
    }

    /// What a plugin is called, for messages.
    pub fn name_of_plugin(&self, id: &DeviceId) -> String {
        let nodes = self.lowered.iter().flat_map(|lowered| lowered.nodes.values());
        let plugin =
            nodes.into_iter().find(|node| matches!(&node.kind, Kind::Plugin(plugin) if plugin == id));
        plugin.map_or_else(|| format!("the plugin {id}"), |node| node.name.clone())
    }

    /// A processor told of another latency: the next [`update`](Self::update) takes it into account.
    pub fn latency_changed(&mut self, node: NodeId, frames: u32) {
        self.latencies.told.insert(node, frames);
    }

    /// The engine is asked for so many frames at once from now on: plugins get that much time. Where that changes anything, an
    /// [`update`](Self::update) has to follow, which takes their latencies over.
    pub fn go_at(&mut self, period: usize) -> bool {
        let Some(lowered) = &self.lowered else { return false };
        let swaps = self.rack.go_at(Pace::Live { period }, &lowered.tempo);
        let changed = !swaps.is_empty();
        for (device, swap) in swaps {
            let plays = |plan: &NodePlan| matches!(&plan.kind, Kind::Plugin(plugin) if *plugin == device);
            if let Some((node, _)) = lowered.nodes.iter().find(|(_, plan)| plays(plan)) {
                self.conductor.exchange(*node, Box::new(swap));
            }
        }
        changed
    }

    /// Makes the engine play `project`, whose media paths are relative to `root`. The first time everything is built;
    /// later only what is new, and what changed is cross-faded.
    pub fn update(
        &mut self,
        project: &Project,
        root: &Path,
        sources: &dyn Sources,
    ) -> Result<(), SoundError> {
        let level = self.level;
        let mut lowered = {
            let latencies = std::cell::RefCell::new(&mut self.latencies);
            let rack = std::cell::RefCell::new(&mut self.rack);
            let latency = |node, plan: &NodePlan| match &plan.kind {
                Kind::Plugin(id) => rack.borrow().latency(id),
                _ => latencies.borrow_mut().of(node, plan, level),
            };
            lower_with_plugins(project, &self.purpose, &latency, &|id, device, config| {
                rack.borrow_mut().descriptor(root, id, device, config)
            })
        };
        lowered.hear(&self.midi);
        if !lowered.tapes.is_empty() || !lowered.note_tapes.is_empty() {
            let latency = omega_graph::latency(&lowered.spec)?;
            self.tape_lag = self.round_trip.saturating_add(latency);
            self.note_lag = self.midi_trip.saturating_add(latency);
            lowered.place_tapes(self.tape_lag);
            lowered.place_note_tapes(self.note_lag);
        }
        let mut plan = Plan { spec: lowered.spec.clone(), ..Plan::default() };
        plan.params = lowered.nodes.iter().map(|(id, node)| (*id, setups(node))).collect();
        let fresh: BTreeSet<NodeId> = self.conductor.needs(&plan.spec).into_iter().collect();
        for id in &fresh {
            let Some(node) = lowered.nodes.get(id) else { continue };
            let processor = match &node.kind {
                Kind::Device(key) => build(key, node, self.level)?,
                Kind::Tape => Box::new(Tape::new()),
                Kind::NoteTape => Box::new(NoteTape::new()),
                Kind::Metronome => Box::new(Metronome::new(&node.config, lowered.tempo.clone())),
                Kind::Plugin(device) => {
                    let built = self.rack.processor(device);
                    let mut processor =
                        built.map_err(|why| SoundError::Device { name: node.name.clone(), why })?;
                    processor.exchange(&mut PluginTempo(Some(lowered.tempo.clone())));
                    match lowered.note_lists.get(id) {
                        Some(part) => player(processor, part),
                        None => processor,
                    }
                }
                Kind::Clips => {
                    let list = lowered.play_lists.get(id).map(Vec::as_slice).unwrap_or_default();
                    let mut reader = ClipReader::new(&node.config, self.level);
                    let list = self.play_list(project, root, sources, node, list, &BTreeSet::new())?;
                    reader.exchange(&mut *ClipReader::payload(list));
                    Box::new(reader)
                }
            };
            plan.setups.insert(*id, NodeSetup { processor: Some(processor), params: setups(node) });
        }
        let mut changed = Vec::new();
        for (id, list) in lowered.play_lists.iter().filter(|(id, _)| !fresh.contains(id)) {
            let before = self.lists.get(id).map(Vec::as_slice).unwrap_or_default();
            if let Some(node) = lowered.nodes.get(id).filter(|_| before != list.as_slice()) {
                let has = before.iter().map(|(segment, _)| segment.source).collect();
                changed.push((*id, self.play_list(project, root, sources, node, list, &has)?));
            }
        }
        if self.lowered.is_none() {
            self.conductor.begin(plan)?;
        } else {
            self.conductor.update(plan)?;
        }
        for (id, list) in changed {
            self.conductor.exchange(id, ClipReader::payload(list));
        }
        let parts_before = self.lowered.as_ref().map(|before| &before.note_lists);
        for (id, part) in lowered.note_lists.iter().filter(|(id, _)| !fresh.contains(id)) {
            if parts_before.and_then(|before| before.get(id)) != Some(part) {
                self.conductor.exchange(*id, note_list(part).payload());
            }
        }
        let before = self.lowered.as_ref().map(|before| &before.tempo);
        let tempo_changed = before.is_some_and(|before| !Arc::ptr_eq(before, &lowered.tempo));
        for (id, node) in lowered.nodes.iter().filter(|(id, _)| tempo_changed && !fresh.contains(id)) {
            match node.kind {
                Kind::Metronome => {
                    self.conductor.exchange(*id, Box::new(Metronome::payload(lowered.tempo.clone())));
                }
                Kind::Plugin(_) => {
                    self.conductor.exchange(*id, Box::new(PluginTempo(Some(lowered.tempo.clone()))));
                }
                Kind::Clips | Kind::Device(_) | Kind::Tape | Kind::NoteTape => {}
            }
        }
        self.rack.retell();
        self.rack.keep_only(&lowered);
        self.lists = lowered.play_lists.clone();
        self.lowered = Some(lowered);
        Ok(())
    }

    /// A play list with those sources opened that the reader does not have.
    fn play_list(
        &mut self,
        project: &Project,
        root: &Path,
        sources: &dyn Sources,
        node: &NodePlan,
        list: &[(Segment, MediaId)],
        has: &BTreeSet<SourceId>,
    ) -> Result<PlayList, SoundError> {
        let wanted: BTreeSet<&MediaId> = list
            .iter()
            .filter(|(segment, _)| !has.contains(&segment.source))
            .map(|(_, media)| media)
            .collect();
        let mut opened = Vec::new();
        for media in wanted {
            let Some(file) = project.media_file(media) else { continue };
            match sources.open(media, &root.join(&file.file)) {
                Ok(source) => {
                    self.unreadable.remove(media);
                    opened.push((source_id(media), source));
                }
                Err(why) => {
                    self.unreadable.insert(media.clone(), why);
                }
            }
        }
        let readable = |media: &MediaId| !self.unreadable.contains_key(media);
        let segments =
            list.iter().filter(|(_, media)| readable(media)).map(|(segment, _)| segment.clone()).collect();
        let built = PlayList::build(segments, opened)
            .map_err(|why| SoundError::Clips { name: node.name.clone(), why: why.to_string() })?;
        Ok(if sources.waits() { built.waiting() } else { built })
    }
}

/// Latencies of devices: as they told while running, else as they have them with their parameters.
#[derive(Debug, Default)]
struct Latencies {
    told: BTreeMap<NodeId, u32>,
    probed: BTreeMap<NodeId, (Vec<u32>, u32)>,
}

impl Latencies {
    fn of(&mut self, node: NodeId, plan: &NodePlan, level: Level) -> u32 {
        let Kind::Device(key) = &plan.kind else { return 0 };
        let values: Vec<u32> = plan.params.iter().map(|param| param.value.to_bits()).collect();
        if let Some((_, latency)) = self.probed.get(&node).filter(|(known, _)| *known == values) {
            return self.told.get(&node).copied().unwrap_or(*latency);
        }
        let latency = probe(key, plan, level);
        // Other values, other latency: what was told before no longer counts.
        self.told.remove(&node);
        self.probed.insert(node, (values, latency));
        latency
    }
}

/// The latency of a device with these parameters: one block of silence through an instance of its own.
fn probe(key: &str, plan: &NodePlan, level: Level) -> u32 {
    let Ok(mut processor) = registry::build(key, &plan.config, level) else { return 0 };
    let channels = plan.config.inputs.max(plan.config.outputs);
    let values: Vec<f32> = plan.params.iter().map(|param| param.value).collect();
    let mut memory = vec![0.0; channels * MAX_BLOCK];
    let main = Channels::new(&mut memory, MAX_BLOCK, 0, MAX_BLOCK);
    let mut block = ProcessBlock::new(main, Params::constant(&values), Transport::default());
    let _ = processor.process(&mut block);
    processor.latency()
}

fn note_list(part: &NotePart) -> NoteList {
    NoteList::build(part.shots.clone(), part.touches.clone())
}

/// An instrument that plays the notes of its track.
fn player(instrument: Box<dyn Processor>, part: &NotePart) -> Box<dyn Processor> {
    let mut player = NotePlayer::new(instrument);
    player.exchange(&mut *note_list(part).payload());
    Box::new(player)
}

fn build(key: &str, node: &NodePlan, level: Level) -> Result<Box<dyn Processor>, SoundError> {
    registry::build(key, &node.config, level)
        .map_err(|why| SoundError::Device { name: node.name.clone(), why: why.to_string() })
}

fn setups(node: &NodePlan) -> Vec<ParamSetup> {
    let point = |point: &omega_lowering::LanePoint| LanePoint {
        frame: point.frame,
        value: point.value,
        shape: match point.shape {
            omega_lowering::LaneShape::Hold => LaneShape::Hold,
            omega_lowering::LaneShape::Linear => LaneShape::Linear,
            omega_lowering::LaneShape::Curve(bow) => LaneShape::Curve(bow),
        },
    };
    let setup = |param: &omega_lowering::Param| ParamSetup {
        value: param.value,
        smoothing: param.smoothing,
        lane: param.lane.iter().map(point).collect(),
    };
    node.params.iter().map(setup).collect()
}
