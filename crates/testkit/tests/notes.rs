//! Held notes never hang: real edits of a session, lowered, played by the real engine into an instrument that keeps count.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering::Relaxed};

use omega_devices::note_player::{NoteList, NotePlayer, Shot, Touch};
use omega_dsp::simd::Level;
use omega_engine::LoopRange;
use omega_engine::prepare::{NodeSetup, Plan};
use omega_graph::{EdgeId, EdgeSpec, NodeId, NodeSpec, Role};
use omega_lowering::{NotePart, Purpose, lower_with_plugins};
use omega_processor::{Descriptor, EventKind, ProcessBlock, Processor, Status};
use omega_rt::guard::CountingAllocator;
use omega_session::edit::*;
use omega_session::{ClipId, ControlKind, CreateOptions, Document, Edit, NoteId, TrackId, TrackKind};
use omega_testkit::random::Random;
use omega_testkit::rig::Rig;
use omega_time::{Ticks, TimePoint};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// What an instrument was told, as far as it can be wrong.
#[derive(Debug)]
struct Ledger {
    /// Whether each key of each channel sounds.
    keys: Vec<AtomicU8>,
    pedals: [AtomicU8; 16],
    struck: AtomicU64,
    released: AtomicU64,
    /// A release of what did not sound, a strike of what did, an event out of order or out of its block.
    wrong: AtomicU64,
    /// Everything with its frame of the clock, as one number.
    told: AtomicU64,
    clock: AtomicI64,
}

impl Default for Ledger {
    fn default() -> Self {
        let (zero, clock) = (AtomicU64::default, AtomicI64::default());
        let keys = (0..2_048).map(|_| AtomicU8::default()).collect();
        let (struck, released, wrong, told) = (zero(), zero(), zero(), zero());
        Self { keys, pedals: Default::default(), struck, released, wrong, told, clock }
    }
}

impl Ledger {
    fn sounding(&self) -> usize {
        self.keys.iter().filter(|key| key.load(Relaxed) > 0).count()
    }

    fn pedals(&self) -> usize {
        self.pedals.iter().filter(|pedal| pedal.load(Relaxed) >= 64).count()
    }
}

/// An instrument that keeps the ledger. It does not hear release number `deaf_to`: the fault that is seeded.
struct Accountant {
    ledger: Arc<Ledger>,
    deaf_to: Option<u64>,
}

impl Processor for Accountant {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        block.main.clear();
        let (ledger, mut before) = (&self.ledger, 0);
        for event in block.events {
            let late = event.frame < before || event.frame as usize >= block.frames();
            ledger.wrong.fetch_add(u64::from(late), Relaxed);
            before = event.frame;
            let at = block.transport.clock.wrapping_add(event.frame.into()).cast_unsigned();
            let tell = |what: u64| {
                let told = ledger.told.load(Relaxed);
                let mixed = (told ^ at ^ (what << 40)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
                ledger.told.store(mixed ^ (mixed >> 29), Relaxed);
            };
            let key = |channel: i16, key: i16| {
                let index = usize::try_from(channel).unwrap_or(0) * 128 + usize::try_from(key).unwrap_or(0);
                &ledger.keys[index % 2_048]
            };
            match event.kind {
                EventKind::NoteOn(address, velocity) => {
                    tell(1 + (u64::from(address.key.unsigned_abs()) << 8) + velocity.to_bits());
                    ledger.struck.fetch_add(1, Relaxed);
                    let was = key(address.channel, address.key).fetch_add(1, Relaxed);
                    ledger.wrong.fetch_add(u64::from(was > 0), Relaxed);
                }
                EventKind::NoteOff(address, velocity) => {
                    tell(2 + (u64::from(address.key.unsigned_abs()) << 8) + velocity.to_bits());
                    if self.deaf_to == Some(ledger.released.fetch_add(1, Relaxed)) {
                        continue;
                    }
                    let key = key(address.channel, address.key);
                    let was = key.load(Relaxed);
                    ledger.wrong.fetch_add(u64::from(was != 1), Relaxed);
                    key.store(was.saturating_sub(1), Relaxed);
                }
                EventKind::Midi(_, [status, number, value]) => {
                    tell(3 + u64::from_le_bytes([0, status, number, value, 0, 0, 0, 0]));
                    if status & 0xf0 == 0xb0 && number == 64 {
                        ledger.pedals[usize::from(status & 15)].store(value, Relaxed);
                    }
                }
                _ => drop(ledger.wrong.fetch_add(1, Relaxed)),
            }
        }
        ledger.clock.store(block.transport.clock, Relaxed);
        Status::Silent
    }

