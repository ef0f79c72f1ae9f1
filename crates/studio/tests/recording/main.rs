//! Recording, through a clock that the test turns and through JACK: every frame in its place.

#[path = "../common/mod.rs"]
#[allow(dead_code, reason = "other tests use what is not used here")]
mod common;
mod jack;
mod midi;
mod oracle;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use omega_audio_io::{Backend, BlockSizes, StreamConfig, VirtualClock};
use omega_dsp::simd::Level;
use omega_media::record::{FinishedTake, TakeStatus};
use omega_media::stream;
use omega_rt::guard::CountingAllocator;
use omega_session::CreateOptions;
use omega_session::edit::{CompTake, Edit, MetronomeSet, TrackAdd, TrackArm, TrackInput, TrackMonitor};
use omega_session::model::{Monitor, Output, TakeId, TrackId, TrackKind};
use omega_studio::{
    Kept, LoopRange, Offline, Player, RecordRequest, RecordState, RenderRequest, Streaming, Studio, render,
};
use omega_time::{Frames, SampleRate, TimePoint};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Patience with a machine that does other things as well; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(120);

fn id(name: &str) -> TrackId {
    TrackId::new(name).expect("an id")
}

/// A session in a folder with armed tracks `t0`, `t1` …, each with inputs of its own.
fn session(root: &Path, rate: u32, tracks: u16, channels: u16) -> Studio {
    let options =
        CreateOptions { sample_rate: SampleRate::new(rate).expect("a rate"), ..CreateOptions::new("Song") };
    let mut studio = Studio::create(&root.join("Song.omega"), &options).expect("created");
    let mut edits: Vec<Edit> = Vec::new();
    for number in 0..tracks {
        let track = id(&format!("t{number}"));
        let name = format!("Track {number}");
        edits.push(
            TrackAdd {
                id: Some(track.clone()),
                channels: Some(channels),
                ..TrackAdd::new(TrackKind::Audio, &name)
            }
            .into(),
        );
        let input = (number * channels..(number + 1) * channels).collect();
        edits.push(TrackInput { id: track.clone(), input }.into());
        edits.push(TrackArm { id: track, on: true }.into());
    }
    studio.apply("tracks", &edits).expect("applied");
    studio
}

/// A player on a virtual clock that is ready to record, with a round trip of `lag` frames.
fn player(studio: &Studio, inputs: usize, lag: i64) -> (VirtualClock, Player) {
    let clock = VirtualClock::new();
    clock.set_blocks(BlockSizes::Random { seed: 11, max: 700 });
    let config = StreamConfig { backend: Backend::Virtual(clock.clone()), inputs, ..StreamConfig::default() };
    let sources = Streaming::new(&stream::StreamConfig::default()).expect("threads");
    let project = studio.project();
    let mut player =
        Player::open(&project, studio.root(), sources, &config, Level::detect()).expect("it opens");
    player.set_latency_offset(lag);
    let until = Instant::now() + PATIENCE;
    while !player.prepare_to_record(&project, studio.root()).expect("it can") {
        assert!(Instant::now() < until, "it never gets ready");
        clock.run(1);
    }
    (clock, player)
}

/// Runs until all that was heard is in, and completes the files.
fn finish(clock: &VirtualClock, player: &mut Player) -> Vec<FinishedTake> {
    player.stop();
    for _ in 0..2000 {
        player.poll();
        if player.recording().map(|status| status.state) == Some(RecordState::Done) {
            break;
        }
        clock.run(1);
    }
    assert_eq!(player.recording().map(|status| status.state), Some(RecordState::Done));
    let finished = player.finish_recording().takes;
    finished.into_iter().filter_map(|one| one.expect("it is finished")).collect()
}

