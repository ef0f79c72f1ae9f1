//! A clock that the audio thread may look at.

use std::sync::OnceLock;
use std::time::Instant;

/// Nanoseconds on a monotonic clock, since the first call in this program.
///
/// Real-time safe after that first call, which should be made elsewhere: the clock is read without a system call where the
/// kernel shows it to programs (vDSO), as Linux does on all but exotic clock sources.
#[must_use]
pub fn nanoseconds() -> u64 {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    u64::try_from(ORIGIN.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_goes_back() {
        let mut last = nanoseconds();
        for _ in 0..10_000 {
            let now = nanoseconds();
            assert!(now >= last);
            last = now;
        }
    }
}
