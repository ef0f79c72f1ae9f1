//! MIDI, recorded: every message in its frame, no note that hangs, and what lies there is kept.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "frames, keys and counts here are small"
)]

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use omega_audio_io::testing::{JackServer, MidiPlayer};
use omega_audio_io::{Backend, BlockSizes, Connect, StreamConfig, VirtualClock};
use omega_dsp::simd::Level;
use omega_media::record::{NoteStretch, NoteTake};
use omega_media::stream;
use omega_session::edit::{DeviceAdd, Edit, TrackAdd, TrackInput, TrackMidiInput, TrackMonitor};
use omega_session::model::{ClipId, Monitor, TrackKind};
use omega_studio::{LoopRange, Player, RecordRequest, RecordState, Streaming, Studio};

use super::{PATIENCE, id, media, read, session};

/// A session with an armed track that hears a MIDI input, and another track that delays everything by so many frames.
fn keys(root: &Path) -> Studio {
    let mut studio = session(root, 48_000, 1, 1);
    let late = DeviceAdd {
        params: [("lookahead".to_owned(), 5.0)].into(),
        ..DeviceAdd::new(id("late"), "omega.compressor")
    };
    let edits: Vec<Edit> = vec![
        TrackInput { id: id("t0"), input: Vec::new() }.into(),
        TrackMidiInput { id: id("t0"), name: "Keys".to_owned() }.into(),
        TrackAdd { id: Some(id("late")), ..TrackAdd::new(TrackKind::Audio, "Late") }.into(),
        late.into(),
    ];
    studio.apply("keys", &edits).expect("applied");
    studio
}

fn player(studio: &Studio, seed: u64) -> (VirtualClock, Player) {
    let clock = VirtualClock::new();
    clock.set_blocks(BlockSizes::Random { seed, max: 700 });
    let config =
        StreamConfig { backend: Backend::Virtual(clock.clone()), inputs: 0, ..StreamConfig::default() };
    let sources = Streaming::new(&stream::StreamConfig::default()).expect("threads");
    let project = studio.project();
    let mut player =
        Player::open(&project, studio.root(), sources, &config, Level::detect()).expect("it opens");
    let until = Instant::now() + PATIENCE;
    while !player.prepare_to_record(&project, studio.root()).expect("it can") {
        assert!(Instant::now() < until, "it never gets ready");
        clock.run(1);
    }
    (clock, player)
}

fn finish(clock: &VirtualClock, player: &mut Player) -> Vec<NoteTake> {
    player.stop();
    for _ in 0..2000 {
        player.poll();
        if player.recording().map(|status| status.state) == Some(RecordState::Done) {
            break;
        }
        clock.run(1);
    }
    assert_eq!(player.recording().map(|status| status.state), Some(RecordState::Done));
    let recorded = player.finish_recording();
    assert!(recorded.takes.is_empty());
    recorded.notes.into_iter().filter_map(|one| one.expect("it is finished")).collect()
}

/// Records what is played as asked, for so many frames.
fn pass(
    studio: &Studio,
    played: &[(i64, u16, [u8; 3])],
    request: &RecordRequest,
    frames: usize,
) -> (NoteTake, i64) {
    let (clock, mut player) = player(studio, 11);
    let lag = i64::from(player.status().latency);
    assert_eq!(lag, 240, "5 ms of look-ahead");
    clock.feed_midi(played.iter().copied());
    player.record(&studio.project(), studio.root(), request).expect("it begins");
    clock.run_frames(frames);
    let mut takes = finish(&clock, &mut player);
    assert!(player.stats().violations.is_clean(), "{:?}", player.stats().violations);
    player.close();
    (takes.remove(0), lag)
}

/// Notes of a clip: frames of the time line, keys.
fn notes_of(studio: &Studio, clip: &ClipId) -> Vec<(i64, i64, u8)> {
    let project = studio.project();
    let map = project.tempo_map();
    let clip = project.clip(clip).expect("it is there");
    let start = map.tick_of(clip.position);
    let frame = |at| map.to_frame(start + at).0;
    clip.notes.all().iter().map(|note| (frame(note.at), frame(note.end()), note.key)).collect()
}