/// All samples of a media file.
fn read(path: &Path) -> Vec<Vec<f32>> {
    let mut file = omega_media::open(path).expect("it opens");
    let frames = usize::try_from(file.info().frames.expect("known")).expect("short");
    let mut rows = vec![vec![0.0; frames]; file.info().channels];
    let mut done = 0;
    while done < frames {
        let mut rest: Vec<&mut [f32]> = rows.iter_mut().map(|row| &mut row[done..]).collect();
        let count = file.read_block(&mut rest).expect("it reads");
        assert!(count > 0, "as many frames as the header says");
        done += count;
    }
    rows
}

fn media(studio: &Studio, take: &FinishedTake) -> PathBuf {
    studio.root().join("media").join(&take.file_name)
}

fn rendered(studio: &Studio, range: std::ops::Range<i64>) -> Vec<Vec<f32>> {
    rendered_with(studio, &RenderRequest { range: Some(range), ..RenderRequest::default() })
}

fn rendered_with(studio: &Studio, request: &RenderRequest) -> Vec<Vec<f32>> {
    let mut rows = vec![Vec::new(); 2];
    let mut sink = |_: &[u16], channels: &[&[f32]]| {
        let rows = rows.iter_mut().zip(channels);
        rows.for_each(|(row, channel): (&mut Vec<f32>, _)| row.extend_from_slice(channel));
        Ok(())
    };
    let go_on = &mut |_| ControlFlow::Continue(());
    render(&studio.project(), studio.root(), &Offline, request, &mut sink, go_on).expect("rendered");
    rows
}

/// Whatever is fed at an input comes out of a render where it was played to, bit for bit; one undo takes it away.
#[test]
fn what_is_recorded_is_what_a_render_of_it_gives() {
    let root = tempfile::tempdir().expect("a folder");
    let mut studio = session(root.path(), 48_000, 1, 2);
    let lag = 777;
    let (clock, mut player) = player(&studio, 2, lag);
    let signal = [omega_signals::noise(1, 30_000), omega_signals::noise(2, 30_000)];
    // It is played to what is heard, so it comes in late by the round trip.
    let late = |row: &Vec<f32>| {
        vec![0.0; usize::try_from(lag).expect("positive")].into_iter().chain(row.iter().copied()).collect()
    };
    clock.feed(signal.iter().map(late).collect());
    let request = RecordRequest { from: Some(4800), ..RecordRequest::default() };
    player.record(&studio.project(), studio.root(), &request).expect("it begins");
    assert!(player.record(&studio.project(), studio.root(), &request).is_err(), "one at a time");
    clock.run_frames(30_000);
    let takes = finish(&clock, &mut player);
    assert!(player.stats().violations.is_clean(), "{:?}", player.stats().violations);
    player.close();
    let before = studio.project();
    let kept = studio.keep_takes(&takes).expect("kept");
    assert_eq!((kept.clips.len(), kept.silenced.len()), (1, 0));
    let rows = rendered(&studio, 4800..34_800);
    for (row, signal) in rows.iter().zip(&signal) {
        let wrong = row.iter().zip(signal).position(|(a, b)| a.to_bits() != b.to_bits());
        assert_eq!((row.len(), wrong), (30_000, None));
    }
    assert!(studio.unfinished_takes().expect("read").is_empty(), "it has its place");
    assert!(std::fs::read_dir(studio.root().join("recording")).expect("there").next().is_none());
    assert_eq!(studio.history().last().map(|entry| entry.name.clone()), Some("record Track 0".to_owned()));
    studio.undo().expect("undone");
    assert_eq!(*studio.project(), *before, "one step");
}

/// Records `samples` on the first track as asked, and gives them their places.
fn pass(studio: &mut Studio, samples: Vec<f32>, request: &RecordRequest) -> Kept {
    let (clock, mut player) = player(studio, 1, 0);
    let frames = samples.len();
    clock.feed(vec![samples]);
    player.record(&studio.project(), studio.root(), request).expect("it begins");
    clock.run_frames(frames);
    let takes = finish(&clock, &mut player);
    player.close();
    studio.keep_takes(&takes).expect("kept")
}