    fn reset(&mut self) {}
}

const PLAYER: NodeId = NodeId(1);

fn rig(deaf_to: Option<u64>) -> (Rig, Arc<Ledger>) {
    let ledger = Arc::new(Ledger::default());
    let accountant = Accountant { ledger: ledger.clone(), deaf_to };
    let mut plan = Plan::default();
    plan.spec.nodes = vec![
        NodeSpec { inputs: 0, ..NodeSpec::new(PLAYER, "player", Role::Processor, 1) },
        NodeSpec::new(NodeId(2), "out", Role::Output { first: 0 }, 1),
    ];
    plan.spec.edges = vec![EdgeSpec::new(EdgeId(1), PLAYER, NodeId(2))];
    plan.params.insert(PLAYER, Vec::new());
    let processor: Option<Box<dyn Processor>> = Some(Box::new(NotePlayer::new(Box::new(accountant))));
    plan.setups.insert(PLAYER, NodeSetup { processor, params: Vec::new() });
    let mut rig = Rig::new(Level::detect(), 1);
    rig.conductor.begin(plan).expect("valid");
    (rig, ledger)
}

/// What the instrument of the one track plays.
fn lowered(document: &Document) -> NotePart {
    let instrument = |_: &_, device: &omega_session::Device, _: &_| {
        let (key, name) = (device.kind.clone().into(), "Test".into());
        Some(Descriptor { key, name, aux_inputs: Vec::new(), takes_notes: true, params: Vec::new() })
    };
    let project = document.project();
    let lowered = lower_with_plugins(&project, &Purpose::Play, &|_, _| 0, &instrument);
    assert_eq!(lowered.note_lists.len(), 1, "one instrument");
    lowered.note_lists.into_values().next().unwrap_or_default()
}

fn send(rig: &mut Rig, part: NotePart) {
    assert!(rig.conductor.exchange(PLAYER, NoteList::build(part.shots, part.touches).payload()));
}

fn track() -> TrackId {
    TrackId::new("keys").expect("an id")
}

/// Long notes and pedals in four clips over eight bars; a quarter note has 24,000 frames.
fn song(random: &mut Random) -> Document {
    let mut document = Document::in_memory(&CreateOptions::seeded("Song", 1));
    let mut edits: Vec<Edit> = vec![
        TrackAdd { id: Some(track()), ..TrackAdd::new(TrackKind::Audio, "Keys") }.into(),
        DeviceAdd::new(track(), "clap:test").into(),
    ];
    for clip in 0..4 {
        let notes = (0..120).map(|_| note(random)).collect();
        let controls = (0..6).map(|_| pedal(random)).collect();
        let place = TimePoint::Musical(Ticks(clip * 8 * 80_640));
        let id = ClipId::new(&format!("c{clip}")).ok();
        edits.push(
            ClipNotes { id, notes, controls, ..ClipNotes::new(track(), place, Ticks(8 * 80_640)) }.into(),
        );
    }
    document.apply_group("song", &edits).expect("a song");
    document
}

fn byte(random: &mut Random, most: i64) -> u8 {
    u8::try_from(random.within(0, most)).expect("small")
}

fn note(random: &mut Random) -> NoteValue {
    let (at, length) = (random.within(0, 8 * 80_640), random.within(1, 3 * 80_640));
    let key = 40 + byte(random, 40);
    NoteValue {
        channel: byte(random, 1),
        ..NoteValue::new(Ticks(at), Ticks(length), key, 1 + byte(random, 126))
    }
}

fn pedal(random: &mut Random) -> ControlValue {
    let at = Ticks(random.within(0, 8 * 80_640));
    let value = if random.once_in(2) { 127 } else { 0 };
    ControlValue { channel: byte(random, 1), ..ControlValue::new(at, ControlKind::Controller(64), value) }
}

