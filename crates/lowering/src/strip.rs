//! Tracks become strips of nodes, and their routes cables.

use std::collections::{BTreeMap, BTreeSet};

use omega_devices::registry;
use omega_graph::{ChannelMap, EdgeSpec, GraphSpec, MeterSpec, NodeId, NodeSpec, Port, Role};
use omega_processor::{Descriptor, PrepareConfig};
use omega_session::model::{
    BYPASS, BusPrecision, Device, DeviceId, Listen, Output, PanLaw, ParamTarget, Project, Send, SendId,
    SendParam, Track, TrackId, TrackKind, TrackParam,
};

use crate::listen::{Audible, audible};
use crate::params::{defaults, param};
use crate::{Kind, LatencyOf, LiveWay, Lowered, NodePlan, Notice, Param, PluginOf, Purpose, clips, ids};

/// Ends of a strip that cables go to and come from, with their channels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub input: (NodeId, u16),
    pre: (NodeId, u16),
    post: (NodeId, u16),
    /// Live input goes through: nothing behind it is held back for the sake of others.
    live: bool,
}

/// A lowering under way.
pub(crate) struct Lowering<'a> {
    pub project: &'a Project,
    pub purpose: &'a Purpose,
    latency: LatencyOf<'a>,
    plugins: PluginOf<'a>,
    audible: Audible,
    pub strips: BTreeMap<TrackId, Ends>,
    pub out: Lowered,
}

impl<'a> Lowering<'a> {
    pub fn new(
        project: &'a Project,
        purpose: &'a Purpose,
        latency: LatencyOf<'a>,
        plugins: PluginOf<'a>,
    ) -> Self {
        let out = Lowered {
            spec: GraphSpec::default(),
            nodes: BTreeMap::new(),
            play_lists: BTreeMap::new(),
            note_lists: BTreeMap::new(),
            targets: BTreeMap::new(),
            meters: BTreeMap::new(),
            tapes: BTreeMap::new(),
            note_tapes: BTreeMap::new(),
            hearing: BTreeMap::new(),
            live: BTreeMap::new(),
            metronome: None,
            channels: Vec::new(),
            tempo: project.tempo_map(),
            end: 0,
            notices: Vec::new(),
        };
        let (audible, strips) = (audible(project), BTreeMap::new());
        Self { project, purpose, latency, plugins, audible, strips, out }
    }

    pub fn run(mut self) -> Lowered {
        let sounding = |track: &Track| match track.kind {
            TrackKind::Folder => false,
            TrackKind::Cue => *self.purpose == Purpose::Play,
            TrackKind::Audio | TrackKind::Bus | TrackKind::Return | TrackKind::Master => true,
        };
        let tracks: Vec<(&TrackId, &Track)> = self
            .project
            .tracks()
            .iter()
            .map(|(id, track)| (id, &**track))
            .filter(|(_, track)| sounding(track))
            .collect();
        for &(id, track) in &tracks {
            let ends = self.strip(id, track);
            self.strips.insert(id.clone(), ends);
        }
        for &(id, track) in &tracks {
            self.sends(id, track);
        }
        match self.purpose {
            Purpose::Play => {
                let monitored = self.cues(&tracks);
                for &(id, track) in tracks.iter().filter(|(id, _)| !monitored.contains(*id)) {
                    self.route(id, track);
                }
                self.metronome();
            }
            Purpose::Render { stems, metronome } => {
                for &(id, track) in
                    tracks.iter().filter(|(_, track)| !matches!(track.output, Output::Hardware(_)))
                {
                    self.route(id, track);
                }
                self.files(stems);
                if *metronome {
                    self.metronome_in_file();
                }
            }
        }
        self.out.notices.sort();
        self.out.notices.dedup();
        self.out
    }

    // --- One strip ------------------------------------------------------------------------------------------------

