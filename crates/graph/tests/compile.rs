//! What the compiler promises of a schedule, on graphs small enough to be followed by hand.

use omega_graph::{
    ChannelMap, CompileError, EdgeId, EdgeSpec, Fade, GraphSpec, MeterId, MeterSpec, NodeId, NodeSpec,
    Notice, Port, Role, Schedule, Step, compile, transition,
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
    schedule.delays.iter().find(|line| line.edge == id).map(|line| line.delay)
}

#[test]
fn the_shorter_way_waits_for_the_longer_one() {
    let nodes = vec![source(1), node(2, 512), node(3, 0), output(4)];
    let edges = vec![edge(1, 2), edge(1, 3), edge(2, 4), edge(3, 4)];
    let schedule = schedule(nodes, edges);
    assert_eq!(schedule.latency, 512);
    assert_eq!(delay_of(&schedule, EdgeId(3004)), Some(512));
    assert_eq!(schedule.delays.len(), 1);
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
    let mut map = edge(1, 2);
    map.map = ChannelMap::List(vec![(2, 0, 1.0)]);
    assert!(refuse(vec![source(1), output(2)], vec![map]).contains("channel 3 into channel 1"));
    assert!(refuse(vec![node(1, u32::MAX)], vec![]).contains("node 1: the latency"));
    let mut feedback = edge(1, 2);
    feedback.feedback = Some(0);
    assert!(refuse(vec![source(1), output(2)], vec![feedback]).contains("at least 1"));
}

#[test]
fn a_transition_holds_both_ways() {
    let old = GraphSpec { nodes: vec![source(1), output(9)], edges: vec![edge(1, 9)], meters: vec![] };
    let nodes = vec![source(1), node(2, 64), output(9)];
    let new = GraphSpec { nodes, edges: vec![edge(1, 2), edge(2, 9)], meters: vec![] };
    let running = compile(&old).expect("valid").schedule;
    let ways = transition(&old, &running, &new);
    assert_eq!(ways.len(), 1);
    let fades: Vec<Fade> = ways[0].edges.iter().map(|edge| edge.fade).collect();
    assert_eq!(fades, [Fade::In, Fade::In, Fade::Out]);
    assert!(compile(&ways[0]).is_ok());
    assert!(transition(&new, &running, &new).is_empty());
}

#[test]
fn a_reversed_cable_fades_out_before_it_fades_in() {
    let nodes = || vec![source(5), node(1, 0), node(2, 0), output(9)];
    let old = GraphSpec { nodes: nodes(), edges: vec![edge(5, 1), edge(1, 2), edge(2, 9)], meters: vec![] };
    let new = GraphSpec { nodes: nodes(), edges: vec![edge(5, 2), edge(2, 1), edge(1, 9)], meters: vec![] };
    let running = compile(&old).expect("valid").schedule;
    let ways = transition(&old, &running, &new);
    assert_eq!(ways.len(), 2);
    assert!(ways.iter().all(|spec| compile(spec).is_ok()));
    assert!(ways[0].edges.iter().all(|edge| edge.fade == Fade::Out));
    assert!(ways[1].edges.iter().all(|edge| edge.fade == Fade::In));
}