/// A random edit of the clips and their notes, or of the track.
fn edit(document: &Document, random: &mut Random) -> Edit {
    let project = document.project();
    let clips: Vec<ClipId> = project.clips().keys().cloned().collect();
    let id = clips[random.index(clips.len())].clone();
    let clip = project.clip(&id).expect("it is there");
    let notes: Vec<NoteId> = clip.notes.all().iter().map(|note| note.id.clone()).collect();
    let some: Vec<NoteId> = notes.into_iter().filter(|_| random.once_in(3)).take(5).collect();
    let place = TimePoint::Musical(Ticks(random.within(0, 24 * 80_640)));
    // What was muted is soon heard again.
    if project.track(&track()).is_some_and(|track| track.mute) {
        return TrackMute { id: track(), on: false }.into();
    }
    if let Some((id, _)) = project.clips().iter().find(|(_, clip)| clip.mute && random.once_in(3)) {
        return ClipMute { id: id.clone(), on: false }.into();
    }
    match random.index(11) {
        0 => ClipMute { id, on: !clip.mute }.into(),
        1 => TrackMute { id: track(), on: true }.into(),
        2 => NoteAdd { clip: id, notes: (0..20).map(|_| note(random)).collect() }.into(),
        3 if !some.is_empty() => NoteRemove { clip: id, notes: some }.into(),
        4 if !some.is_empty() => {
            let by = Ticks(random.within(-80_640, 80_640));
            NoteMove { clip: id, notes: some, by, keys: if random.once_in(2) { 1 } else { 0 } }.into()
        }
        5 => ClipMove { id, track: None, position: Some(place) }.into(),
        6 => ClipTrim { id, start: None, end: Some(place) }.into(),
        7 if clips.len() < 12 => ClipSplit { id, at: place, right: None }.into(),
        8 if clips.len() > 6 => ClipRemove { id, ripple: false }.into(),
        9 => ClipLoopSet { id, on: random.once_in(2), start: None, length: None }.into(),
        _ if clips.len() < 12 => ClipDuplicate { id, copy: None, track: None, position: Some(place) }.into(),
        _ => ClipMute { id, on: true }.into(),
    }
}

/// A thousand things done to held notes; after each stop nothing may sound.
fn storm(seed: u64, deaf_to: Option<u64>) -> Result<[u64; 4], String> {
    let mut random = Random::new(seed);
    let mut document = song(&mut random);
    let (mut rig, ledger) = rig(deaf_to);
    let mut playing = lowered(&document);
    send(&mut rig, playing.clone());
    rig.conductor.play();
    let (mut held, mut stops, mut exchanged, mut edits) = (0, 0, 0, 0);
    for step in 0..1_000 {
        rig.skip(1 + random.index(6_000));
        held += u64::from(ledger.sounding() > 0);
        match random.index(10) {
            0..=2 => rig.conductor.locate(random.within(0, 32 * 24_000)),
            3 | 4 => {
                let begin = random.within(0, 28 * 24_000);
                let range = LoopRange::new(begin, begin + random.within(64, 30_000));
                rig.conductor.set_loop(range.filter(|_| !random.once_in(3)));
                rig.conductor.locate(begin);
            }
            5..=8 => {
                if edits > 0 && random.once_in(6) {
                    edits -= 1;
                    document.undo().map_err(|error| error.to_string())?;
                } else {
                    let edit = edit(&document, &mut random);
                    // Some make no sense as things stand; people try those as well.
                    let done = document.apply(edit).is_ok_and(|applied| applied.entry.is_some());
                    edits += i32::from(done);
                }
                let part = lowered(&document);
                if part != playing {
                    send(&mut rig, part.clone());
                    (playing, exchanged) = (part, exchanged + 1);
                }
            }
            _ => {
                rig.conductor.stop();
                rig.skip(700);
                if (ledger.sounding(), ledger.pedals()) != (0, 0) {
                    let (notes, pedals) = (ledger.sounding(), ledger.pedals());
                    return Err(format!(
                        "step {step}: {notes} notes and {pedals} pedals are held after a stop"
                    ));
                }
                rig.conductor.play();
                stops += 1;
            }
        }
        rig.conductor.poll();
        let wrong = ledger.wrong.load(Relaxed);
        if wrong > 0 {
            return Err(format!("step {step}: {wrong} events were wrong"));
        }
    }
    rig.conductor.stop();
    rig.skip(2_000);
    let (struck, released) = (ledger.struck.load(Relaxed), ledger.released.load(Relaxed));
    if ledger.sounding() > 0 || struck != released {
        return Err(format!("{} notes hang: {struck} struck, {released} released", ledger.sounding()));
    }
    Ok([struck, held, stops, exchanged])
}

