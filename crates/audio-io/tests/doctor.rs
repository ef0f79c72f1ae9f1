//! Each judgement of the doctor, on machines that do not exist.

use std::collections::HashSet;

use omega_audio_io::doctor::{
    Cpu, Finding, JackReading, Kernel, Limit, LimitsFile, Preemption, Readings, Sound, State, SystemReading,
    diagnose, examine,
};
use omega_audio_io::{OpenError, Priority, System};

/// A machine on which all is well.
fn healthy() -> Readings {
    Readings {
        promotion: Priority::RealTime(10),
        rtprio: Limit::Of(95),
        memlock: Limit::Unlimited,
        may_lock: false,
        in_audio_group: true,
        limits_files: vec![file("audio.conf", true)],
        cpu: Cpu { architecture: "x86_64".to_owned(), sse2: true, avx2: true, threads: 8 },
        governors: vec!["performance".to_owned(); 8],
        swappiness: Some(10),
        moves_locked: Some(false),
        has_swap: true,
        kernel: Kernel {
            release: "6.1.0-28-amd64".to_owned(),
            preemption: Preemption::Full,
            dynamic: true,
            rt_runtime: Some(950_000),
            clock: Some("tsc".to_owned()),
        },
        sound: Sound { dev: true, cards: vec!["Card".to_owned()], accessible: Some(true), sequencer: true },
        jack: JackReading { server: Ok((48_000, 256)), jackd: true, pw_jack: false },
        systems: Vec::new(),
        rtkit: true,
    }
}

fn reading(outputs: Result<&[&str], &str>) -> SystemReading {
    let outputs = outputs.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    SystemReading { system: System::PulseAudio, outputs: outputs.map_err(str::to_owned) }
}

#[test]
fn other_sound_systems_count_where_jack_is_not() {
    let none = || Err(OpenError::NoJackServer { name: None, detail: None });
    expect("JACK", State::Ok, "sound goes through PulseAudio", "", |r| {
        r.systems = vec![reading(Ok(&["Card"]))];
        r.jack.server = none();
    });
    expect("sound systems", State::Ok, "PulseAudio: 1 to play to", "", |r| {
        r.systems = vec![reading(Ok(&["Card"]))];
    });
    expect("sound systems", State::Ok, "nothing to play to", "", |r| r.systems = vec![reading(Ok(&[]))]);
    expect("sound systems", State::Warning, "hung up", "omega devices", |r| {
        r.systems = vec![reading(Err("PulseAudio hung up"))];
        r.jack.server = none();
    });
    expect("sound systems", State::Ok, "none besides JACK", "", |_| ());
}

fn file(name: &str, enabled: bool) -> LimitsFile {
    LimitsFile { path: ["/etc/security/limits.d", name].iter().collect(), enabled }
}

fn find(topic: &str, change: impl FnOnce(&mut Readings)) -> Finding {
    let mut readings = healthy();
    change(&mut readings);
    let mut findings = diagnose(&readings);
    findings.retain(|finding| finding.topic == topic);
    assert_eq!(findings.len(), 1, "one finding about {topic}");
    findings.remove(0)
}

/// Changes one thing and expects one judgement, with these words in its finding and in its mend.
fn expect(topic: &str, state: State, what: &str, mend: &str, change: impl FnOnce(&mut Readings)) {
    let finding = find(topic, change);
    assert_eq!(finding.state, state, "{finding:?}");
    assert!(finding.what.contains(what), "{what:?} in {finding:?}");
    assert!(finding.how_to_mend.contains(mend), "{mend:?} in {finding:?}");
}

#[test]
fn a_healthy_machine_is_healthy() {
    for finding in diagnose(&healthy()) {
        assert_eq!((finding.state, finding.how_to_mend.as_str()), (State::Ok, ""), "{finding:?}");
    }
}

#[test]
fn a_thread_that_stays_normal_is_mended_from_where_the_machine_stands() {
    let normal = |r: &mut Readings| (r.promotion, r.rtprio) = (Priority::Normal, Limit::Of(0));
    let topic = "real-time priority";
    expect(topic, State::Problem, "limit", "log out and in again", normal);
    let mend = |change: fn(&mut Readings)| {
        find(topic, |r| {
            normal(r);
            change(r);
        })
        .how_to_mend
    };
    assert_eq!(mend(|_| ()), "log out and in again", "file and group are there, the session is older");
    assert_eq!(
        mend(|r| r.in_audio_group = false),
        "`sudo usermod -aG audio \"$USER\"`, then log out and in again"
    );
    let disabled = mend(|r| r.limits_files = vec![file("audio.conf.disabled", false)]);
    assert!(
        disabled.starts_with("`sudo dpkg-reconfigure -p high jackd2` and answer yes, then log out"),
        "{disabled}"
    );
    let nothing = mend(|r| (r.limits_files, r.in_audio_group) = (Vec::new(), false));
    assert!(
        nothing.contains("tee /etc/security/limits.d/95-audio.conf") && nothing.contains("usermod"),
        "{nothing}"
    );
    expect(topic, State::Problem, "although the limit for its priority is 95", "LimitRTPRIO", |r| {
        r.promotion = Priority::Normal;
    });
    expect(topic, State::Ok, "priority 7", "", |r| {
        (r.promotion, r.rtprio) = (Priority::RealTime(7), Limit::Of(0));
    });
}