/// Lets a take be heard all over.
fn choose(studio: &mut Studio, take: &TakeId) {
    let choice = CompTake { id: None, take: take.clone(), fade: Some(Frames(0)) };
    studio.apply("choose", &[choice.into()]).expect("applied");
}

#[test]
fn what_is_punched_in_is_heard_there_and_what_lay_there_is_a_take_that_can_be_chosen_again() {
    let root = tempfile::tempdir().expect("a folder");
    let mut studio = session(root.path(), 48_000, 1, 1);
    let kept =
        pass(&mut studio, vec![0.25; 20_000], &RecordRequest { from: Some(0), ..RecordRequest::default() });
    assert_eq!((kept.takes.len(), studio.project().takes().len()), (0, 0), "alone it is a clip");
    let before = studio.project();
    let level = rendered(&studio, 0..1)[0][0] / 0.25;
    let punch = RecordRequest { from: Some(0), punch: Some(5000..9000), ..RecordRequest::default() };
    let kept = pass(&mut studio, vec![0.5; 20_000], &punch);
    assert_eq!((kept.clips.len(), kept.takes.len(), kept.silenced.len()), (1, 1, 1));
    let rows = rendered(&studio, 0..20_000);
    for (frame, sample) in rows[0].iter().enumerate() {
        match frame {
            0..5000 | 9000.. => assert_eq!(*sample, 0.25 * level, "frame {frame}"),
            5480..8520 => assert_eq!(*sample, 0.5 * level, "frame {frame}"),
            // Both are there where they cross, with equal power.
            _ => assert!((0.25 * level..0.6 * level).contains(sample), "frame {frame}: {sample}"),
        }
    }
    let takes: Vec<TakeId> = studio.project().takes_of(&id("t0")).map(|(id, _)| id.clone()).collect();
    let [earlier, new] = &takes[..] else { panic!("{takes:?}") };
    assert_eq!(*new, kept.takes[0]);
    choose(&mut studio, earlier);
    assert!(rendered(&studio, 0..20_000)[0].iter().all(|sample| *sample == 0.25 * level), "as it was");
    choose(&mut studio, new);
    assert_eq!(rendered(&studio, 0..20_000)[0][7000], 0.5 * level);
    // A second punch, over the edge of the first: what is there are takes already.
    let again = RecordRequest { from: Some(0), punch: Some(8000..12_000), ..RecordRequest::default() };
    let kept = pass(&mut studio, vec![0.125; 20_000], &again);
    assert_eq!((kept.takes.len(), studio.project().takes().len()), (1, 3));
    let row = rendered(&studio, 0..20_000).remove(0);
    let heard: Vec<f32> = [2000, 7000, 10_000, 15_000].map(|frame: usize| row[frame] / level).into();
    assert_eq!(heard, [0.25, 0.5, 0.125, 0.25]);
    for _ in 0..4 {
        studio.undo().expect("undone");
    }
    assert_eq!(*studio.project(), *before, "each recording is one step");
}

#[test]
fn passes_of_a_loop_become_takes_and_the_last_whole_one_is_heard() {
    let root = tempfile::tempdir().expect("a folder");
    let mut studio = session(root.path(), 48_000, 1, 1);
    let empty = studio.project();
    let values = [0.125, 0.25, 0.5, 0.75];
    // The last pass is broken off in the middle.
    let fed = (0..21_000).map(|frame| values[frame / 6000]).collect();
    let request =
        RecordRequest { from: Some(1000), looped: LoopRange::new(1000, 7000), ..RecordRequest::default() };
    let kept = pass(&mut studio, fed, &request);
    assert_eq!((kept.clips.len(), kept.takes.len(), kept.silenced.len()), (4, 4, 0));
    let project = studio.project();
    let names: Vec<&str> = project.takes_of(&id("t0")).map(|(_, take)| take.name.as_str()).collect();
    assert_eq!(names, ["Take 1", "Take 2", "Take 3", "Take 4"]);
    let spans: Vec<_> =
        project.comp_on(&id("t0")).map(|(_, span)| (span.take.clone(), span.start, span.length)).collect();
    let start = TimePoint::Absolute(Frames(1000));
    assert_eq!(spans, [(kept.takes[2].clone(), start, Frames(6000))], "one span");
    let row = rendered(&studio, 1000..7000).remove(0);
    assert!(row.iter().all(|sample| *sample == row[0]), "nothing is faded, the first frame neither");
    let level = row[0] / 0.5;
    for (take, value) in kept.takes.iter().zip(values) {
        choose(&mut studio, take);
        let row = rendered(&studio, 1000..7000).remove(0);
        assert!((row[2999] - value * level).abs() < 1e-6, "{take}: {}", row[2999]);
        // Only the last is half a pass; behind it what was chosen before goes on.
        let behind = if value == 0.75 { 0.5 } else { value };
        assert!((row[3001] - behind * level).abs() < 1e-6, "{take}: {}", row[3001]);
    }
    for _ in 0..5 {
        studio.undo().expect("undone");
    }
    assert_eq!(*studio.project(), *empty, "one step");
}

