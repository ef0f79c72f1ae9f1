//! Keeping what the audio thread touches in memory.
//!
//! Only named regions are locked: buffers and pools as they are made, the program's code when a stream starts, others by their owner, never everything that will ever be mapped (`MCL_FUTURE`), which would
//! make every thread's stack and every file's buffer count against the limit.
#![allow(unsafe_code, reason = "locking pages is a system call on an address")]

/// Why memory could not be locked. Not fatal: the audio thread may then wait for the disk under memory pressure.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{bytes} bytes could not be locked in memory ({reason}); raise the memory lock limit (`omega doctor` says how)"
)]
pub struct LockError {
    /// Size of the region.
    pub bytes: usize,
    /// What the system said.
    pub reason: String,
}

/// Keeps a region locked in memory for as long as this value lives. Keep it beside the memory itself; it does not borrow
/// it, because the audio thread goes on writing there.
///
/// Locks do not nest: where two regions share a page, the end of the first unlocks it for both. Arenas of many pages
/// lose at most their edges.
#[derive(Debug)]
#[must_use = "the region is unlocked when this value is dropped"]
pub struct Locked {
    start: usize,
    bytes: usize,
}

/// Locks `region` in memory (POSIX `mlock`) and thereby brings all of it in, so that its use never faults. Not real-time
/// safe.
///
/// # Errors
/// [`LockError`] if the process may not lock that much.
pub fn lock_in_memory<T>(region: &[T]) -> Result<Locked, LockError> {
    let (start, bytes) = (region.as_ptr() as usize, std::mem::size_of_val(region));
    if bytes > 0 {
        lock(start, bytes).map_err(|reason| LockError { bytes, reason })?;
    }
    Ok(Locked { start, bytes })
}

impl Locked {
    /// Size of the region in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        if self.bytes > 0 {
            unlock(self.start, self.bytes);
        }
    }
}

#[cfg(unix)]
fn lock(start: usize, bytes: usize) -> Result<(), String> {
    // SAFETY: the region is a live slice, so its pages are mapped; locking changes neither contents nor protection.
    unsafe { rustix::mm::mlock(start as *mut _, bytes) }.map_err(|error| error.to_string())
}

#[cfg(unix)]
fn unlock(start: usize, bytes: usize) {
    // SAFETY: unlocking changes neither contents nor protection of any page, and fails on pages that are not mapped any
    // more; at worst it unlocks what was mapped there since.
    let _ = unsafe { rustix::mm::munlock(start as *mut _, bytes) };
}

#[cfg(not(unix))]
fn lock(_: usize, _: usize) -> Result<(), String> {
    Err("not supported on this system".to_owned())
}

#[cfg(not(unix))]
fn unlock(_: usize, _: usize) {}

/// Has every buffer and pool that is made from now on locked in memory as long as it lives. A refusal is not an error: the
/// limit for locked memory is small for ordinary users (`omega doctor` says how to raise it), and the pages are there all the
/// same until the system wants them.
pub(crate) fn keep_buffers() {
    // Set once; every stream after the first finds it there.
    let _ = omega_rt::resident::keep_with(omega_rt::resident::Keeper { keep, release });
}

fn keep(start: usize, bytes: usize) {
    drop(lock(start, bytes));
}

/// Unlocks the pages that lie inside. Those that are shared with others stay locked: they may be in use.
fn release(start: usize, bytes: usize) {
    let begin = start.next_multiple_of(PAGE);
    let end = (start + bytes) / PAGE * PAGE;
    if end > begin {
        unlock(begin, end - begin);
    }
}

/// The smallest page of the supported systems. Where pages are larger the system rounds, and a little less stays locked.
const PAGE: usize = 4096;

/// Brings all of the program's machine code into memory, and keeps it there where the system allows: the first call of a
/// function may fault as well as the first use of memory. Not real-time safe: before a stream starts. It costs a millisecond
/// or two, and does what it can: a refusal leaves things as they were.
#[cfg(target_os = "linux")]
pub(crate) fn hold_code() {
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else { return };
    for (start, bytes) in code_regions(&maps) {
        if lock(start, bytes).is_err() {
            // The limit for locked memory is small for ordinary users; then the pages are at least there now.
            populate(start, bytes);
        }
    }
}