    fn strip(&mut self, id: &TrackId, track: &Track) -> Ends {
        let channels = track.channels;
        let input = ids::node(&[id.as_str(), "in"], channels);
        let wide_sum = self.project.settings().bus_precision == BusPrecision::F64;
        let spec = NodeSpec::new(input, track.name.clone(), Role::Sum, channels);
        self.out.spec.nodes.push(NodeSpec { wide_sum, ..spec });
        let (before, live) = self.input(id, track, input);
        self.midi_input(id, track);
        if track.kind == TrackKind::Audio {
            self.clips(id, track, before);
        }
        let delayed = track.kind != TrackKind::Audio;
        let (mut last, mut players) = (input, Vec::new());
        for (device, spec) in self.project.chain(id) {
            last = self.device(track, device, spec, last, &mut players);
        }
        if track.kind == TrackKind::Audio {
            self.notes(id, track, &players);
        }
        let pre = ids::node(&[id.as_str(), "pre"], channels);
        self.out.spec.nodes.push(NodeSpec::new(
            pre,
            format!("{} (pre-fader)", track.name),
            Role::Sum,
            channels,
        ));
        let shift = if delayed { shift(track) } else { 0 };
        self.cable(last, pre, "chain", |edge| EdgeSpec { shift, ..edge });
        let post = self.fader(id, track, pre);
        let meter = ids::meter(id.as_str());
        self.out.spec.meters.push(MeterSpec { id: meter, node: post.0 });
        self.out.meters.insert(id.clone(), meter);
        if live {
            self.out.live.insert(id.clone(), LiveWay { fader: post.0, target: None });
        }
        Ends { input: (input, channels), pre: (pre, channels), post, live }
    }

    fn clips(&mut self, id: &TrackId, track: &Track, into: NodeId) {
        let mut list = Vec::new();
        for heard in self.project.heard_on(id) {
            let Some(clip) = self.project.clip(&heard.clip) else { continue };
            let Some(id) = &clip.media else { continue };
            let Some(media) = self.project.media_file(id) else {
                self.out.notices.push(Notice::MissingMedia { media: id.clone() });
                continue;
            };
            let segment = clips::segment(&heard, clip, (id, media), track.channels, &self.out.tempo);
            self.out.end = self.out.end.max(segment.end() + track.delay.0.max(0));
            list.push((segment, id.clone()));
        }
        if list.is_empty() {
            return;
        }
        list.sort_by_key(|(segment, _)| (segment.start, segment.source, segment.offset));
        let node = ids::node(&[id.as_str(), "clips"], track.channels);
        let spec = NodeSpec::new(node, format!("{} clips", track.name), Role::Processor, track.channels);
        self.out.spec.nodes.push(NodeSpec { inputs: 0, ..spec });
        let plan = NodePlan {
            name: format!("the clips of {}", track.name),
            track: id.clone(),
            kind: Kind::Clips,
            config: self.config(0, track.channels),
            params: Vec::new(),
        };
        self.out.nodes.insert(node, plan);
        self.out.play_lists.insert(node, list);
        let shift = shift(track);
        self.cable(node, into, "clips", |edge| EdgeSpec { shift, ..edge });
    }

