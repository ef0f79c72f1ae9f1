//! What the compiler promises of a schedule, on graphs small enough to be followed by hand.

use omega_graph::{
    ChannelMap, CompileError, EdgeId, EdgeSpec, Fade, GraphSpec, MAX_ARRIVAL, MAX_LATENCY, MeterId,
    MeterSpec, NodeId, NodeSpec, Notice, Port, Role, Schedule, Step, compile, transition,
};

fn node(id: u64, latency: u32) -> NodeSpec {
    NodeSpec { latency, ..NodeSpec::new(NodeId(id), format!("node {id}"), Role::Processor, 2) }
}

fn source(id: u64) -> NodeSpec {
    NodeSpec { inputs: 0, ..node(id, 0) }
}

fn output(id: u64) -> NodeSpec {
    NodeSpec::new(NodeId(id), "out", Role::Output { first: 0 }, 2)
}

fn edge(from: u64, to: u64) -> EdgeSpec {
    EdgeSpec::new(EdgeId(from * 1000 + to), NodeId(from), NodeId(to))
}

fn schedule(nodes: Vec<NodeSpec>, edges: Vec<EdgeSpec>) -> Schedule {
    compile(&GraphSpec { nodes, edges, meters: Vec::new() }).expect("a valid graph").schedule
}

fn delay_of(schedule: &Schedule, id: EdgeId) -> Option<u32> {
    schedule.taps.iter().find(|tap| tap.edge == id).map(|tap| tap.delay)
}

#[test]
fn the_shorter_way_waits_for_the_longer_one() {
    let nodes = vec![source(1), node(2, 512), node(3, 0), output(4)];
    let edges = vec![edge(1, 2), edge(1, 3), edge(2, 4), edge(3, 4)];
    let schedule = schedule(nodes, edges);
    assert_eq!(schedule.latency, 512);
    assert_eq!(delay_of(&schedule, EdgeId(3004)), Some(512));
    assert_eq!((schedule.taps.len(), schedule.lines.len()), (1, 1));
}

#[test]
fn delayed_edges_of_one_node_share_its_line() {
    let nodes = vec![source(1), node(2, 512), node(3, 100), output(4), output(5)];
    let mut early = edge(1, 5);
    early.shift = 7;
    let edges = vec![edge(1, 2), edge(1, 3), edge(2, 4), edge(3, 4), edge(1, 4), early];
    let schedule = schedule(nodes, edges);
    let of_source = schedule.lines.iter().position(|line| line.node == NodeId(1)).expect("a line");
    assert_eq!((schedule.lines[of_source].delay, schedule.lines.len()), (519, 2));
    let taps = schedule.taps.iter().filter(|tap| tap.line as usize == of_source);
    assert_eq!(
        taps.map(|tap| (tap.edge, tap.delay)).collect::<Vec<_>>(),
        [(EdgeId(1004), 512), (EdgeId(1005), 519)]
    );
    let writes = schedule.steps.iter().filter(|step| matches!(step, Step::LineWrite { .. }));
    assert_eq!(writes.count(), 2, "a line is written once");
}

#[test]
fn a_chain_works_in_one_buffer() {
    let nodes = vec![source(1), node(2, 0), node(3, 0), output(4)];
    let schedule = schedule(nodes, vec![edge(1, 2), edge(2, 3), edge(3, 4)]);
    assert_eq!(schedule.channels, 2);
    let mixes = schedule.steps.iter().filter(|step| matches!(step, Step::Mix(mix) if mix.count > 0)).count();
    assert_eq!(mixes, 0);
}

#[test]
fn a_buffer_with_two_readers_is_not_overwritten() {
    let nodes = vec![source(1), node(2, 0), node(3, 0), output(4)];
    let schedule = schedule(nodes, vec![edge(1, 2), edge(1, 3), edge(2, 4), edge(3, 4)]);
    let main = |id: u64| schedule.nodes.iter().find(|n| n.id == NodeId(id)).map(|n| n.main.first);
    assert!(main(1) != main(2) && main(1) != main(3) && main(2) != main(3));
}

