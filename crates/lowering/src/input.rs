//! The hardware inputs of a track: recorded by a tape, heard through a switch.

use std::sync::Arc;

use omega_devices::monitor;
use omega_graph::{ChannelMap, EdgeSpec, MeterSpec, NodeId, NodeSpec, Port, Role};
use omega_processor::Descriptor;
use omega_session::model::{Device, DeviceId, Monitor, Track, TrackId, TrackKind};

use crate::strip::{Lowering, runs};
use crate::{Kind, NodePlan, NoteTapePlan, Purpose, TapePlan, ids};

impl Lowering<'_> {
    /// Brings the inputs in of a track that is armed or monitored. Gives the node that its clips go into, and whether its
    /// input is heard.
    pub fn input(&mut self, id: &TrackId, track: &Track, into: NodeId) -> (NodeId, bool) {
        let used = track.arm || track.monitor == Monitor::On;
        let can = *self.purpose == Purpose::Play && track.kind == TrackKind::Audio;
        if !used || !can || track.input.is_empty() {
            return (into, false);
        }
        let heard = track.monitor != Monitor::Off;
        let switch = heard.then(|| self.switch(id, track, into));
        let channels = track.channels.clamp(1, u16::try_from(track.input.len()).unwrap_or(u16::MAX));
        let mut tape = self.tape(id, track, channels);
        for run in runs(&track.input, track.channels.max(1)) {
            let node = ids::node(&[id.as_str(), "hardware", &run.first.to_string(), &run.at()], run.count);
            let role = Role::Input { first: run.first };
            self.out.spec.nodes.push(NodeSpec::new(node, format!("{} input", track.name), role, run.count));
            tape.edges.push(ids::edge(node, tape.node, "tape"));
            self.cable(node, tape.node, "tape", |edge| EdgeSpec { map: run.map_into(), ..edge });
            if let Some(switch) = switch {
                let alone = track.input.len() == 1 && track.channels > 1;
                let map = if alone { ChannelMap::Spread } else { run.map_into() };
                self.cable(node, switch, "input", |edge| EdgeSpec {
                    map,
                    live: true,
                    port: Port::Aux(0),
                    ..edge
                });
            }
        }
        self.out.tapes.insert(id.clone(), tape);
        (switch.unwrap_or(into), heard)
    }

    /// Brings the MIDI input in of a track that is armed or monitored: to a tape, and to its first plugin, which hears it at once.
    pub fn midi_input(&mut self, id: &TrackId, track: &Track) {
        let used = track.arm || track.monitor == Monitor::On;
        let can = *self.purpose == Purpose::Play && track.kind == TrackKind::Audio;
        if !used || !can || track.midi_input.is_empty() {
            return;
        }
        let plugin = |(id, device): (&DeviceId, &Arc<Device>)| {
            let foreign = omega_devices::registry::descriptor(&device.kind).is_none();
            (foreign && !device.bypass).then(|| ids::node(&[id.as_str(), &device.kind], track.channels))
        };
        let first = self.project.chain(id).find_map(plugin).filter(|_| track.monitor != Monitor::Off);
        self.out.hearing.extend(first.map(|node| (node, track.midi_input.clone())));
        if track.arm {
            self.note_tape(id, track);
        }
    }

    fn note_tape(&mut self, id: &TrackId, track: &Track) {
        // A channel that no hardware has: it is silent, and only there so that the tape has a place behind it.
        let silence = ids::node(&[id.as_str(), "note tape", "place"], 1);
        let role = Role::Input { first: u16::MAX };
        self.out.spec.nodes.push(NodeSpec::new(silence, format!("{} (MIDI)", track.name), role, 1));
        let node = ids::node(&[id.as_str(), "note tape"], 1);
        let name = format!("the MIDI tape of {}", track.name);
        self.out.spec.nodes.push(NodeSpec::new(node, name.clone(), Role::Processor, 1));
        let (kind, config) = (Kind::NoteTape, self.config(1, 1));
        self.out.nodes.insert(node, NodePlan { name, track: id.clone(), kind, config, params: Vec::new() });
        self.cable(silence, node, "note tape", |edge| edge);
        // It leads nowhere: that it is measured keeps it running.
        self.out.spec.meters.push(MeterSpec { id: ids::meter(&format!("{id}/midi")), node });
        self.out.hearing.insert(node, track.midi_input.clone());
        let edge = ids::edge(silence, node, "note tape");
        self.out.note_tapes.insert(id.clone(), NoteTapePlan { node, edge });
    }

    /// The switch between clips and input.
    fn switch(&mut self, id: &TrackId, track: &Track, into: NodeId) -> NodeId {
        let channels = track.channels;
        let node = ids::node(&[id.as_str(), "monitor"], channels);
        let name = format!("the input monitor of {}", track.name);
        let spec = NodeSpec::new(node, name.clone(), Role::Processor, channels);
        self.out.spec.nodes.push(NodeSpec { aux: vec![channels], ..spec });
        let mode = match track.monitor {
            Monitor::Off => 0.0,
            Monitor::Auto => 1.0,
            Monitor::On => 2.0,
        };
        let values = [("monitor", mode, None), ("armed", f64::from(u8::from(track.arm)), None)];
        let descriptor: Option<Descriptor> = omega_devices::registry::descriptor(monitor::KEY);
        let params = self.named(descriptor.as_ref(), node, &values);
        let (kind, config) = (Kind::Device(monitor::KEY.to_owned()), self.config(channels, channels));
        self.out.nodes.insert(node, NodePlan { name, track: id.clone(), kind, config, params });
        self.cable(node, into, "monitor", |edge| edge);
        node
    }

    fn tape(&mut self, id: &TrackId, track: &Track, channels: u16) -> TapePlan {
        let node = ids::node(&[id.as_str(), "tape"], channels);
        let name = format!("the tape of {}", track.name);
        self.out.spec.nodes.push(NodeSpec::new(node, name.clone(), Role::Processor, channels));
        let config = self.config(channels, channels);
        let plan = NodePlan { name, track: id.clone(), kind: Kind::Tape, config, params: Vec::new() };
        self.out.nodes.insert(node, plan);
        // It leads nowhere: that it is measured keeps it running.
        let meter = ids::meter(&format!("{id}/input"));
        self.out.spec.meters.push(MeterSpec { id: meter, node });
        TapePlan { node, channels, meter, edges: Vec::new() }
    }
}