#[test]
fn other_hardware_ends_a_recording_which_is_kept_and_the_time_line_rolls_on() {
    let root = tempfile::tempdir().expect("a folder");
    let mut studio = session(root.path(), 48_000, 1, 1);
    let lag = 500;
    let (clock, mut player) = player(&studio, 1, lag);
    clock.feed(vec![vec![0.25; 100_000]]);
    let request = RecordRequest { from: Some(0), ..RecordRequest::default() };
    let project = studio.project();
    player.record(&project, studio.root(), &request).expect("it begins");
    clock.run_frames(40_000);
    clock.shut_down("pulled out");
    let other = VirtualClock::new();
    other.offer_rate(Some(96_000));
    other.feed(vec![vec![0.75; 200_000]]);
    let config =
        StreamConfig { backend: Backend::Virtual(other.clone()), inputs: 1, ..StreamConfig::default() };
    player.reopen(&project, studio.root(), &config).expect("it opens");
    let status = player.recording().expect("it is not finished");
    assert_eq!((status.state, status.cut_off), (RecordState::Done, true));
    let stood = player.status().position;
    other.run_frames(20_000);
    player.poll();
    let status = player.status();
    assert!(status.rolling && status.position > stood + 9000, "{status:?}");
    assert_eq!(player.recording().map(|status| status.state), Some(RecordState::Done));
    let takes: Vec<FinishedTake> =
        player.finish_recording().takes.into_iter().filter_map(|one| one.expect("finished")).collect();
    // What was heard in the last round trip never came in.
    assert_eq!(takes[0].frames, 40_000 - lag);
    assert!(
        read(&media(&studio, &takes[0]))[0].iter().all(|sample| *sample == 0.25),
        "from the first hardware"
    );
    studio.keep_takes(&takes).expect("kept");
    // On the other hardware it can be recorded anew.
    let until = Instant::now() + PATIENCE;
    while !player.prepare_to_record(&studio.project(), studio.root()).expect("it can") {
        assert!(Instant::now() < until, "it never gets ready");
        other.run(1);
    }
    player.record(&studio.project(), studio.root(), &request).expect("it begins");
    assert_eq!(player.recording().map(|status| status.cut_off), Some(false));
    other.run_frames(20_000);
    assert_eq!(finish(&other, &mut player).len(), 1);
    player.close();
}

