//! What a soak says at its end.

use super::beside::Stalls;
use crate::watch::{Late, Record};

/// Prints what must be zero, one `name=count` each; true when all of it is. Workers of `plugins` may be woken.
pub fn counts(record: &Record, plugins: bool) -> bool {
    let counts = record.counts();
    let words: Vec<String> = counts.iter().map(|(name, count)| format!("{name}={count}")).collect();
    println!("{}", words.join(" "));
    let (trapped, last) = crate::system::Trap::trapped();
    if trapped > 0 {
        println!("the last system call that was trapped has the number {last}");
    }
    let wakes = crate::system::Trap::wakes();
    if plugins {
        println!("system calls that woke the worker of a plugin, and did nothing else: {wakes}");
    }
    counts.iter().all(|(_, count)| *count == 0) && (plugins || wakes == 0)
}

/// The value that `per_mille` of 1,000 do not exceed.
fn quantile(sorted: &[u32], per_mille: usize) -> u32 {
    let rank = (sorted.len() * per_mille).div_ceil(1000).max(1);
    sorted.get(rank - 1).copied().unwrap_or(0)
}

/// Prints the processor time of the cycles.
pub fn times(record: &Record, period: u64) {
    println!("processor time of the callback:");
    quantiles(&record.times(), period);
}

/// Prints quantiles of sorted times in nanoseconds.
pub fn quantiles(sorted: &[u32], period: u64) {
    for (name, per_mille) in [("median", 500), ("p99", 990), ("p99.9", 999), ("worst", 1000)] {
        let nanos = f64::from(quantile(sorted, per_mille));
        println!(
            "  {name:<8} {:>8.1} µs {:>6.1} % of the period",
            nanos / 1000.0,
            nanos / period as f64 * 100.0
        );
    }
}

/// Prints the late cycles, told apart by whose they are.
pub fn lates(record: &Record, stalls: &Stalls, period: u64) {
    let (count, kept) = record.lates();
    let mut owners = [0_usize; 3];
    for late in &kept {
        owners[owner(late, stalls, period)] += 1;
    }
    let [ours, machine, taken] = owners;
    println!("late cycles: {count}");
    println!("  {ours} ours: the callback itself used more than the period");
    println!("  {machine} the machine's: a control thread that does nothing was late at the same time");
    println!(
        "  {taken} of neither kind: the callback used less than the period, and the rest was taken from its thread"
    );
    println!("processor taken away within cycles: {} times", record.involuntary());
    let micros = |per_mille| f64::from(quantile(&stalls.lateness, per_mille)) / 1000.0;
    println!(
        "control threads ({} real-time): late by {:.0} µs (median), {:.0} µs (p99), {:.0} µs (p99.9), {:.0} µs (worst)",
        stalls.threads,
        micros(500),
        micros(990),
        micros(999),
        micros(1000)
    );
}

/// Whose a late cycle is: 0 ours, 1 the machine's, 2 unknown.
fn owner(late: &Late, stalls: &Stalls, period: u64) -> usize {
    // What was lost before a cycle was lost while its thread should have woken up.
    let begin = if late.lost > 0 { late.begin.saturating_sub(period * 2) } else { late.begin };
    let overlaps = |(due, woke): &(u64, u64)| *due < late.end && *woke > begin;
    // First: a virtual machine counts as ours what it took away while we ran.
    if stalls.stalls.iter().any(overlaps) {
        1
    } else if late.cpu >= period {
        0
    } else {
        2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_cycle_is_ours_only_when_its_own_work_took_longer_than_the_period_and_the_machine_ran() {
        let stalls = Stalls { stalls: vec![(1000, 1400)], ..Stalls::default() };
        let late = |begin, end, cpu| Late { begin, end, cpu, ..Late::default() };
        assert_eq!(owner(&late(1500, 1700, 150), &stalls, 100), 0);
        assert_eq!(owner(&late(1300, 1500, 50), &stalls, 100), 1);
        assert_eq!(owner(&late(1300, 1500, 150), &stalls, 100), 1);
        assert_eq!(owner(&late(1500, 1700, 50), &stalls, 100), 2);
        // Frames that were lost before the cycle were lost during the stall.
        assert_eq!(owner(&Late { lost: 64, ..late(1500, 1700, 50) }, &stalls, 100), 1);
    }

    #[test]
    fn quantiles_are_ranks() {
        let sorted: Vec<u32> = (1..=2000).collect();
        assert_eq!([500, 990, 999, 1000].map(|q| quantile(&sorted, q)), [1000, 1980, 1998, 2000]);
        assert_eq!(quantile(&[], 500), 0);
    }
}