#[test]
fn messages_are_recorded_where_what_they_were_played_to_was_heard() {
    let root = tempfile::tempdir().expect("a folder");
    let studio = keys(root.path());
    let looped = LoopRange::new(1000, 4001);
    let base = RecordRequest { from: Some(1000), ..RecordRequest::default() };
    let cases = [
        base.clone(),
        RecordRequest { punch: Some(1500..7777), ..base.clone() },
        RecordRequest { pre_roll: 900, count_in: 333, ..base.clone() },
        RecordRequest { looped, ..base.clone() },
        RecordRequest { looped, punch: Some(1200..2000), ..base },
    ];
    let played: Vec<(i64, u16, [u8; 3])> = (0..900)
        .map(|n| (n * 13 + n % 7, 0, [0xB0 | (n % 16) as u8, (n % 120) as u8, (n / 120) as u8]))
        .collect();
    for (number, request) in cases.iter().enumerate() {
        let stop = 11_000;
        let (take, lag) = pass(&studio, &played, request, stop);
        let mut wanted: Vec<NoteStretch> = Vec::new();
        let punch = request.punch.clone().unwrap_or(1000..i64::MAX);
        let mut position = 1000 - request.pre_roll;
        for heard in request.count_in..i64::try_from(stop).expect("short") {
            if punch.contains(&position) {
                if wanted.last().is_none_or(|last| last.end != position) {
                    wanted.push(NoteStretch { position, end: position, messages: Vec::new() });
                }
                let last = wanted.last_mut().expect("pushed");
                last.end += 1;
                let now = played.iter().filter(|(at, ..)| *at == heard + lag);
                last.messages.extend(now.map(|(_, _, bytes)| (position, *bytes)));
            }
            position += 1;
            if let Some(looped) = request.looped.filter(|looped| looped.end() == position) {
                position = looped.begin();
            }
        }
        assert_eq!(take.log.stretches, wanted, "case {number}");
        omega_media::record::forget(&take.file).expect("removed");
    }
}

#[test]
fn notes_that_are_held_end_with_each_pass_and_passes_are_takes() {
    let root = tempfile::tempdir().expect("a folder");
    let mut studio = keys(root.path());
    let empty = studio.project();
    let lag = 240;
    // Held over the end of the first pass, released in the second, and one more that is never released.
    let played = [(100, [0x90, 60, 90]), (7000, [0x80, 60, 5]), (7500, [0x90, 62, 80]), (8000, [0xB0, 1, 9])];
    let played: Vec<_> = played.iter().map(|(at, bytes)| (at + lag, 0, *bytes)).collect();
    let request =
        RecordRequest { from: Some(0), looped: LoopRange::new(0, 6000), ..RecordRequest::default() };
    let (take, _) = pass(&studio, &played, &request, 14_000);
    let kept = studio.keep_recording(&[], &[take]).expect("kept");
    assert_eq!((kept.clips.len(), kept.takes.len()), (3, 3));
    assert_eq!(notes_of(&studio, &kept.clips[0]), [(100, 6000, 60)], "it ends where the loop wraps");
    assert_eq!(notes_of(&studio, &kept.clips[1]), [(1500, 6000, 62)], "a release alone is nothing");
    assert!(notes_of(&studio, &kept.clips[2]).is_empty(), "what was held before is not in the next pass");
    let project = studio.project();
    let controls: Vec<i16> =
        project.clip(&kept.clips[1]).expect("there").controls.all().iter().map(|one| one.value).collect();
    assert_eq!(controls, [9]);
    let heard: Vec<ClipId> = project.notes_on(&id("t0")).into_iter().map(|heard| heard.clip).collect();
    assert_eq!(heard, [kept.clips[1].clone()], "the last whole pass");
    assert!(studio.unfinished_notes().expect("read").is_empty());
    studio.undo().expect("undone");
    assert_eq!(*studio.project(), *empty, "one step");
}

#[test]
fn what_is_punched_in_takes_the_place_of_notes_which_can_be_chosen_again() {
    let root = tempfile::tempdir().expect("a folder");
    let mut studio = keys(root.path());
    let lag = 240;
    let scale = |velocity: u8| -> Vec<(i64, u16, [u8; 3])> {
        let note = |n: i64| {
            [(n * 1000 + 10, [0x90, 60 + n as u8, velocity]), (n * 1000 + 500, [0x80, 60 + n as u8, 0])]
        };
        (0..10).flat_map(note).map(|(at, bytes)| (at + lag, 0, bytes)).collect()
    };
    let (take, _) =
        pass(&studio, &scale(1), &RecordRequest { from: Some(0), ..RecordRequest::default() }, 10_000);
    let first = studio.keep_recording(&[], &[take]).expect("kept");
    assert_eq!((first.clips.len(), first.takes.len()), (1, 0), "alone it is a clip");
    let all: Vec<_> = (0..10).map(|n| (n * 1000 + 10, n * 1000 + 500, 60 + n as u8)).collect();
    assert_eq!(notes_of(&studio, &first.clips[0]), all, "to the frame");
    let punch = RecordRequest { from: Some(0), punch: Some(3000..5000), ..RecordRequest::default() };
    let (take, _) = pass(&studio, &scale(2), &punch, 10_000);
    let second = studio.keep_recording(&[], &[take]).expect("kept");
    assert_eq!((second.clips.len(), second.takes.len(), &second.silenced), (1, 1, &first.clips));
    assert_eq!(notes_of(&studio, &second.clips[0]), all[3..5]);
    let mut heard: Vec<_> =
        studio.project().notes_on(&id("t0")).into_iter().map(|h| (h.start.0, h.end.0, h.clip)).collect();
    heard.sort();
    let [old, new] = [&first.clips[0], &second.clips[0]].map(ClipId::clone);
    assert_eq!(
        heard,
        [(0, 3000, old.clone()), (3000, 5000, new), (5000, 10_000, old)],
        "no note of either is lost at a seam"
    );
    assert_eq!(studio.project().takes().len(), 2);
}