#[test]
fn outputs_share_one_arrival_and_live_cables_wait_for_nobody() {
    let nodes = vec![source(1), node(2, 100), output(3), source(4), output(5)];
    let mut live = edge(4, 3);
    live.live = true;
    let schedule = schedule(nodes, vec![edge(1, 2), edge(2, 3), live, edge(4, 5)]);
    assert_eq!(delay_of(&schedule, EdgeId(4005)), Some(100));
    assert_eq!(delay_of(&schedule, EdgeId(4003)), None);
}

#[test]
fn an_early_shift_holds_everything_else_back() {
    let mut early = edge(1, 3);
    early.shift = -30;
    let schedule = schedule(vec![source(1), source(2), output(3)], vec![early, edge(2, 3)]);
    assert_eq!((schedule.latency, delay_of(&schedule, EdgeId(2003))), (30, Some(30)));
    assert_eq!(delay_of(&schedule, EdgeId(1003)), None);
}

#[test]
fn a_cycle_is_named_and_a_feedback_send_is_not_one() {
    let nodes = vec![source(1), node(2, 10), node(3, 0), output(4)];
    let back = edge(3, 2);
    let edges = vec![edge(1, 2), edge(2, 3), back.clone(), edge(3, 4)];
    let spec = GraphSpec { nodes, edges, meters: Vec::new() };
    let Err(CompileError::Cycle { path }) = compile(&spec) else { panic!("the cycle was not seen") };
    assert_eq!(path.len(), 3);
    assert_eq!(path.first(), path.last());
    let with = |frames| {
        let mut spec = spec.clone();
        spec.edges[2].feedback = Some(frames);
        compile(&spec).expect("a feedback send may go back")
    };
    let compiled = with(64);
    assert_eq!(compiled.schedule.max_frames, 54, "64 frames less the 10 inside the loop");
    assert!(compiled.notices.is_empty());
    let compiled = with(4);
    assert_eq!(compiled.schedule.max_frames, 1);
    let lengthened = Notice::FeedbackLengthened { edge: back.id, asked: 4, given: 11 };
    assert_eq!(compiled.notices, [lengthened]);
}

#[test]
fn like_strips_lie_side_by_side() {
    let mut nodes = vec![output(1000)];
    let mut edges = Vec::new();
    for track in 0..20u64 {
        nodes.push(source(1 + track));
        nodes.push(NodeSpec { batch: Some(7), ..node(101 + track, 0) });
        nodes.push(NodeSpec { batch: Some(8), ..node(201 + track, 0) });
        edges.extend([edge(1 + track, 101 + track), edge(101 + track, 201 + track), edge(201 + track, 1000)]);
    }
    let schedule = schedule(nodes, edges);
    let counts = schedule.steps.iter().filter_map(|step| match step {
        Step::Process { count, .. } if *count > 1 => Some(*count),
        _ => None,
    });
    assert_eq!(counts.collect::<Vec<_>>(), [8, 8, 8, 8, 4, 4]);
}

/// The sources of the sum behind node 1000, as the steps read them: the id of the node that wrote each buffer last.
fn summed_into_the_output(schedule: &Schedule) -> Vec<u64> {
    let mut writer = vec![0; schedule.channels as usize];
    let out = schedule.nodes.iter().find(|node| node.id == NodeId(1000)).expect("an output").main.first;
    let mut summed = Vec::new();
    for step in &schedule.steps {
        match *step {
            Step::Process { first, count } => {
                for node in &schedule.nodes[first as usize..(first + count) as usize] {
                    writer[node.main.first as usize] = node.id.0;
                }
            }
            Step::Mix(mix) if mix.target == out => {
                assert_eq!(mix.more, !summed.is_empty(), "only the first step begins the sum");
                let terms = &schedule.mix_inputs[mix.first as usize..(mix.first + mix.count) as usize];
                summed.extend(terms.iter().map(|term| writer[term.source as usize]));
            }
            _ => {}
        }
    }
    summed
}

#[test]
fn a_sum_of_many_begins_before_the_last_has_come_and_keeps_its_order() {
    // Two looks, so that the order of execution is not that of the sum.
    let mut nodes = vec![output(1000)];
    let mut edges = Vec::new();
    for track in 1..=200 {
        let batch = Some(if track % 3 == 0 { 7 } else { 8 });
        nodes.extend([source(track), NodeSpec { batch, ..node(300 + track, 0) }]);
        edges.extend([edge(track, 300 + track), edge(300 + track, 1000)]);
    }
    let schedule = schedule(nodes, edges);
    assert_eq!(summed_into_the_output(&schedule), (301..=500).collect::<Vec<_>>());
    assert!(schedule.channels <= 2 * 40, "{} channels in use at a time", schedule.channels);
}

