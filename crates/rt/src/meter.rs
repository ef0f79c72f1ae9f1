//! What a meter needs, from the audio thread to whoever draws it.
use crate::faults;
use crate::sync::{AtomicU32, AtomicU64, Ordering, fence};

/// How often the reader tries to find the writer at rest before it leaves the energy to the next reading.
const TRIES: u32 = if cfg!(loom) { 2 } else { 64 };

/// A meter's cell: one writer (the audio thread), one reader. Nothing that was written is lost or counted twice: the
/// peaks and energies of successive readings together are those of all updates.
///
/// The peak is a maximum that the reader resets. Energy and frames are running totals under a sequence number: the
/// writer never waits, the reader takes the totals only when it finds the number even and unchanged (Boehm, "Can
/// seqlocks get along with programming language memory models?", 2012), and reports what was added since its last
/// reading. Share it as [`Shared`](crate::owned::Shared).
///
/// ```
/// use omega_rt::meter::PeakCell;
/// let cell = PeakCell::new();
/// cell.update(0.5, 2.0, 16, 1000);
/// cell.update(0.25, 1.0, 16, 1016);
/// let reading = cell.take();
/// assert_eq!((reading.peak, reading.sum_sq, reading.frames, reading.position), (0.5, 3.0, 32, 1016));
/// assert_eq!(cell.take().frames, 0);
/// ```
#[derive(Debug)]
#[repr(align(64))]
pub struct PeakCell {
    /// Bits of a non-negative `f32`, which order like the numbers themselves.
    peak: AtomicU32,
    /// Odd while the writer is between its first and last store.
    sequence: AtomicU32,
    /// Bits of the `f64` total.
    sum_sq: AtomicU64,
    frames: AtomicU64,
    position: AtomicU64,
    /// The totals at the last reading; only the reader uses them.
    taken_sum_sq: AtomicU64,
    taken_frames: AtomicU64,
}

/// What happened at a meter since its last reading.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MeterReading {
    /// The largest sample magnitude (linear, 0 if there was no update; infinite if a sample was NaN).
    pub peak: f32,
    /// The sum of all squared samples.
    pub sum_sq: f64,
    /// How many frames `sum_sq` is the sum of.
    pub frames: u64,
    /// The frame position that came with the last update (0 before the first).
    pub position: i64,
}

impl MeterReading {
    /// The mean square (power, linear): 0 if there were no frames. Its square root is the RMS level.
    #[must_use]
    pub fn mean_square(&self) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "frame counts below 2^52 are exact")]
        let frames = self.frames as f64;
        if self.frames == 0 { 0.0 } else { self.sum_sq / frames }
    }
}

impl Default for PeakCell {
    fn default() -> Self {
        Self::new()
    }
}

impl PeakCell {
    /// A cell before its first update.
    #[must_use]
    pub fn new() -> Self {
        Self {
            peak: AtomicU32::new(0),
            sequence: AtomicU32::new(0),
            sum_sq: AtomicU64::new(0),
            frames: AtomicU64::new(0),
            position: AtomicU64::new(0),
            taken_sum_sq: AtomicU64::new(0),
            taken_frames: AtomicU64::new(0),
        }
    }

    /// Adds what was measured over `frames` frames: the largest magnitude, the sum of squares, and the frame position
    /// of the end (or whatever the reader agreed on). Real-time safe; wait-free but for a reset of the peak by the
    /// reader at the very same moment, which costs one more try. For one thread at a time.
    #[inline]
    pub fn update(&self, peak: f32, sum_sq: f64, frames: u32, position: i64) {
        let bits = if peak.is_nan() { f32::INFINITY } else { peak.abs() }.to_bits();
        // Only this thread raises the peak, so a smaller one need not be written: if the reader resets it meanwhile,
        // the reset is as if it came after this update.
        if bits > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(bits, Ordering::Relaxed);
        }
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
        let total = f64::from_bits(self.sum_sq.load(Ordering::Relaxed)) + sum_sq;
        self.sum_sq.store(total.to_bits(), Ordering::Relaxed);
        let total = self.frames.load(Ordering::Relaxed).wrapping_add(u64::from(frames));
        self.frames.store(total, Ordering::Relaxed);
        self.position.store(position.cast_unsigned(), Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(2), Ordering::Release);
    }

    /// Takes what was added since the last reading, and resets the peak. For one thread at a time.
    ///
    /// Real-time safe as well. If the writer was stopped in the middle of an update, the energy of that moment is left
    /// to the next reading (`frames` is then 0).
    pub fn take(&self) -> MeterReading {
        let peak = f32::from_bits(self.peak.swap(0, Ordering::Relaxed));
        let before_sum = f64::from_bits(self.taken_sum_sq.load(Ordering::Relaxed));
        let before_frames = self.taken_frames.load(Ordering::Relaxed);
        let totals = (0..TRIES).find_map(|_| {
            let totals = self.totals();
            if totals.is_none() {
                core::hint::spin_loop();
            }
            totals
        });
        let Some((sum_sq, frames, position)) = totals else {
            let position = self.position.load(Ordering::Relaxed).cast_signed();
            return MeterReading { peak, position, ..MeterReading::default() };
        };
        self.taken_sum_sq.store(sum_sq.to_bits(), Ordering::Relaxed);
        self.taken_frames.store(frames, Ordering::Relaxed);
        MeterReading {
            peak,
            sum_sq: sum_sq - before_sum,
            frames: frames.wrapping_sub(before_frames),
            position: position.cast_signed(),
        }
    }

    /// The totals, if the writer was at rest while they were read.
    fn totals(&self) -> Option<(f64, u64, u64)> {
        let before = self.sequence.load(Ordering::Acquire);
        let sum_sq = f64::from_bits(self.sum_sq.load(Ordering::Relaxed));
        let frames = self.frames.load(Ordering::Relaxed);
        let position = self.position.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        let at_rest = before.is_multiple_of(2) && self.sequence.load(Ordering::Relaxed) == before;
        (at_rest || faults::UNCHECKED_READ.is_on()).then_some((sum_sq, frames, position))
    }
}