fn record_on_jack(period: usize, root: &Path) -> bool {
    let Some(server) = JackServer::start_or_skip(48_000, period) else { return true };
    let mut studio = session(root, 48_000, 1, 1);
    let edits: Vec<Edit> = vec![
        TrackMidiInput { id: id("t0"), name: "player".to_owned() }.into(),
        TrackMonitor { id: id("t0"), mode: Monitor::Off }.into(),
    ];
    studio.apply("MIDI", &edits).expect("applied");
    let project = studio.project();
    let config = StreamConfig {
        backend: Backend::Jack(server.options()),
        client: "rec".to_owned(),
        inputs: 1,
        connect: Connect::None,
        ..StreamConfig::default()
    };
    let sources = Streaming::new(&stream::StreamConfig::default()).expect("threads");
    let mut player =
        Player::open(&project, studio.root(), sources, &config, Level::detect()).expect("it opens");
    let mut at = 0;
    let sent: Vec<(u64, [u8; 3])> = (0..1000u32)
        .map(|n| {
            at += 1 + u64::from(n.wrapping_mul(2_654_435_761) >> 25);
            (at, [0x90, (n % 128) as u8, 1 + (n / 128) as u8])
        })
        .collect();
    let keys = MidiPlayer::start(&server, "player", sent.clone()).expect("it opens");
    for (from, to) in [("player:midi", "rec:midi_1"), ("player:click", "rec:in_1")] {
        let status = server.tool("jack_connect").args([from, to]).stdout(Stdio::null()).status();
        assert!(status.expect("jack_connect is there").success(), "{from} {to}");
    }
    let until = Instant::now() + PATIENCE;
    let pause = || {
        assert!(Instant::now() < until, "it does not go on");
        std::thread::sleep(Duration::from_millis(2));
    };
    while !player.prepare_to_record(&project, studio.root()).expect("it can") {
        pause();
    }
    player
        .record(&project, studio.root(), &RecordRequest { from: Some(0), ..RecordRequest::default() })
        .expect("it begins");
    while player.status().position < 4 * period as i64 {
        player.poll();
        pause();
    }
    keys.go();
    while !keys.is_done() || player.recording().is_some_and(|status| status.notes[0].messages < 1000) {
        player.poll();
        if keys.is_done() && player.stats().xruns > 0 {
            println!("note: period {period}: this machine dropped frames; again");
            return false;
        }
        pause();
    }
    player.stop();
    while player.recording().map(|status| status.state) != Some(RecordState::Done) {
        player.poll();
        pause();
    }
    let whole = keys.is_whole() && player.stats().xruns == 0 && player.stats().midi_lost == 0;
    assert!(player.stats().violations.is_clean(), "{:?}", player.stats().violations);
    let recorded = player.finish_recording();
    player.close();
    drop(keys);
    let take = recorded.takes.into_iter().next().expect("a take").expect("finished").expect("something");
    let notes = recorded.notes.into_iter().next().expect("a take").expect("finished").expect("something");
    if !whole {
        println!("note: period {period}: this machine dropped frames; again");
        return false;
    }
    let row = read(&media(&studio, &take)).remove(0);
    let begin = take.log.stretches[0].position;
    let clicks: Vec<i64> =
        (begin..).zip(&row).filter(|(_, sample)| **sample == 0.5).map(|(at, _)| at).collect();
    let messages: Vec<(i64, [u8; 3])> = notes.log.stretches.iter().flat_map(|s| s.messages.clone()).collect();
    let frames: Vec<i64> = messages.iter().map(|(at, _)| *at).collect();
    assert_eq!((frames.len(), &frames), (1000, &clicks), "period {period}: each beside its click");
    let offset = frames[0] - i64::try_from(sent[0].0).expect("small");
    let wrong = messages.iter().zip(&sent).find(|((at, bytes), (sent, wanted))| {
        *at - offset != i64::try_from(*sent).expect("small") || bytes != wanted
    });
    assert_eq!(wrong, None, "period {period}");
    // And so they are in the session.
    let kept = studio.keep_recording(&[take], &[notes]).expect("kept");
    let clip =
        kept.clips.iter().find(|clip| studio.project().clip(clip).is_some_and(|clip| clip.has_notes()));
    let mut starts: Vec<i64> =
        notes_of(&studio, clip.expect("a clip of notes")).iter().map(|(start, ..)| *start).collect();
    starts.sort_unstable();
    assert_eq!(starts, clicks, "period {period}");
    true
}

#[test]
fn a_thousand_notes_of_another_jack_client_are_recorded_in_their_frames() {
    for period in [64, 256, 1024] {
        let done = (0..8).any(|_| {
            let root = tempfile::tempdir().expect("a folder");
            record_on_jack(period, root.path())
        });
        assert!(done, "period {period}: the machine drops frames all the time");
    }
}