#[test]
fn strips_that_flow_together_share_a_bundle() {
    let mut nodes: Vec<NodeSpec> = (1000..1004).map(|bus| node(bus, 0)).chain([output(2000)]).collect();
    let mut edges: Vec<EdgeSpec> = (1000..1004).map(|bus| edge(bus, 2000)).collect();
    for track in 1..=32 {
        nodes.push(NodeSpec { batch: Some(7), ..source(track) });
        edges.push(edge(track, 1000 + track % 4));
    }
    let schedule = schedule(nodes, edges);
    for step in &schedule.steps {
        let Step::Process { first, count: 8 } = *step else { continue };
        let group = &schedule.nodes[first as usize..first as usize + 8];
        assert!(group.iter().all(|node| node.id.0 % 4 == group[0].id.0 % 4), "{group:?}");
    }
}

#[test]
fn unheard_nodes_are_left_out_and_metered_ones_stay() {
    let nodes = vec![source(1), source(2), source(3), output(4)];
    let meters = vec![MeterSpec { id: MeterId(9), node: NodeId(2) }];
    let compiled = compile(&GraphSpec { nodes, edges: vec![edge(1, 4)], meters }).expect("valid");
    let ids: Vec<u64> = compiled.schedule.nodes.iter().map(|n| n.id.0).collect();
    assert!(ids.contains(&1) && ids.contains(&2) && !ids.contains(&3));
}

#[test]
fn nonsense_is_refused_by_name() {
    let refuse = |nodes: Vec<NodeSpec>, edges: Vec<EdgeSpec>| {
        compile(&GraphSpec { nodes, edges, meters: Vec::new() }).expect_err("must be refused").to_string()
    };
    assert!(refuse(vec![source(1), source(1)], vec![]).contains("twice"));
    assert!(refuse(vec![source(1)], vec![edge(1, 2)]).contains("does not exist"));
    let mut aux = edge(1, 2);
    aux.port = Port::Aux(0);
    assert!(refuse(vec![source(1), output(2)], vec![aux]).contains("side-chain input 1"));
    assert!(refuse(vec![source(1), source(2)], vec![edge(1, 2)]).contains("without channels"));
    let mut map = edge(1, 2);
    map.map = ChannelMap::List(vec![(2, 0, 1.0)]);
    assert!(refuse(vec![source(1), output(2)], vec![map]).contains("channel 3 into channel 1"));
    assert!(refuse(vec![node(1, u32::MAX)], vec![]).contains("node 1: the latency"));
    let mut feedback = edge(1, 2);
    feedback.feedback = Some(0);
    assert!(refuse(vec![source(1), output(2)], vec![feedback]).contains("at least 1"));
}

fn spec(nodes: Vec<NodeSpec>, edges: Vec<EdgeSpec>) -> GraphSpec {
    GraphSpec { nodes, edges, meters: Vec::new() }
}

fn stages(old: &GraphSpec, new: &GraphSpec) -> Vec<Schedule> {
    let running = compile(old).expect("valid").schedule;
    let stages = transition(old, &running, new).expect("valid");
    let stages: Vec<Schedule> = stages.into_iter().map(|stage| stage.schedule).collect();
    assert_eq!(stages.last(), Some(&compile(new).expect("valid").schedule));
    stages
}

/// Terms that come and terms that go, of a schedule on two channels.
fn fades(schedule: &Schedule) -> (usize, usize) {
    let count = |fade| schedule.mix_inputs.iter().filter(|term| term.fade == fade).count() / 2;
    (count(Fade::In), count(Fade::Out))
}

#[test]
fn a_transition_holds_both_ways() {
    let old = spec(vec![source(1), output(9)], vec![edge(1, 9)]);
    let new = spec(vec![source(1), node(2, 64), output(9)], vec![edge(1, 2), edge(2, 9)]);
    let ways = stages(&old, &new);
    assert_eq!(ways.len(), 2);
    assert_eq!((fades(&ways[0]), ways[0].fading), ((2, 1), true));
    assert_eq!(delay_of(&ways[0], EdgeId(1009)), Some(64), "what goes is in step with what comes");
    assert_eq!(stages(&new, &new).len(), 1);
}

