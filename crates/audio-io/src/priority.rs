//! What the scheduler does with the audio thread.

use std::fmt;

/// How the audio thread is scheduled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// No callback ran yet, or the system does not say.
    #[default]
    Unknown,
    /// Like any other thread: expect xruns under load. `omega doctor` says how to mend it.
    Normal,
    /// Real-time (`SCHED_FIFO` or `SCHED_RR`) at this level, 1 to 99.
    RealTime(u32),
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown"),
            Self::Normal => f.write_str("normal"),
            Self::RealTime(level) => write!(f, "real-time {level}"),
        }
    }
}

/// Makes the calling thread a real-time thread, unless it is one already (JACK's own threads are), and says what it is
/// now. A refusal is not an error: the thread then stays normal. Not real-time safe: once per thread, before its work.
pub(crate) fn promote_this_thread(period: usize, rate: u32) -> Priority {
    let before = current();
    if matches!(before, Priority::RealTime(_)) {
        return before;
    }
    let frames = u32::try_from(period).unwrap_or(0);
    match audio_thread_priority::promote_current_thread_to_real_time(frames, rate.max(1)) {
        // The handle only serves to demote the thread again; it ends with its promotion.
        Ok(_handle) => current(),
        Err(_) => before,
    }
}

/// How the calling thread is scheduled, from `/proc/thread-self/stat` (proc(5): field 40 is the level, 41 the policy).
#[cfg(target_os = "linux")]
pub(crate) fn current() -> Priority {
    std::fs::read_to_string("/proc/thread-self/stat").map_or(Priority::Unknown, |stat| from_stat(&stat))
}

/// Unknown where there is no `/proc`.
#[cfg(not(target_os = "linux"))]
pub(crate) fn current() -> Priority {
    Priority::Unknown
}

fn from_stat(stat: &str) -> Priority {
    const FIFO: u32 = 1;
    const RR: u32 = 2;
    // The thread's name, in parentheses, may hold anything: count from behind it, where field 3 is first.
    let Some((_, fields)) = stat.rsplit_once(')') else { return Priority::Unknown };
    let mut fields = fields.split_ascii_whitespace().skip(37).map(str::parse);
    match (fields.next(), fields.next()) {
        (Some(Ok(level)), Some(Ok(FIFO | RR))) => Priority::RealTime(level),
        (Some(Ok(_)), Some(Ok(_))) => Priority::Normal,
        _ => Priority::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stat_line_is_read_even_when_the_thread_has_an_ugly_name() {
        let fields: Vec<String> = (4..=52).map(|n| n.to_string()).collect();
        let line = |level: &str, policy: &str| {
            let mut fields = fields.clone();
            fields[36] = level.to_owned();
            fields[37] = policy.to_owned();
            format!("7 (a) 1 2 (b) R {}\n", fields.join(" "))
        };
        assert_eq!(from_stat(&line("10", "1")), Priority::RealTime(10));
        assert_eq!(from_stat(&line("70", "2")), Priority::RealTime(70));
        assert_eq!(from_stat(&line("0", "0")), Priority::Normal);
        for broken in ["", ")", "7 (x) R 1", &line("x", "1"), &line("1", "x")] {
            assert_eq!(from_stat(broken), Priority::Unknown);
        }
    }
}
