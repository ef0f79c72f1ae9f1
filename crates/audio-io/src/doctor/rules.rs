//! The judgements. Each rule looks at one thing and gives one finding.

use super::readings::{JackReading, Limit, LimitsFile, Preemption, Readings, SystemReading};
use super::{Finding, State};
use crate::config::{OpenError, System};
use crate::priority::Priority;

/// Memory that the audio side locks at most: pools, buffers and rings of a large session.
const LOCKED_BYTES: u64 = 256 << 20;

/// Judges what was read, the most important first.
#[must_use]
pub fn diagnose(readings: &Readings) -> Vec<Finding> {
    let rules: [fn(&Readings) -> Finding; 13] = [
        priority,
        memory_lock,
        jack,
        systems,
        sound_card,
        midi,
        processor,
        governor,
        swapping,
        compaction,
        preemption,
        throttling,
        clock,
    ];
    rules.iter().map(|rule| rule(readings)).chain([rtkit(readings)]).collect()
}

fn ok(topic: &'static str, what: impl Into<String>) -> Finding {
    Finding { topic, state: State::Ok, what: what.into(), how_to_mend: String::new() }
}

fn warning(topic: &'static str, what: impl Into<String>, how_to_mend: impl Into<String>) -> Finding {
    Finding { topic, state: State::Warning, what: what.into(), how_to_mend: how_to_mend.into() }
}

fn problem(topic: &'static str, what: impl Into<String>, how_to_mend: impl Into<String>) -> Finding {
    Finding { state: State::Problem, ..warning(topic, what, how_to_mend) }
}

/// The steps that raise the limits, given what is there already.
fn raise_limits(readings: &Readings) -> String {
    let enabled = readings.limits_files.iter().any(|file| file.enabled);
    let disabled = readings.limits_files.iter().find(|file| !file.enabled);
    let file = match disabled {
        _ if enabled => None,
        Some(LimitsFile { path, .. }) if path.ends_with("audio.conf.disabled") => {
            Some("`sudo dpkg-reconfigure -p high jackd2` and answer yes".to_owned())
        }
        _ => Some(
            "`printf '@audio - rtprio 95\\n@audio - memlock unlimited\\n' | \
             sudo tee /etc/security/limits.d/95-audio.conf`"
                .to_owned(),
        ),
    };
    let group = (!readings.in_audio_group).then(|| "`sudo usermod -aG audio \"$USER\"`".to_owned());
    let again = Some("log out and in again".to_owned());
    [file, group, again].into_iter().flatten().collect::<Vec<_>>().join(", then ")
}

fn priority(readings: &Readings) -> Finding {
    const TOPIC: &str = "real-time priority";
    match (readings.promotion, readings.rtprio) {
        (Priority::RealTime(level), _) => {
            ok(TOPIC, format!("the audio thread runs at real-time priority {level}"))
        }
        (Priority::Unknown, Limit::Unknown) => ok(TOPIC, "this system does not say how it schedules threads"),
        (_, Limit::Of(0)) => problem(
            TOPIC,
            "the audio thread is scheduled like any other, because the limit for real-time priority is 0: \
             expect dropouts under load",
            raise_limits(readings),
        ),
        (_, limit) => problem(
            TOPIC,
            format!(
                "the audio thread could not be made real-time although the limit for its priority is {}: \
                 expect dropouts under load",
                describe(limit)
            ),
            "look for a container or service manager that forbids it (systemd: `LimitRTPRIO=95`, and \
             `RestrictRealtime=no`)",
        ),
    }
}

fn describe(limit: Limit) -> String {
    match limit {
        Limit::Unknown => "unknown".to_owned(),
        Limit::Of(value) => value.to_string(),
        Limit::Unlimited => "unlimited".to_owned(),
    }
}

fn memory_lock(readings: &Readings) -> Finding {
    const TOPIC: &str = "memory lock";
    match readings.memlock {
        _ if readings.may_lock => ok(TOPIC, "memory may be locked without limit"),
        Limit::Unlimited => ok(TOPIC, "memory may be locked without limit"),
        Limit::Unknown => ok(TOPIC, "this system does not say how much memory may be locked"),
        Limit::Of(bytes) if bytes >= LOCKED_BYTES => {
            ok(TOPIC, format!("{} MiB may be locked in memory", bytes >> 20))
        }
        Limit::Of(bytes) => warning(
            TOPIC,
            format!(
                "only {} KiB may be locked in memory, {} MiB are wanted: dropouts when memory runs short",
                bytes >> 10,
                LOCKED_BYTES >> 20
            ),
            raise_limits(readings),
        ),
    }
}