#[test]
fn an_edge_that_changes_under_its_id_goes_and_comes() {
    let mut half = edge(1, 9);
    half.map = ChannelMap::List(vec![(0, 0, 0.5), (1, 1, 0.5)]);
    let old = spec(vec![source(1), node(2, 64), output(9)], vec![edge(1, 9), edge(1, 2), edge(2, 9)]);
    let new = spec(old.nodes.clone(), vec![half.clone(), edge(1, 2), edge(2, 9)]);
    let ways = stages(&old, &new);
    assert_eq!((ways.len(), fades(&ways[0])), (2, (1, 1)));
    let gone = EdgeId(half.id.0 | EdgeId::LEAVING);
    assert_eq!(gone.before(), half.id);
    assert_eq!((delay_of(&ways[0], half.id), delay_of(&ways[0], gone)), (Some(64), Some(64)));
    assert_eq!(ways[0].lines.len(), 1, "both read one line");
    assert!(compile(&spec(old.nodes, vec![EdgeSpec { id: gone, ..half }])).is_err(), "reserved");
}

#[test]
fn a_reversed_cable_fades_out_before_it_fades_in() {
    let nodes = || vec![source(5), node(1, 0), node(2, 0), output(9)];
    let old = spec(nodes(), vec![edge(5, 1), edge(1, 2), edge(2, 9)]);
    let new = spec(nodes(), vec![edge(5, 2), edge(2, 1), edge(1, 9)]);
    let ways = stages(&old, &new);
    assert_eq!(ways.iter().map(fades).collect::<Vec<_>>(), [(0, 3), (3, 0), (0, 0)]);
}

#[test]
fn a_delay_that_falls_to_none_keeps_its_line_for_the_fade() {
    let old = spec(vec![source(1), node(2, 64), output(9)], vec![edge(1, 9), edge(1, 2), edge(2, 9)]);
    let shorter = |latency| spec(vec![source(1), node(2, latency), output(9)], old.edges.clone());
    assert_eq!(stages(&old, &shorter(32)).len(), 1, "the line stays anyway");
    let ways = stages(&old, &shorter(0));
    assert_eq!((ways.len(), delay_of(&ways[0], EdgeId(1009))), (2, Some(0)));
    let removed = spec(vec![source(1), output(9)], vec![edge(1, 9)]);
    let ways = stages(&old, &removed);
    let delays: Vec<_> = ways.iter().map(|way| delay_of(way, EdgeId(1009))).collect();
    assert_eq!(delays, [Some(64), Some(0), None], "first the cables, then the delay");
    assert_eq!(stages(&removed, &old).len(), 2);
}

#[test]
fn what_does_not_fit_together_goes_one_after_the_other() {
    let mut nodes = vec![source(1), output(9)];
    nodes.extend((10..=10 + u64::from(MAX_ARRIVAL / MAX_LATENCY)).map(|id| node(id, MAX_LATENCY)));
    let ids: Vec<u64> = nodes.iter().map(|node| node.id.0).filter(|id| *id != 9).chain([9]).collect();
    let chain = spec(nodes, ids.windows(2).map(|pair| edge(pair[0], pair[1])).collect());
    let refused = compile(&chain).expect_err("too long").to_string();
    assert!(refused.contains("the latency up to its output"), "{refused}");
    let wide = |id, latency| NodeSpec { inputs: 64, outputs: 64, latency, ..node(id, 0) };
    let waiting = |range: std::ops::Range<u64>| {
        let nodes = range.clone().map(|id| wide(id, 0)).chain([source(1), output(9), wide(10, MAX_LATENCY)]);
        let edges = range.flat_map(|id| [edge(1, id), edge(id, 9)]).chain([edge(1, 10), edge(10, 9)]);
        spec(nodes.collect(), edges.collect())
    };
    let refused = compile(&waiting(20..30)).expect_err("too much memory").to_string();
    assert!(refused.contains("memory of delay lines"), "{refused}");
    let ways = stages(&waiting(20..25), &waiting(30..35));
    assert_eq!(ways.iter().map(fades).collect::<Vec<_>>(), [(0, 10), (10, 0), (0, 0)]);
}