    /// A device of the chain; gives the node that the chain goes on from.
    ///
    /// A device without latency that is bypassed is left out. One that has latency, or whose bypass is automated, stays,
    /// and a switch behind it chooses between its output and its input: the compiler delays that one by the latency.
    /// Its node is added to `players` if it takes notes.
    fn device(
        &mut self,
        track: &Track,
        id: &DeviceId,
        device: &Device,
        last: NodeId,
        players: &mut Vec<NodeId>,
    ) -> NodeId {
        let channels = track.channels;
        let config = self.config(channels, channels);
        let built_in = registry::descriptor(&device.kind);
        let kind = match &built_in {
            Some(_) => Kind::Device(device.kind.clone()),
            None => Kind::Plugin(id.clone()),
        };
        let Some(descriptor) = built_in.or_else(|| (self.plugins)(id, device, &config)) else {
            let (device, kind, track) = (id.clone(), device.kind.clone(), track.name.clone());
            self.out.notices.push(Notice::UnknownDevice { device, kind, track });
            return last;
        };
        for key in device.params.keys().filter(|key| descriptor.param_index(key).is_none()) {
            self.out.notices.push(Notice::UnknownParam { device: id.clone(), param: key.clone() });
        }
        let node = ids::node(&[id.as_str(), &device.kind], channels);
        let params = descriptor.params.iter().map(|info| {
            let target = ParamTarget::Device(id.clone(), info.key.to_string());
            let value = device.params.get(&*info.key).copied().unwrap_or(info.default);
            param(self.project, &self.out.tempo, info, value, Some(&target), |value| value)
        });
        let params = params.collect();
        for (index, info) in (0u16..).zip(&descriptor.params) {
            let target = ParamTarget::Device(id.clone(), info.key.to_string());
            self.out.targets.insert(target, (node, index));
        }
        let plan = NodePlan {
            name: format!("{} on {}", descriptor.name, track.name),
            track: device.track.clone(),
            kind,
            config,
            params,
        };
        let latency = (self.latency)(node, &plan);
        let switch = ParamTarget::Device(id.clone(), BYPASS.to_owned());
        let automated = self.project.lane_of(&switch).is_some_and(|(_, lane)| lane.enabled);
        if device.bypass && latency == 0 && !automated {
            return last;
        }
        let side = device.sidechain.as_ref().filter(|_| !descriptor.aux_inputs.is_empty());
        let side = side.and_then(|side| self.project.track(side).map(|track| (side.clone(), track.channels)));
        let spec = NodeSpec::new(node, plan.name.clone(), Role::Processor, channels);
        let aux = side.iter().map(|_| channels).collect();
        let batch = registry::runs_in_lanes(&device.kind).then(|| ids::number(&device.kind));
        self.out.spec.nodes.push(NodeSpec { latency, aux, batch, ..spec });
        self.out.nodes.insert(node, plan);
        players.extend(descriptor.takes_notes.then_some(node));
        self.cable(last, node, "chain", |edge| edge);
        if let Some((side, from)) = side {
            let source = ids::node(&[side.as_str(), "pre"], from);
            let map = ChannelMap::fit(from, channels);
            self.cable(source, node, "side-chain", |edge| EdgeSpec { port: Port::Aux(0), map, ..edge });
        }
        if latency == 0 && !automated { node } else { self.bypass(track, id, device, (last, node)) }
    }

    /// A switch between a device's input and its output.
    fn bypass(
        &mut self,
        track: &Track,
        id: &DeviceId,
        device: &Device,
        (dry, wet): (NodeId, NodeId),
    ) -> NodeId {
        let channels = track.channels;
        let Some(descriptor) = registry::descriptor(BYPASS_DEVICE) else { return wet };
        let node = ids::node(&[id.as_str(), BYPASS], channels);
        let target = ParamTarget::Device(id.clone(), BYPASS.to_owned());
        let mut params = defaults(&descriptor);
        if let (Some(info), Some(switch)) = (descriptor.params.first(), params.first_mut()) {
            let value = f64::from(u8::from(device.bypass));
            *switch = param(self.project, &self.out.tempo, info, value, Some(&target), |value| value);
        }
        let name = format!("bypass on {}", track.name);
        let spec = NodeSpec::new(node, name.clone(), Role::Processor, channels);
        self.out.spec.nodes.push(NodeSpec { aux: vec![channels], ..spec });
        let (kind, config) = (Kind::Device(BYPASS_DEVICE.to_owned()), self.config(channels, channels));
        let track = device.track.clone();
        self.out.nodes.insert(node, NodePlan { name, track, kind, config, params });
        self.out.targets.insert(target, (node, 0));
        self.cable(wet, node, "wet", |edge| edge);
        self.cable(dry, node, "dry", |edge| EdgeSpec { port: Port::Aux(0), ..edge });
        node
    }

