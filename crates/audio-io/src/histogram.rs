//! A histogram of durations in fixed memory: one writer that is real-time safe, any number of readers.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Each octave is divided in 2⁵ buckets, so that a reading is at most 1/32 too high.
const SUB_BITS: u32 = 5;
const SUB: usize = 1 << SUB_BITS;
/// Durations from 2³⁶ ns (69 s) on share the last bucket.
const OCTAVES: usize = 36 - SUB_BITS as usize;
const BUCKETS: usize = SUB * (OCTAVES + 1);

/// Counts durations in nanoseconds, exact below 32 ns and to 3 % above.
///
/// Buckets are logarithmic with a linear subdivision, as in HdrHistogram (Tene, 2012). [`record`](Self::record) is
/// wait-free and for one thread at a time; [`timing`](Self::timing) may be called from anywhere meanwhile.
#[derive(Debug)]
pub(crate) struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    count: AtomicU64,
    total: AtomicU64,
    worst: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
            count: AtomicU64::new(0),
            total: AtomicU64::new(0),
            worst: AtomicU64::new(0),
        }
    }
}

/// What a histogram of durations says. All in nanoseconds; the quantiles are at most 1/32 too high and never above `worst`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// How many durations were measured.
    pub count: u64,
    /// Their sum.
    pub total: u64,
    /// Half of them took at most this long.
    pub median: u64,
    /// 99 of 100 took at most this long.
    pub p99: u64,
    /// 999 of 1,000 took at most this long.
    pub p999: u64,
    /// The longest, exact.
    pub worst: u64,
}

impl Timing {
    /// The mean in nanoseconds, 0 if nothing was measured.
    #[must_use]
    pub fn mean(&self) -> u64 {
        self.total.checked_div(self.count).unwrap_or(0)
    }
}

fn bucket_of(nanos: u64) -> usize {
    let octave = (u64::BITS - nanos.leading_zeros()).saturating_sub(SUB_BITS + 1);
    let index = u64::from(octave) * SUB as u64 + (nanos >> octave);
    usize::try_from(index).unwrap_or(usize::MAX).min(BUCKETS - 1)
}

/// The largest duration that falls into a bucket.
fn upper_bound(bucket: usize) -> u64 {
    if bucket < 2 * SUB {
        return bucket as u64;
    }
    let octave = bucket / SUB - 1;
    let mantissa = (bucket % SUB + SUB) as u64;
    ((mantissa + 1) << octave) - 1
}

/// Adds with a load and a store: there is one writer, so no locked instruction is needed.
fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(amount), Relaxed);
}

impl Histogram {
    /// Counts one duration. Real-time safe; one thread at a time.
    pub(crate) fn record(&self, nanos: u64) {
        if let Some(bucket) = self.buckets.get(bucket_of(nanos)) {
            add(bucket, 1);
        }
        add(&self.count, 1);
        add(&self.total, nanos);
        if nanos > self.worst.load(Relaxed) {
            self.worst.store(nanos, Relaxed);
        }
    }

    /// Forgets everything. By the recording thread, or while nothing records. Real-time safe (1,024 stores).
    pub(crate) fn clear(&self) {
        for counter in self.buckets.iter().chain([&self.count, &self.total, &self.worst]) {
            counter.store(0, Relaxed);
        }
    }

    /// Reads the quantiles.
    pub(crate) fn timing(&self) -> Timing {
        let counts: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect();
        let count: u64 = counts.iter().sum();
        let worst = self.worst.load(Relaxed);
        let quantile = |per_mille: u64| {
            let rank = (u128::from(count) * u128::from(per_mille)).div_ceil(1000).max(1);
            let mut seen = 0_u128;
            for (bucket, n) in counts.iter().enumerate() {
                seen += u128::from(*n);
                if seen >= rank {
                    return upper_bound(bucket).min(worst);
                }
            }
            0
        };
        Timing {
            count,
            total: self.total.load(Relaxed),
            median: quantile(500),
            p99: quantile(990),
            p999: quantile(999),
            worst,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_lies_in_its_bucket_and_not_in_the_one_below() {
        let near_powers = (0..36).flat_map(|bit| {
            let power = 1_u64 << bit;
            [power.saturating_sub(1), power, power + 1, power + power / 3]
        });
        for nanos in (0..5000).chain(near_powers) {
            let bucket = bucket_of(nanos);
            assert!(nanos <= upper_bound(bucket), "{nanos} above bucket {bucket}");
            assert!(bucket == 0 || nanos > upper_bound(bucket - 1), "{nanos} below bucket {bucket}");
            assert!(upper_bound(bucket) - nanos <= nanos / 32, "{nanos} read as {}", upper_bound(bucket));
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_agree_with_a_sorted_list() {
        let histogram = Histogram::default();
        let mut state = 1_u64;
        let mut list: Vec<u64> = (0..5000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (state >> 33) % 3_000_000
            })
            .collect();
        for nanos in &list {
            histogram.record(*nanos);
        }
        list.sort_unstable();
        let timing = histogram.timing();
        for (read, exact) in
            [(timing.median, list[2499]), (timing.p99, list[4949]), (timing.p999, list[4994])]
        {
            assert!(read >= exact && read - exact <= exact / 32, "read {read}, exact {exact}");
        }
        assert_eq!(timing.worst, list[4999]);
        assert_eq!(timing.count, 5000);
        assert_eq!(timing.mean(), list.iter().sum::<u64>() / 5000);
        histogram.clear();
        assert_eq!(histogram.timing(), Timing::default());
    }
}