fn jack(readings: &Readings) -> Finding {
    const TOPIC: &str = "JACK";
    let JackReading { server, jackd, pw_jack } = &readings.jack;
    match server {
        Ok((rate, period)) => {
            ok(TOPIC, format!("a server runs at {rate} frames/s with a period of {period} frames"))
        }
        Err(OpenError::NoJackLibrary { .. } | OpenError::NoJackServer { .. })
            if let Some(system) = playing(readings) =>
        {
            ok(TOPIC, format!("no server runs; sound goes through {system}, with more delay"))
        }
        Err(OpenError::NoJackLibrary { reason }) => problem(
            TOPIC,
            format!("the JACK library is not installed ({reason}): nothing can be heard"),
            "`sudo apt install jackd2`, or `sudo apt install pipewire-jack` where PipeWire runs",
        ),
        Err(OpenError::NoJackServer { .. }) if *pw_jack => warning(
            TOPIC,
            "no server runs: nothing can be heard",
            "start the program through PipeWire: `pw-jack omega play …`",
        ),
        Err(OpenError::NoJackServer { .. }) if *jackd => warning(
            TOPIC,
            "no server runs: nothing can be heard",
            "`jackd -d alsa -r 48000 -p 256` (`-d dummy` without a sound card)",
        ),
        Err(OpenError::NoJackServer { .. }) => problem(
            TOPIC,
            "no server is installed: nothing can be heard",
            "`sudo apt install jackd2`, then `jackd -d alsa -r 48000 -p 256`",
        ),
        Err(other) => {
            problem(TOPIC, format!("a server runs but does not let us in: {other}"), "restart the server")
        }
    }
}

/// The first sound system other than JACK that can play.
fn playing(readings: &Readings) -> Option<System> {
    let plays = |reading: &&SystemReading| reading.outputs.as_ref().is_ok_and(|outputs| !outputs.is_empty());
    readings.systems.iter().find(plays).map(|reading| reading.system)
}

fn systems(readings: &Readings) -> Finding {
    const TOPIC: &str = "sound systems";
    let told = readings.systems.iter().map(|reading| match &reading.outputs {
        Ok(outputs) if outputs.is_empty() => format!("{}: nothing to play to", reading.system),
        Ok(outputs) => format!("{}: {} to play to", reading.system, outputs.len()),
        // The reason begins with the name of the system.
        Err(reason) => reason.clone(),
    });
    let told = told.collect::<Vec<_>>().join("; ");
    match (readings.systems.is_empty(), playing(readings), &readings.jack.server) {
        (true, ..) => ok(TOPIC, "this program knows none besides JACK"),
        (_, None, Err(_)) => warning(
            TOPIC,
            format!("none can play: {told}"),
            "plug hardware in and start a sound server; `omega devices` lists what there is",
        ),
        _ => ok(TOPIC, told),
    }
}

fn sound_card(readings: &Readings) -> Finding {
    const TOPIC: &str = "sound card";
    let sound = &readings.sound;
    let cards = sound.cards.join(", ");
    match (sound.cards.is_empty(), sound.accessible) {
        (false, Some(false)) => problem(
            TOPIC,
            format!("{cards}: not ours to open"),
            "`sudo usermod -aG audio \"$USER\"`, then log out and in again",
        ),
        (false, _) => ok(TOPIC, cards),
        (true, _) if sound.dev => warning(
            TOPIC,
            "the sound system is there, but no card",
            "plug one in and look at `cat /proc/asound/cards`, or use `jackd -d dummy`",
        ),
        (true, _) => warning(
            TOPIC,
            "there is no /dev/snd: this machine, or this container, has no sound hardware",
            "pass the hardware in (`--device /dev/snd` for a container, a sound card for a virtual machine), or use \
             `jackd -d dummy`",
        ),
    }
}

fn midi(readings: &Readings) -> Finding {
    const TOPIC: &str = "MIDI";
    if readings.sound.sequencer {
        ok(TOPIC, "ALSA's sequencer is there")
    } else {
        warning(
            TOPIC,
            "there is no /dev/snd/seq: no MIDI through ALSA (through JACK it is not needed)",
            "`sudo modprobe snd-seq`, and `echo snd-seq | sudo tee /etc/modules-load.d/snd-seq.conf` for good",
        )
    }
}

fn processor(readings: &Readings) -> Finding {
    const TOPIC: &str = "processor";
    let cpu = &readings.cpu;
    let threads = format!("{}, {} thread(s)", cpu.architecture, cpu.threads);
    match (cpu.avx2, cpu.sse2) {
        (true, _) => ok(TOPIC, format!("{threads}, SSE2 and AVX2: 8 lanes at a time")),
        (false, true) => {
            ok(TOPIC, format!("{threads}, SSE2 without AVX2: 4 lanes at a time, the same sound"))
        }
        (false, false) => warning(
            TOPIC,
            format!("{threads}, no SSE2: one lane at a time, the same sound for several times the work"),
            "use an x86-64 processor",
        ),
    }
}