    fn fader(&mut self, id: &TrackId, track: &Track, pre: NodeId) -> (NodeId, u16) {
        let (channels, outputs) = (track.channels, self.panned(track.channels, &track.output));
        let node = ids::node(&[id.as_str(), "fader", &outputs.to_string()], channels);
        let descriptor = registry::descriptor(omega_devices::fader::FADER);
        let flag = |on: bool| f64::from(u8::from(on));
        let muted = self.audible.muted.contains(id);
        let values = [
            ("volume", track.volume_db, Some(TrackParam::Volume)),
            ("pan", track.pan, Some(TrackParam::Pan)),
            ("mute", flag(muted), (muted == track.mute).then_some(TrackParam::Mute)),
            ("solo_mute", flag(self.audible.solo_muted.contains(id)), None),
            ("invert", flag(track.phase_invert), None),
            ("law", law(track.pan_law), None),
        ];
        let targets = values.map(|(key, value, which)| {
            (key, value, which.map(|which| ParamTarget::Track(id.clone(), which)))
        });
        let params = self.named(descriptor.as_ref(), node, &targets);
        let spec = NodeSpec::new(node, format!("{} fader", track.name), Role::Processor, channels);
        self.out.spec.nodes.push(NodeSpec { outputs, ..spec });
        let (kind, config) =
            (Kind::Device(omega_devices::fader::FADER.to_owned()), self.config(channels, outputs));
        let (name, track) = (format!("the fader of {}", track.name), id.clone());
        self.out.nodes.insert(node, NodePlan { name, track, kind, config, params });
        self.cable(pre, node, "fader", |edge| edge);
        (node, outputs)
    }

    /// Parameters of a device of ours from values by key.
    pub(crate) fn named(
        &mut self,
        descriptor: Option<&Descriptor>,
        node: NodeId,
        values: &[(&str, f64, Option<ParamTarget>)],
    ) -> Vec<Param> {
        let Some(descriptor) = descriptor else { return Vec::new() };
        let mut params = defaults(descriptor);
        for (key, value, target) in values {
            let Some(index) = descriptor.param_index(key) else { continue };
            params[index] = param(
                self.project,
                &self.out.tempo,
                &descriptor.params[index],
                *value,
                target.as_ref(),
                |v| v,
            );
            if let (Some(target), Ok(index)) = (target, u16::try_from(index)) {
                self.out.targets.insert(target.clone(), (node, index));
            }
        }
        params
    }

    /// Whether a track is muted; its automation apart.
    pub(crate) fn is_muted(&self, id: &TrackId) -> bool {
        self.audible.muted.contains(id)
    }

    // --- Cables between strips ------------------------------------------------------------------------------------

    fn sends(&mut self, id: &TrackId, track: &Track) {
        let Some(ends) = self.strips.get(id).copied() else { return };
        let sends: Vec<(SendId, Send)> =
            self.project.sends_from(id).map(|(id, send)| (id.clone(), Send::clone(send))).collect();
        for (send_id, send) in sends {
            let Some(target) = self.strips.get(&send.target).copied() else {
                if self.project.track(&send.target).is_none() {
                    self.out.notices.push(Notice::DanglingRoute { track: track.name.clone() });
                }
                continue;
            };
            let (source, channels) = if send.pre { ends.pre } else { ends.post };
            let outputs = if channels == 1 && target.input.1 > 1 { 2 } else { channels };
            let node = ids::node(&[send_id.as_str(), "send", &outputs.to_string()], channels);
            let silenced =
                send.pre && (self.audible.muted.contains(id) || self.audible.solo_muted.contains(id));
            let of = |which| Some(ParamTarget::Send(send_id.clone(), which));
            let values = [
                ("level", send.gain_db, of(SendParam::Gain)),
                ("pan", send.pan, of(SendParam::Pan)),
                (
                    "mute",
                    f64::from(u8::from(send.mute || silenced)),
                    if silenced { None } else { of(SendParam::Mute) },
                ),
                ("law", law(track.pan_law), None),
            ];
            let params = self.named(registry::descriptor(omega_devices::fader::SEND).as_ref(), node, &values);
            let spec = NodeSpec::new(node, format!("{} send", track.name), Role::Processor, channels);
            self.out.spec.nodes.push(NodeSpec { outputs, ..spec });
            let (kind, config) =
                (Kind::Device(omega_devices::fader::SEND.to_owned()), self.config(channels, outputs));
            let name = format!("a send of {}", track.name);
            self.out.nodes.insert(node, NodePlan { name, track: id.clone(), kind, config, params });
            self.cable(source, node, "send", |edge| edge);
            let map = ChannelMap::fit(outputs, target.input.1);
            let feedback = send.feedback_delay.and_then(|delay| u32::try_from(delay.0).ok());
            self.cable(node, target.input.0, "send", |edge| EdgeSpec {
                map,
                feedback,
                live: ends.live,
                ..edge
            });
        }
    }