/// Thirty-two tracks for ten minutes, at the lowest rate that there is: a counter on each of them, and every value of it is there.
/// (The example `record_many` does it in real time at 48 kHz.)
#[test]
fn of_thirty_two_tracks_over_minutes_every_frame_is_there() {
    const TRACKS: u16 = 32;
    let (rate, seconds) = (8_000u32, 600);
    let root = tempfile::tempdir().expect("a folder");
    let studio = session(root.path(), rate, TRACKS, 1);
    let (clock, mut player) = player(&studio, TRACKS.into(), 123);
    let project = studio.project();
    player
        .record(&project, studio.root(), &RecordRequest { from: Some(0), ..RecordRequest::default() })
        .expect("it begins");
    let second = usize::try_from(rate).expect("small");
    let count = |track: usize, frame: usize| ((frame * 32 + track) % (1 << 23)) as f32 / (1 << 23) as f32;
    for turn in 0..seconds {
        let row = |track| (turn * second..(turn + 1) * second).map(|frame| count(track, frame)).collect();
        clock.feed((0..usize::from(TRACKS)).map(row).collect());
        clock.run_frames(second);
        player.poll();
        // This clock is faster than any disk: the disk is given the time that it would have.
        let behind = |take: &TakeStatus| take.frames + 2 * u64::from(rate) < (turn * second) as u64;
        let until = Instant::now() + PATIENCE;
        while player.recording().is_some_and(|status| status.takes.iter().any(behind)) {
            assert!(Instant::now() < until, "nothing is written");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let takes = finish(&clock, &mut player);
    assert!(player.stats().violations.is_clean());
    player.close();
    assert_eq!(takes.len(), usize::from(TRACKS));
    for (track, take) in takes.iter().enumerate() {
        let number: usize = take.log.track.trim_start_matches('t').parse().expect("a number");
        assert_eq!((take.log.lost(), take.log.stretches.len()), (0, 1), "track {track}");
        let rows = read(&media(&studio, take));
        assert_eq!(rows[0].len(), seconds * second);
        // What was fed at a frame was played to 123 frames before it.
        let frames = rows[0].iter().enumerate().take(seconds * second - 123);
        let wrong = frames.clone().find(|(frame, sample)| **sample != count(number, frame + 123));
        assert_eq!(wrong, None, "track {number}");
    }
}

#[test]
fn a_live_input_is_held_back_by_nobody_and_the_player_says_who_is_early() {
    let root = tempfile::tempdir().expect("a folder");
    let mut studio = session(root.path(), 48_000, 1, 2);
    let late = omega_session::edit::DeviceAdd {
        params: [("lookahead".to_owned(), 5.0)].into(),
        ..omega_session::edit::DeviceAdd::new(id("other"), "omega.compressor")
    };
    studio
        .apply(
            "a late track",
            &[
                TrackAdd { id: Some(id("other")), ..TrackAdd::new(TrackKind::Audio, "Other") }.into(),
                late.into(),
            ],
        )
        .expect("applied");
    let (clock, mut player) = player(&studio, 2, 0);
    let latency = player.status().latency;
    assert!(latency > 0, "the other track is late");
    assert_eq!(player.constrained(), [(id("t0"), latency)].into());
    let mut impulse = vec![0.0; 2000];
    impulse[1000] = 0.5;
    clock.feed(vec![impulse.clone(), impulse.clone()]);
    clock.capture();
    clock.run_frames(2000);
    assert_eq!(clock.captured()[0], impulse, "it is heard in the frame in which it came");
    // Not monitored, it is not heard, but measured all the same.
    studio.apply("off", &[TrackMonitor { id: id("t0"), mode: Monitor::Off }.into()]).expect("applied");
    let project = studio.project();
    player.update(&project, studio.root()).expect("updated");
    while !player.prepare_to_record(&project, studio.root()).expect("it can") {
        clock.run(1);
    }
    clock.run_frames(2000);
    assert!(player.constrained().is_empty());
    let _ = player.take_input_meter(&id("t0"));
    clock.feed(vec![impulse.clone(), impulse]);
    let _ = clock.captured();
    clock.run_frames(2000);
    assert!(clock.captured()[0].iter().all(|sample| *sample == 0.0));
    assert_eq!(player.take_input_meter(&id("t0")).map(|meter| meter.peak), Some(0.5));
    player.close();
}

#[test]
fn the_metronome_is_heard_where_it_is_routed_and_in_no_render() {
    let root = tempfile::tempdir().expect("a folder");
    let mut studio = session(root.path(), 48_000, 1, 1);
    let output = Some(Output::Hardware(vec![1]));
    studio
        .apply("click", &[MetronomeSet { on: Some(true), output, level_db: Some(0.0) }.into()])
        .expect("applied");
    let (clock, mut player) = player(&studio, 1, 0);
    clock.capture();
    player
        .record(
            &studio.project(),
            studio.root(),
            &RecordRequest { from: Some(0), count_in: 48_000, ..RecordRequest::default() },
        )
        .expect("it begins");
    clock.run_frames(96_000);
    let heard = clock.captured();
    assert!(heard[0].iter().all(|sample| *sample == 0.0), "not on the other output");
    // At 120 BPM two beats of the count-in (the last two of a bar), and two of the bar.
    let clicks: Vec<(usize, f32)> = heard[1]
        .iter()
        .enumerate()
        .filter(|(_, s)| **s == 0.5 || **s == 0.9)
        .map(|(at, s)| (at, *s))
        .collect();
    assert_eq!(clicks, [(0, 0.5), (24_000, 0.5), (48_000, 0.9), (72_000, 0.5)]);
    let takes = finish(&clock, &mut player);
    player.close();
    assert_eq!(
        (takes[0].log.stretches[0].position, takes[0].frames),
        (0, 48_000),
        "a count-in is not recorded"
    );
    studio.keep_takes(&takes).expect("kept");
    assert!(rendered(&studio, 0..48_000)[1].iter().all(|sample| *sample == 0.0));
    let asked = RenderRequest { range: Some(0..48_000), metronome: true, ..RenderRequest::default() };
    assert_eq!([0, 24_000].map(|at| rendered_with(&studio, &asked)[1][at]), [0.9, 0.5], "unless asked");
}

#[test]
fn hardware_that_goes_away_loses_nothing_captured_so_far() {
    let root = tempfile::tempdir().expect("a folder");
    let studio = session(root.path(), 48_000, 2, 1);
    let (clock, mut player) = player(&studio, 2, 0);
    clock.feed(vec![vec![0.5; 100_000]; 2]);
    player
        .record(
            &studio.project(),
            studio.root(),
            &RecordRequest { from: Some(0), ..RecordRequest::default() },
        )
        .expect("it begins");
    clock.run_frames(40_000);
    clock.shut_down("pulled out");
    clock.run_frames(40_000);
    let takes: Vec<FinishedTake> =
        player.finish_recording().takes.into_iter().filter_map(|one| one.expect("finished")).collect();
    player.close();
    assert_eq!(takes.iter().map(|take| take.frames).collect::<Vec<_>>(), [40_000, 40_000]);
}

#[test]
fn what_cannot_be_recorded_is_refused_and_leaves_no_file() {
    let root = tempfile::tempdir().expect("a folder");
    let mut studio = session(root.path(), 48_000, 2, 1);
    let (clock, mut player) = player(&studio, 1, 0);
    let request = RecordRequest { from: Some(0), ..RecordRequest::default() };
    let refused = |player: &mut Player, studio: &Studio, request: &RecordRequest| {
        player.record(&studio.project(), studio.root(), request).expect_err("refused").to_string()
    };
    let why = refused(&mut player, &studio, &request);
    assert!(why.contains("records input 2, but only 1 are open"), "{why}");
    let why = refused(&mut player, &studio, &RecordRequest { punch: Some(5..5), ..request.clone() });
    assert!(why.contains("nothing lies between"), "{why}");
    studio
        .apply(
            "disarm",
            &[TrackArm { id: id("t0"), on: false }.into(), TrackArm { id: id("t1"), on: false }.into()],
        )
        .expect("applied");
    player.update(&studio.project(), studio.root()).expect("updated");
    while !player.prepare_to_record(&studio.project(), studio.root()).expect("it can") {
        clock.run(1);
    }
    let why = refused(&mut player, &studio, &request);
    assert!(why.contains("no track is armed"), "{why}");
    player.close();
    let left = std::fs::read_dir(studio.root().join("recording")).map_or(0, Iterator::count);
    assert_eq!(left, 0);
}