fn governor(readings: &Readings) -> Finding {
    const TOPIC: &str = "frequency governor";
    let mut slow: Vec<&str> =
        readings.governors.iter().map(String::as_str).filter(|governor| *governor != "performance").collect();
    slow.dedup();
    match (readings.governors.is_empty(), slow.is_empty()) {
        (true, _) => ok(TOPIC, "frequencies are not ours to see (a virtual machine, or fixed)"),
        (_, true) => ok(TOPIC, "performance"),
        _ => warning(
            TOPIC,
            format!(
                "{}: the processor slows down between blocks and is late when one is hard",
                slow.join(", ")
            ),
            "`echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor` (until the next start)",
        ),
    }
}

fn swapping(readings: &Readings) -> Finding {
    const TOPIC: &str = "swapping";
    match readings.swappiness {
        _ if !readings.has_swap => ok(TOPIC, "there is no swap"),
        Some(value) if value > 10 => warning(
            TOPIC,
            format!("swappiness is {value}: memory of an idle session moves to disk early"),
            "`echo vm.swappiness=10 | sudo tee /etc/sysctl.d/90-audio.conf && sudo sysctl --system`",
        ),
        Some(value) => ok(TOPIC, format!("swappiness is {value}")),
        None => ok(TOPIC, "this system does not say"),
    }
}

/// A page that is being moved faults, and whoever touches it sleeps until it is there again.
fn compaction(readings: &Readings) -> Finding {
    const TOPIC: &str = "memory compaction";
    match readings.moves_locked {
        Some(true) => warning(
            TOPIC,
            "the system may move locked memory while it plays: a wait of some microseconds now and then, when memory is full",
            "`echo vm.compact_unevictable_allowed=0 | sudo tee /etc/sysctl.d/91-audio.conf && sudo sysctl --system`",
        ),
        Some(false) => ok(TOPIC, "locked memory stays where it is"),
        None => ok(TOPIC, "this system does not say"),
    }
}

fn preemption(readings: &Readings) -> Finding {
    const TOPIC: &str = "kernel";
    let kernel = &readings.kernel;
    let release = &kernel.release;
    let mend = if kernel.dynamic {
        "add `preempt=full threadirqs` to GRUB_CMDLINE_LINUX in /etc/default/grub, then `sudo update-grub` and restart"
    } else {
        "`sudo apt install linux-image-rt-amd64` and restart"
    };
    match kernel.preemption {
        Preemption::RealTime => ok(TOPIC, format!("{release}, real-time")),
        Preemption::Full => ok(TOPIC, format!("{release}, fully preemptible")),
        Preemption::Unknown if kernel.dynamic => {
            ok(TOPIC, format!("{release}, preemptible on demand; what is chosen it does not say"))
        }
        Preemption::Unknown => ok(TOPIC, "this system does not say whether its kernel can be interrupted"),
        Preemption::Voluntary | Preemption::None => warning(
            TOPIC,
            format!(
                "{release} is interrupted at few places: short periods (64 frames and less) may drop out"
            ),
            mend,
        ),
    }
}

fn throttling(readings: &Readings) -> Finding {
    const TOPIC: &str = "real-time share";
    match readings.kernel.rt_runtime {
        None => ok(TOPIC, "this system does not say"),
        Some(micros) if micros < 0 => ok(TOPIC, "real-time threads may take all of the time"),
        Some(micros) if micros >= 900_000 => {
            ok(TOPIC, format!("real-time threads may take {} % of the time", micros / 10_000))
        }
        Some(micros) => problem(
            TOPIC,
            format!("real-time threads are stopped after {} % of each second", micros / 10_000),
            "`echo kernel.sched_rt_runtime_us=950000 | sudo tee /etc/sysctl.d/91-audio.conf && sudo sysctl --system`",
        ),
    }
}

fn clock(readings: &Readings) -> Finding {
    const TOPIC: &str = "clock";
    match readings.kernel.clock.as_deref() {
        None => ok(TOPIC, "this system does not say what it reads time from"),
        Some(slow @ ("hpet" | "acpi_pm" | "jiffies" | "refined-jiffies" | "pit")) => warning(
            TOPIC,
            format!("time is read from {slow}, which takes a microsecond and a system call each time"),
            "add `clocksource=tsc tsc=reliable` to GRUB_CMDLINE_LINUX in /etc/default/grub, then `sudo update-grub` and \
             restart",
        ),
        Some(fast) => ok(TOPIC, format!("time is read from {fast}")),
    }
}

fn rtkit(readings: &Readings) -> Finding {
    const TOPIC: &str = "rtkit";
    if readings.rtkit {
        ok(TOPIC, "installed: PipeWire's threads can be real-time")
    } else if readings.jack.pw_jack {
        warning(
            TOPIC,
            "not installed: PipeWire's own threads cannot be real-time",
            "`sudo apt install rtkit`",
        )
    } else {
        ok(TOPIC, "not installed, and not needed without PipeWire")
    }
}