/// Brings the stack of the calling thread into memory, as far down as a callback goes: a path that is taken for the first time
/// may go deeper than all before. Not real-time safe: once per thread, before its work.
#[inline(never)]
pub(crate) fn touch_stack() {
    /// The smallest stack that a backend's thread has is 512 KiB (JACK).
    const DEPTH: usize = 128 * 1024;
    let mut depth = [1_u8; DEPTH];
    std::hint::black_box(&mut depth);
}

/// Elsewhere the system does as it likes.
#[cfg(not(target_os = "linux"))]
pub(crate) fn hold_code() {}

/// Start and length of the executable mappings of files in the text of `/proc/self/maps` (proc(5)).
#[cfg(target_os = "linux")]
fn code_regions(maps: &str) -> Vec<(usize, usize)> {
    let region = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (range, rights, path) = (words.next()?, words.next()?, words.nth(3)?);
        let (start, end) = range.split_once('-')?;
        let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
        let code = rights.contains('x') && path.starts_with('/');
        code.then_some((start, end.checked_sub(start)?))
    };
    maps.lines().filter_map(region).collect()
}

#[cfg(target_os = "linux")]
fn populate(start: usize, bytes: usize) {
    // SAFETY: reads the pages in; neither contents nor protection change. A region that is not mapped is an error.
    let _ = unsafe { rustix::mm::madvise(start as *mut _, bytes, rustix::mm::Advice::LinuxPopulateRead) };
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn code_regions_are_the_executable_mappings_of_files() {
        let maps = "\
55d0-55e0 r--p 00000000 08:01 12 /usr/bin/omega
55e0-5600 r-xp 00010000 08:01 12 /usr/bin/omega
7f00-7f10 rw-p 00000000 00:00 0
7f10-7f20 r-xp 00000000 00:00 0
ffff-1ffff r-xp 00000000 00:00 0 [vsyscall]
broken
";
        assert_eq!(code_regions(maps), [(0x55e0, 0x20)]);
    }

    #[test]
    fn the_code_of_this_program_is_found_and_held() {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("maps");
        let here = the_code_of_this_program_is_found_and_held as *const () as usize;
        assert!(code_regions(&maps).iter().any(|(start, bytes)| (*start..start + bytes).contains(&here)));
        hold_code();
    }

    /// Bytes locked in this mapping's neighbourhood, from the line `Locked:` of the mapping that holds `address`.
    fn locked_at(address: usize) -> u64 {
        let maps = std::fs::read_to_string("/proc/self/smaps").expect("smaps");
        let mut inside = false;
        for line in maps.lines() {
            let range = line.split(' ').next().and_then(|range| range.split_once('-'));
            let ends = range
                .and_then(|(a, b)| usize::from_str_radix(a, 16).ok().zip(usize::from_str_radix(b, 16).ok()));
            if let Some((first, last)) = ends {
                inside = (first..last).contains(&address);
            } else if let Some(rest) = line.strip_prefix("Locked:").filter(|_| inside) {
                return kib(rest) * 1024;
            }
        }
        panic!("no mapping at {address:x}");
    }

    #[test]
    fn buffers_are_locked_from_their_making_on() {
        keep_buffers();
        let buffer = omega_rt::AlignedBuffer::zeroed(512 * 1024);
        let start = buffer.as_ptr() as usize;
        if let Err(error) = lock_in_memory(&vec![0_u8; 4 << 20]) {
            println!("SKIPPED: {error}");
            return;
        }
        assert!(locked_at(start + (1 << 20)) >= 2_000 * 1024);
        release(start, 2 << 20);
        assert!(locked_at(start + (1 << 20)) <= 8 * 1024);
        drop(buffer);
    }

    fn kib(text: &str) -> u64 {
        text.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    #[test]
    fn a_region_is_locked_while_the_value_lives() {
        let region = vec![0_u64; 64 * 1024];
        let middle = region.as_ptr() as usize + 256 * 1024;
        assert_eq!(locked_at(middle), 0);
        match lock_in_memory(&region) {
            Ok(locked) => {
                assert_eq!(locked.bytes(), 512 * 1024);
                assert!(locked_at(middle) >= 500 * 1024);
                drop(locked);
                assert_eq!(locked_at(middle), 0);
            }
            Err(error) => println!("SKIPPED: {error}"),
        }
    }

    #[test]
    fn nothing_at_all_can_be_locked() {
        assert_eq!(lock_in_memory::<f32>(&[]).map(|locked| locked.bytes()), Ok(0));
    }
}