    fn route(&mut self, id: &TrackId, track: &Track) {
        let Some(ends) = self.strips.get(id).copied() else { return };
        match &track.output {
            Output::None => {}
            Output::Track(target) => match self.strips.get(target).copied() {
                Some(to) => {
                    let map = ChannelMap::fit(ends.post.1, to.input.1);
                    if let Some(way) = self.out.live.get_mut(id) {
                        way.target = Some(to.input.0);
                    }
                    self.cable(ends.post.0, to.input.0, "route", |edge| EdgeSpec {
                        map,
                        live: ends.live,
                        ..edge
                    });
                }
                None if self.project.track(target).is_none() => {
                    self.out.notices.push(Notice::DanglingRoute { track: track.name.clone() });
                }
                None => {}
            },
            Output::Hardware(list) => self.hardware_output(id, track, ends, list),
        }
    }

    fn hardware_output(&mut self, id: &TrackId, track: &Track, ends: Ends, list: &[u16]) {
        let (source, channels) = ends.post;
        let alone = channels == 1 && list.len() > 1;
        for run in runs(list, if alone { 2 } else { channels }) {
            let node = ids::node(&[id.as_str(), "out", &run.first.to_string()], run.count);
            let role = Role::Output { first: run.first };
            self.out.spec.nodes.push(NodeSpec::new(node, format!("{} output", track.name), role, run.count));
            let map = if alone {
                ChannelMap::List((0..run.count).map(|c| (0, c, 1.0)).collect())
            } else {
                run.map_out_of()
            };
            self.cable(source, node, "out", |edge| EdgeSpec { map, live: ends.live, ..edge });
        }
    }

    /// Feeds the cues: with what is listened to; else, when nobody else feeds a cue, with the master. Gives the tracks
    /// whose own way to the hardware is taken by a cue.
    fn cues(&mut self, tracks: &[(&TrackId, &Track)]) -> BTreeSet<TrackId> {
        let fed: BTreeSet<&TrackId> = tracks
            .iter()
            .filter_map(|(_, track)| if let Output::Track(to) = &track.output { Some(to) } else { None })
            .chain(self.project.sends().values().map(|send| &send.target))
            .collect();
        let listening: Vec<(&TrackId, Listen)> = tracks
            .iter()
            .filter(|(_, track)| track.listen != Listen::Off && track.kind != TrackKind::Cue)
            .map(|(id, track)| (*id, track.listen))
            .collect();
        let mut taken = BTreeSet::new();
        for &(id, cue) in
            tracks.iter().filter(|(id, track)| track.kind == TrackKind::Cue && !fed.contains(id))
        {
            let Some(to) = self.strips.get(id).map(|ends| ends.input) else { continue };
            let master = TrackId::master();
            let shared = self.project.track(&master).is_some_and(|master| master.output == cue.output);
            if shared {
                taken.insert(master.clone());
            }
            let sources = if listening.is_empty() { vec![(&master, Listen::Afl)] } else { listening.clone() };
            for (from, listen) in sources {
                let Some(ends) = self.strips.get(from).copied() else { continue };
                let (source, channels) = if listen == Listen::Pfl { ends.pre } else { ends.post };
                let map = ChannelMap::fit(channels, to.1);
                self.cable(source, to.0, "listen", |edge| EdgeSpec { map, live: ends.live, ..edge });
            }
        }
        taken
    }