#[test]
fn after_a_thousand_locates_loops_mutes_and_edits_no_note_is_held_at_a_stop() {
    for seed in [1, 2] {
        let [struck, held, stops, exchanged] =
            storm(seed, None).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        println!("{struck} notes, {held} steps over held ones, {stops} stops, {exchanged} lists");
        assert!(struck > 1_000 && held > 300 && stops > 50 && exchanged > 150, "it was a storm");
    }
}

#[test]
fn one_release_that_is_lost_is_noticed() {
    for lost in [0, 100, 500] {
        let why = storm(1, Some(lost)).expect_err("a note hangs");
        assert!(why.contains("held") || why.contains("wrong") || why.contains("hang"), "{why}");
    }
}

/// Plays three seconds with a locate and a loop in them, cut into blocks of these sizes, and gives all that was told.
fn told(part: &NotePart, sizes: &[usize]) -> u64 {
    let (mut rig, ledger) = rig(None);
    send(&mut rig, part.clone());
    let mut sizes = sizes.iter().cycle();
    let mut run = |rig: &mut Rig, mut frames: usize| {
        while frames > 0 {
            let size = sizes.next().copied().unwrap_or(64).min(frames);
            rig.skip(size);
            frames -= size;
        }
    };
    rig.conductor.play();
    run(&mut rig, 50_000);
    rig.conductor.set_loop(LoopRange::new(100_000, 107_777));
    rig.conductor.locate(100_100);
    run(&mut rig, 60_000);
    rig.conductor.stop();
    run(&mut rig, 1_000);
    assert_eq!((ledger.sounding(), ledger.wrong.load(Relaxed)), (0, 0));
    assert!(ledger.struck.load(Relaxed) > 10);
    ledger.told.load(Relaxed)
}

#[test]
fn what_an_instrument_is_told_does_not_depend_on_how_time_is_cut_into_blocks() {
    let mut random = Random::new(3);
    let mut part = lowered(&song(&mut random));
    // A cluster of more than a cell has room for.
    part.shots.extend((0..600_u64).map(|n| Shot {
        name: n,
        start: 30_000 + i64::try_from(n / 40).unwrap_or(0),
        end: 30_100 + i64::try_from(n % 7).unwrap_or(0),
        channel: u8::try_from(2 + n / 100).unwrap_or(0),
        key: u8::try_from(n % 100).unwrap_or(0),
        velocity: 64,
        release: 64,
    }));
    part.touches.extend((0..300).map(|n| (31_000, Touch([0xb0, 1 + u8::try_from(n % 100).unwrap_or(0), 5]))));
    let expected = told(&part, &[256]);
    for sizes in [&[1, 7, 250, 33][..], &[64], &[1_000], &[127, 129]] {
        assert_eq!(told(&part, sizes), expected, "{sizes:?}");
    }
}

#[test]
fn controllers_are_chased_and_notes_that_were_jumped_over_are_not_struck() {
    let (mut rig, ledger) = rig(None);
    let shot = |start: i64, end, key| Shot {
        name: start.unsigned_abs(),
        start,
        end,
        channel: 0,
        key,
        velocity: 1,
        release: 2,
    };
    let part = NotePart {
        shots: vec![shot(0, 90_000, 60), shot(50_000, 60_000, 61)],
        touches: vec![(10, Touch([0xb0, 64, 127])), (70_000, Touch([0xb0, 64, 0]))],
    };
    send(&mut rig, part);
    rig.conductor.locate(40_000);
    rig.conductor.play();
    rig.skip(1_000);
    assert_eq!(
        (ledger.sounding(), ledger.pedals()),
        (0, 1),
        "the pedal is down there, and the first note is over"
    );
    rig.skip(10_000);
    assert_eq!(ledger.sounding(), 1);
    rig.conductor.locate(80_000);
    rig.skip(2_000);
    assert_eq!((ledger.sounding(), ledger.pedals()), (0, 0));
    rig.conductor.locate(5);
    rig.skip(1_000);
    assert_eq!(ledger.pedals(), 1);
    rig.conductor.stop();
    rig.skip(500);
    assert_eq!((ledger.sounding(), ledger.pedals(), ledger.wrong.load(Relaxed)), (0, 0, 0));
}