#[test]
fn memory_and_scheduling_of_the_system() {
    use State::{Ok, Problem, Warning};
    expect("memory lock", Warning, "8192 KiB", "log out", |r| r.memlock = Limit::Of(8 << 20));
    expect("memory lock", Ok, "without limit", "", |r| (r.memlock, r.may_lock) = (Limit::Of(0), true));
    expect("memory lock", Ok, "256 MiB", "", |r| r.memlock = Limit::Of(256 << 20));
    expect("frequency governor", Warning, "powersave", "scaling_governor", |r| {
        r.governors[3] = "powersave".to_owned();
    });
    expect("frequency governor", Ok, "virtual", "", |r| r.governors.clear());
    expect("swapping", Warning, "60", "vm.swappiness=10", |r| r.swappiness = Some(60));
    expect("swapping", Ok, "no swap", "", |r| (r.swappiness, r.has_swap) = (Some(60), false));
    expect("memory compaction", Warning, "move", "compact_unevictable_allowed=0", |r| {
        r.moves_locked = Some(true);
    });
    expect("memory compaction", Ok, "does not say", "", |r| r.moves_locked = None);
    expect("kernel", Warning, "few places", "preempt=full", |r| r.kernel.preemption = Preemption::Voluntary);
    expect("kernel", Warning, "few places", "linux-image-rt", |r| {
        (r.kernel.preemption, r.kernel.dynamic) = (Preemption::None, false);
    });
    expect("kernel", Ok, "on demand", "", |r| r.kernel.preemption = Preemption::Unknown);
    expect("real-time share", Problem, "after 50 %", "sched_rt_runtime_us", |r| {
        r.kernel.rt_runtime = Some(500_000);
    });
    expect("real-time share", Ok, "all of the time", "", |r| r.kernel.rt_runtime = Some(-1));
    expect("clock", Warning, "hpet", "clocksource=tsc", |r| r.kernel.clock = Some("hpet".to_owned()));
    expect("clock", Ok, "kvm-clock", "", |r| r.kernel.clock = Some("kvm-clock".to_owned()));
    expect("processor", Ok, "4 lanes", "", |r| r.cpu.avx2 = false);
    expect("processor", Warning, "one lane", "x86-64", |r| (r.cpu.avx2, r.cpu.sse2) = (false, false));
}

#[test]
fn sound_hardware_and_servers() {
    use State::{Ok, Problem, Warning};
    let no_server = || Err(OpenError::NoJackServer { name: None, detail: None });
    expect("JACK", Ok, "48000 frames/s with a period of 256", "", |_| ());
    expect("JACK", Warning, "no server runs", "jackd -d alsa", |r| r.jack.server = no_server());
    expect("JACK", Warning, "no server runs", "pw-jack omega", |r| {
        (r.jack.server, r.jack.pw_jack) = (no_server(), true);
    });
    expect("JACK", Problem, "no server is installed", "apt install jackd2", |r| {
        (r.jack.server, r.jack.jackd) = (no_server(), false);
    });
    expect("JACK", Problem, "library", "apt install", |r| {
        r.jack.server = Err(OpenError::NoJackLibrary { reason: "not found".to_owned() });
    });
    expect("JACK", Problem, "does not let us in", "restart", |r| {
        r.jack.server = Err(OpenError::Jack { what: "open".to_owned(), reason: "version".to_owned() });
    });
    expect("sound card", Problem, "not ours to open", "usermod", |r| r.sound.accessible = Some(false));
    expect("sound card", Warning, "no card", "asound/cards", |r| r.sound.cards.clear());
    expect("sound card", Warning, "no /dev/snd", "--device /dev/snd", |r| r.sound = Sound::default());
    expect("MIDI", Warning, "no /dev/snd/seq", "modprobe snd-seq", |r| r.sound.sequencer = false);
    expect("rtkit", Ok, "not needed", "", |r| r.rtkit = false);
    expect("rtkit", Warning, "PipeWire", "apt install rtkit", |r| (r.rtkit, r.jack.pw_jack) = (false, true));
}

#[test]
fn whatever_is_read_each_fault_has_a_mend_and_each_topic_one_finding() {
    let nothing = Readings::default();
    let here = Readings::take();
    for readings in [nothing, healthy(), here] {
        let findings = diagnose(&readings);
        let topics: HashSet<_> = findings.iter().map(|finding| finding.topic).collect();
        assert_eq!((topics.len(), findings.len()), (14, 14));
        for finding in findings {
            assert!(!finding.what.is_empty(), "{finding:?}");
            assert_eq!(finding.how_to_mend.is_empty(), finding.state == State::Ok, "{finding:?}");
        }
    }
}

#[test]
fn this_machine_is_examined() {
    let findings = examine();
    for finding in &findings {
        println!("{:?} {}: {} {}", finding.state, finding.topic, finding.what, finding.how_to_mend);
    }
    let processor = findings.iter().find(|finding| finding.topic == "processor").expect("there is one");
    assert!(processor.what.starts_with(std::env::consts::ARCH));
}
