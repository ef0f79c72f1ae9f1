//! The metronome and where it is heard.

use omega_devices::metronome::prepare::descriptor;
use omega_graph::{ChannelMap, EdgeSpec, NodeId, NodeSpec, Role};
use omega_session::model::{Output, TrackId};

use crate::strip::{Lowering, runs};
use crate::{Kind, NodePlan, Notice, ids};

/// Channels of the metronome: the same click goes to all outputs.
const CHANNELS: u16 = 1;

impl Lowering<'_> {
    /// A metronome, where it is switched on or something is armed, so that there may be a count-in.
    pub fn metronome(&mut self) {
        let settings = &self.project.settings().metronome;
        let armed = self.project.tracks().values().any(|track| track.arm);
        if !(settings.on || armed) {
            return;
        }
        let node = ids::node(&["metronome"], CHANNELS);
        match &settings.output {
            Output::None => return,
            Output::Hardware(list) => self.click_to_outside(node, list),
            Output::Track(id) => {
                let Some((to, channels)) = self.strips.get(id).map(|ends| ends.input) else {
                    self.out.notices.push(Notice::DanglingRoute { track: "the metronome".to_owned() });
                    return;
                };
                let map = ChannelMap::fit(CHANNELS, channels);
                self.cable(node, to, "click", |edge| EdgeSpec { map, ..edge });
            }
        }
        self.clicks(node, settings.on);
    }

    /// A metronome in the master's channels of a file, whatever is set.
    pub fn metronome_in_file(&mut self) {
        let node = ids::node(&["metronome"], CHANNELS);
        let channels = self.out.channels.first().map_or(0, |(_, channels)| *channels);
        let list: Vec<u16> = (0..channels).collect();
        self.click_to_outside(node, &list);
        self.clicks(node, true);
    }

    /// The node itself.
    fn clicks(&mut self, node: NodeId, on: bool) {
        let level = self.project.settings().metronome.level_db;
        let name = "the metronome".to_owned();
        let spec = NodeSpec::new(node, name.clone(), Role::Processor, CHANNELS);
        self.out.spec.nodes.push(NodeSpec { inputs: 0, ..spec });
        let values = [("level", level, None), ("on", f64::from(u8::from(on)), None)];
        let params = self.named(Some(&descriptor()), node, &values);
        let (track, config) = (TrackId::master(), self.config(0, CHANNELS));
        self.out.nodes.insert(node, NodePlan { name, track, kind: Kind::Metronome, config, params });
        self.out.metronome = Some(node);
    }

    fn click_to_outside(&mut self, node: NodeId, list: &[u16]) {
        for run in runs(list, u16::MAX) {
            let to = ids::node(&["metronome", "out", &run.first.to_string(), &run.at()], run.count);
            let role = Role::Output { first: run.first };
            self.out.spec.nodes.push(NodeSpec::new(to, "metronome output", role, run.count));
            let map = ChannelMap::List((0..run.count).map(|channel| (0, channel, 1.0)).collect());
            self.cable(node, to, "click", |edge| EdgeSpec { map, ..edge });
        }
    }
}
