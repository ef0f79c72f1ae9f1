//! The watch finds each fault of a host that is seeded here; otherwise its silence would say nothing.

use std::ffi::CString;
use std::path::{Path, PathBuf};

use clack_extensions::thread_check::{HostThreadCheck, HostThreadCheckImpl};
use clack_host::events::event_types::{NoteOnEvent, ParamValueEvent, TransportEvent, TransportFlags};
use clack_host::events::io::EventBuffer;
use clack_host::events::{EventFlags, EventHeader, Pckn, UnknownEvent};
use clack_host::prelude::*;
use clack_host::process::audio_buffers::{AudioPortBuffer, AudioPortBufferType, AudioPorts, InputChannel};
use clack_host::utils::{BeatTime, ClapId, SecondsTime};
use omega_testplugs::{GAIN, Kind, TestEntry, id};

/// A host that says of each thread what it was told to say.
#[derive(Clone, Copy)]
struct Says {
    main: bool,
    audio: bool,
}

impl SharedHandler<'_> for Says {
    fn request_restart(&self) {}
    fn request_process(&self) {}
    fn request_callback(&self) {}
}

impl HostThreadCheckImpl for Says {
    fn is_main_thread(&self) -> bool {
        self.main
    }
    fn is_audio_thread(&self) -> bool {
        self.audio
    }
}

struct Host;
impl HostHandlers for Host {
    type Shared<'a> = Says;
    type MainThread<'a> = ();
    type AudioProcessor<'a> = ();
    fn declare_extensions(builder: &mut HostExtensions<Self>, _: &Says) {
        builder.register::<HostThreadCheck>();
    }
}

/// One call of a host that keeps to the rules, but for what `seed` changes.
#[derive(Default)]
struct Call {
    frames: usize,
    events: EventBuffer,
    steady: Vec<Option<u64>>,
    transport: bool,
    /// The same buffer for input and output.
    aliased: bool,
}

/// What the plugin holds against a host that makes these calls.
fn report(says: Says, call: &Call) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file: PathBuf = folder.path().join("T.clap");
    run(&file, says, call);
    std::fs::read_to_string(folder.path().join("T.clap.violations")).unwrap_or_default()
}

fn run(file: &Path, says: Says, call: &Call) {
    let path = CString::new(file.to_str().unwrap()).unwrap();
    let entry = PluginEntry::load_from_clack::<TestEntry>(&path).unwrap();
    let info = HostInfo::new("test", "test", "test", "1").unwrap();
    let plugin = CString::new(id(Kind::Gain)).unwrap();
    let mut plugin = PluginInstance::<Host>::new(|()| says, |_| (), &entry, &plugin, &info).unwrap();
    let configuration =
        PluginAudioConfiguration { sample_rate: 48_000.0, min_frames_count: 1, max_frames_count: 64 };
    let stopped = plugin.activate(|_, _| (), configuration).unwrap();
    let mut started = stopped.start_processing().unwrap();
    let mut memory = [[0.0f32; 128]; 4];
    for steady in &call.steady {
        let (mut ins, mut outs) = (AudioPorts::with_capacity(2, 1), AudioPorts::with_capacity(2, 1));
        let [a, b, c, d] = &mut memory;
        let inputs = ins.with_input_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_input_only(
                [&mut a[..call.frames], &mut b[..call.frames]].into_iter().map(InputChannel::variable),
            ),
        }]);
        let mut outputs = outs.with_output_buffers([AudioPortBuffer {
            latency: 0,
            channels: AudioPortBufferType::f32_output_only(
                [&mut c[..call.frames], &mut d[..call.frames]].into_iter(),
            ),
        }]);
        if call.aliased {
            outputs.as_raw_buffers()[0].data32 = inputs.as_raw_buffers()[0].data32;
        }
        let transport = transport();
        let _ = started.process(
            &inputs,
            &mut outputs,
            &call.events.as_input(),
            &mut OutputEvents::void(),
            *steady,
            call.transport.then_some(&transport),
        );
    }
    plugin.deactivate(started.stop_processing());
}

/// A transport that stands still.
fn transport() -> TransportEvent {
    let (beat, second) = (BeatTime::from_int(0), SecondsTime::from_int(0));
    TransportEvent {
        header: EventHeader::new_core(0, EventFlags::empty()),
        flags: TransportFlags::empty(),
        song_pos_beats: beat,
        song_pos_seconds: second,
        tempo: 0.0,
        tempo_inc: 0.0,
        loop_start_beats: beat,
        loop_end_beats: beat,
        loop_start_seconds: second,
        loop_end_seconds: second,
        bar_start: beat,
        bar_number: 0,
        time_signature_numerator: 4,
        time_signature_denominator: 4,
    }
}

/// A host that keeps to the rules.
fn sound() -> (Says, Call) {
    let call = Call { frames: 64, steady: vec![Some(0), Some(64)], transport: true, ..Call::default() };
    (Says { main: true, audio: true }, call)
}

fn with_events(events: &[&UnknownEvent]) -> Call {
    let mut call = sound().1;
    events.iter().for_each(|event| call.events.push(*event));
    call
}

#[test]
fn who_keeps_to_the_rules_hears_nothing() {
    let (says, call) = sound();
    assert_eq!(report(says, &call), "");
    let value = |frame, db| ParamValueEvent::new(frame, ClapId::new(GAIN), Pckn::match_all(), db);
    let (first, last) = (value(0, -60.0), value(63, 12.0));
    assert_eq!(report(says, &with_events(&[first.as_ref(), last.as_ref()])), "");
}

#[test]
fn each_fault_is_reported() {
    let (says, _) = sound();
    let value = |frame, db| ParamValueEvent::new(frame, ClapId::new(GAIN), Pckn::match_all(), db);
    let note = NoteOnEvent::new(0, Pckn::new(0u16, 0u16, 60u16, 1u32), 7.0);
    let (late, early, outside) = (value(10, 0.0), value(9, 0.0), value(64, 0.0));
    let (loud, nobody) = (value(0, 99.0), ParamValueEvent::new(0, ClapId::new(77), Pckn::match_all(), 0.0));
    let cases = [
        ("not on the main thread", Says { main: false, ..says }, sound().1),
        ("not on the audio thread", Says { audio: false, ..says }, sound().1),
        ("process: 65 frames of 64", says, Call { frames: 65, ..sound().1 }),
        ("process: no steady time", says, Call { steady: vec![None], ..sound().1 }),
        ("steady time went from 64 back", says, Call { steady: vec![Some(0), Some(3)], ..sound().1 }),
        ("process: no transport", says, Call { transport: false, ..sound().1 }),
        ("a buffer lies on another one", says, Call { aliased: true, ..sound().1 }),
        ("frame 9 behind frame 10", says, with_events(&[late.as_ref(), early.as_ref()])),
        ("frame 64 of 64", says, with_events(&[outside.as_ref()])),
        ("parameter Some(1) = 99", says, with_events(&[loud.as_ref()])),
        ("parameter Some(77)", says, with_events(&[nobody.as_ref()])),
        ("a note that cannot be", says, with_events(&[note.as_ref()])),
    ];
    for (expected, says, call) in cases {
        let report = report(says, &call);
        assert!(report.contains(expected), "{expected:?} is not in {report:?}");
    }
}