    /// The master and the stems, one after the other.
    fn files(&mut self, stems: &[TrackId]) {
        let mut first = 0u16;
        for id in std::iter::once(&TrackId::master()).chain(stems) {
            let Some((source, channels)) = self.strips.get(id).map(|ends| ends.post) else { continue };
            let node = ids::node(&[id.as_str(), "file", &first.to_string()], channels);
            let role = Role::Output { first };
            self.out.spec.nodes.push(NodeSpec::new(node, format!("file of {id}"), role, channels));
            self.cable(source, node, "file", |edge| edge);
            self.out.channels.push((id.clone(), channels));
            first = first.saturating_add(channels);
        }
    }

    // --- Small things ---------------------------------------------------------------------------------------------

    /// Channels behind a fader or send: mono is panned into stereo, unless it goes into something mono.
    fn panned(&self, channels: u16, output: &Output) -> u16 {
        let mono = match output {
            Output::Track(to) => self.project.track(to).is_some_and(|track| track.channels == 1),
            Output::Hardware(list) => list.len() == 1,
            Output::None => false,
        };
        if channels == 1 && !mono { 2 } else { channels }
    }

    pub(crate) fn cable(
        &mut self,
        from: NodeId,
        to: NodeId,
        what: &str,
        set: impl FnOnce(EdgeSpec) -> EdgeSpec,
    ) {
        self.out.spec.edges.push(set(EdgeSpec::new(ids::edge(from, to, what), from, to)));
    }

    pub(crate) fn config(&self, inputs: u16, outputs: u16) -> PrepareConfig {
        PrepareConfig {
            sample_rate: self.project.sample_rate().hz(),
            inputs: inputs.into(),
            outputs: outputs.into(),
        }
    }
}

/// Key of the switch between a device's input and output.
const BYPASS_DEVICE: &str = "omega.bypass";

fn shift(track: &Track) -> i32 {
    let limit = i64::from(omega_graph::MAX_SHIFT);
    i32::try_from(track.delay.0.clamp(-limit, limit)).unwrap_or(0)
}

fn law(law: PanLaw) -> f64 {
    match law {
        PanLaw::Zero => 0.0,
        PanLaw::Minus3 => 1.0,
        PanLaw::Minus4_5 => 2.0,
        PanLaw::Minus6 => 3.0,
    }
}

/// Neighbouring hardware channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    /// First hardware channel.
    pub first: u16,
    /// How many.
    pub count: u16,
    /// Index of the first one in the list, which is the channel of the track.
    at: u16,
}

impl Run {
    /// Where it stands in the list, as part of a name: the same channels may occur twice.
    pub fn at(self) -> String {
        self.at.to_string()
    }

    pub fn map_into(self) -> ChannelMap {
        ChannelMap::List((0..self.count).map(|channel| (channel, self.at + channel, 1.0)).collect())
    }

    fn map_out_of(self) -> ChannelMap {
        if self.at == 0 {
            return ChannelMap::Direct;
        }
        ChannelMap::List((0..self.count).map(|channel| (self.at + channel, channel, 1.0)).collect())
    }
}

/// Cuts the first `most` channels of a list into runs of neighbours.
pub(crate) fn runs(list: &[u16], most: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (at, &channel) in (0..most).zip(list) {
        match runs.last_mut() {
            Some(run) if run.first.checked_add(run.count) == Some(channel) => run.count += 1,
            _ => runs.push(Run { first: channel, count: 1, at }),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_run_together() {
        let run = |first, count, at| Run { first, count, at };
        assert_eq!(runs(&[4, 5, 2, 3], 4), [run(4, 2, 0), run(2, 2, 2)]);
        assert_eq!(runs(&[1, 0], 2), [run(1, 1, 0), run(0, 1, 1)]);
        assert_eq!(runs(&[0, 1, 2], 2), [run(0, 2, 0)]);
        assert!(runs(&[], 2).is_empty());
    }
}