/// What share of the time that there was something took: one writer (the audio thread), one reader. The totals are
/// exact; a reading may be one update apart in what was spent and what there was. Share it as
/// [`Shared`](crate::owned::Shared).
///
/// ```
/// use omega_rt::meter::LoadCell;
/// let cell = LoadCell::default();
/// cell.add(20, 100);
/// cell.add(60, 100);
/// let reading = cell.take();
/// assert_eq!((reading.average, reading.worst), (0.4, 0.6));
/// assert_eq!(cell.take().worst, 0.0);
/// ```
#[derive(Debug, Default)]
#[repr(align(64))]
pub struct LoadCell {
    spent: AtomicU64,
    had: AtomicU64,
    /// Bits of a non-negative `f32`.
    worst: AtomicU32,
    /// The totals at the last reading; only the reader uses them.
    taken_spent: AtomicU64,
    taken_had: AtomicU64,
}

/// Shares of the time that there was, since the last reading: 1 is all of it. Zero where nothing was measured.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LoadReading {
    /// On average.
    pub average: f32,
    /// In the worst case.
    pub worst: f32,
}

impl LoadCell {
    /// Adds that `spent` of `had` (in one unit of the caller's) was used up. Real-time safe. For one thread at a time.
    #[inline]
    pub fn add(&self, spent: u64, had: u64) {
        self.spent.store(self.spent.load(Ordering::Relaxed).wrapping_add(spent), Ordering::Relaxed);
        self.had.store(self.had.load(Ordering::Relaxed).wrapping_add(had), Ordering::Relaxed);
        self.worst.fetch_max(share(spent, had).to_bits(), Ordering::Relaxed);
    }

    /// Takes what was added since the last reading. Real-time safe as well. For one thread at a time.
    pub fn take(&self) -> LoadReading {
        let since = |total: &AtomicU64, taken: &AtomicU64| {
            let now = total.load(Ordering::Relaxed);
            now.wrapping_sub(taken.swap(now, Ordering::Relaxed))
        };
        let worst = f32::from_bits(self.worst.swap(0, Ordering::Relaxed));
        let spent = since(&self.spent, &self.taken_spent);
        LoadReading { average: share(spent, since(&self.had, &self.taken_had)), worst }
    }
}

/// Zero of nothing.
fn share(spent: u64, had: u64) -> f32 {
    #[allow(clippy::cast_precision_loss, reason = "a share need not be exact")]
    let share = spent as f32 / had as f32;
    if had == 0 { 0.0 } else { share }
}

#[cfg(all(test, not(loom)))]
mod tests {
    #![allow(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        clippy::disallowed_macros,
        reason = "tests run off the audio thread"
    )]
    extern crate std;
    use super::*;

    #[test]
    fn a_reading_combines_all_updates_since_the_last_one() {
        let cell = PeakCell::new();
        assert_eq!(cell.take(), MeterReading::default());
        cell.update(0.5, 4.0, 256, -256);
        cell.update(-0.75, 2.0, 100, 0);
        cell.update(0.1, 0.5, 28, 100);
        let reading = cell.take();
        assert_eq!(reading, MeterReading { peak: 0.75, sum_sq: 6.5, frames: 384, position: 100 });
        assert!((reading.mean_square() - 6.5 / 384.0).abs() < 1e-15);
        cell.update(0.2, 0.25, 1, 101);
        assert_eq!(cell.take(), MeterReading { peak: 0.2, sum_sq: 0.25, frames: 1, position: 101 });
        assert_eq!(cell.take(), MeterReading { position: 101, ..MeterReading::default() });
        assert_eq!(MeterReading::default().mean_square().to_bits(), 0);
    }

    #[test]
    fn a_nan_reads_as_an_infinite_peak() {
        let cell = PeakCell::new();
        cell.update(f32::NAN, 0.0, 1, 0);
        cell.update(1.0, 1.0, 1, 1);
        assert_eq!(cell.take().peak.to_bits(), f32::INFINITY.to_bits());
        cell.update(0.5, 1.0, 1, 2);
        assert_eq!(cell.take().peak.to_bits(), 0.5_f32.to_bits());
    }

    #[test]
    fn between_threads_no_update_is_lost_or_counted_twice() {
        const UPDATES: u16 = 50_000;
        let cell = std::sync::Arc::new(PeakCell::new());
        let writer = cell.clone();
        let audio = std::thread::spawn(move || {
            for n in 1..=UPDATES {
                writer.update(f32::from(n), f64::from(n), 3, i64::from(n));
            }
        });
        let (mut frames, mut sum_sq, mut peak) = (0, 0.0, 0.0_f32);
        let mut last = false;
        while !last {
            last = audio.is_finished();
            let reading = cell.take();
            assert_eq!(reading.frames % 3, 0);
            let first = frames / 3 + 1;
            (frames, peak) = (frames + reading.frames, peak.max(reading.peak));
            let sum: u64 = (first..=frames / 3).sum();
            assert!((reading.sum_sq - f64::from(u32::try_from(sum).unwrap())).abs() < 0.5);
            sum_sq += reading.sum_sq;
        }
        audio.join().unwrap();
        let n = f64::from(UPDATES);
        assert_eq!((frames, peak.to_bits()), (u64::from(UPDATES) * 3, f32::from(UPDATES).to_bits()));
        assert!((sum_sq - n * (n + 1.0) / 2.0).abs() < 0.5);
    }
}
