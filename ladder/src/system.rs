//! What the ladder asks of the system: the trap for system calls, what a thread used, priorities, a seeded system call.
//! The only unsafe code of this program. Linux on x86-64.
#![allow(unsafe_code, reason = "system calls have no safe wrapper")]

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// The system's own number for `getpid`, which has no effect: what is seeded.
const GETPID: i64 = libc::SYS_getpid;

// From the kernel's linux/prctl.h; libc does not have them all.
const PR_SET_SYSCALL_USER_DISPATCH: libc::c_int = 59;
const PR_SYS_DISPATCH_OFF: libc::c_ulong = 0;
const PR_SYS_DISPATCH_ON: libc::c_ulong = 1;
const ALLOW: u8 = 0;
const BLOCK: u8 = 1;

/// System calls that were trapped, on all threads.
static TRAPPED: AtomicU64 = AtomicU64::new(0);
/// Those among them that wake whoever sleeps on a futex which processes share, and do nothing else. They are not in
/// [`TRAPPED`].
static WAKES: AtomicU64 = AtomicU64::new(0);
/// The number of the one trapped last; −1 for none.
static LAST: AtomicI64 = AtomicI64::new(-1);

/// The byte that the kernel reads at each system call of the thread.
struct Selector(UnsafeCell<u8>);

std::thread_local! {
    static SELECTOR: Selector = const { Selector(UnsafeCell::new(ALLOW)) };
}

fn set_selector(value: u8) {
    SELECTOR.with(|selector| {
        // SAFETY: the byte belongs to this thread, and no reference to it exists; volatile, because the kernel reads it.
        unsafe { selector.0.get().write_volatile(value) }
    });
}

/// Traps the system calls of one thread between [`arm`](Self::arm) and [`disarm`](Self::disarm) (Linux 5.11,
/// `PR_SET_SYSCALL_USER_DISPATCH`): each raises a signal whose handler counts it, performs it, and goes back with the trap as
/// it was. Instructions count, not functions: what libc hides and what an assembler writes.
///
/// The one call that the audio thread may make is told apart by its number and its operation: `FUTEX_WAKE` of a futex that
/// processes share, which wakes the worker of a plugin. (A lock of std, for instance, has a private futex.)
#[derive(Debug)]
pub struct Trap {
    ready: bool,
}

impl Trap {
    /// For the calling thread.
    ///
    /// # Errors
    /// The kernel does not have it, or no handler can be installed.
    pub fn new() -> Result<Self, String> {
        install_handler()?;
        let selector = SELECTOR.with(|selector| selector.0.get());
        let exempt = back_from_handler as *const () as usize;
        // SAFETY: the byte lives as long as the thread, which is as long as the kernel reads it; exempt is only the code that
        // leaves the handler.
        let done = unsafe {
            libc::prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, exempt, BACK_BYTES, selector)
        };
        if done == 0 {
            Ok(Self { ready: true })
        } else {
            Err(format!("PR_SET_SYSCALL_USER_DISPATCH: {}", std::io::Error::last_os_error()))
        }
    }

    /// From here on a system call of this thread is trapped. One store.
    pub fn arm(&self) {
        if self.ready {
            set_selector(BLOCK);
        }
    }

    /// Until here.
    pub fn disarm(&self) {
        set_selector(ALLOW);
    }

    /// How many were trapped so far, on all threads, and the number of the last one.
    pub fn trapped() -> (u64, i64) {
        (TRAPPED.load(Relaxed), LAST.load(Relaxed))
    }

    /// How many were allowed, because they only woke another process.
    pub fn wakes() -> u64 {
        WAKES.load(Relaxed)
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        set_selector(ALLOW);
        // SAFETY: switches the trap off for the thread that drops it; for another thread, which never has it armed
        // outside of a callback, that changes nothing.
        unsafe { libc::prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0_usize, 0_usize, 0_usize) };
    }
}

/// Bytes of the code of [`back_from_handler`], and one: the kernel looks where the thread goes on.
const BACK_BYTES: usize = 8;
/// `SA_RESTORER` of the kernel: the action says how to leave the handler.
const RESTORER: libc::c_ulong = 0x0400_0000;

/// Leaves a handler, which is a system call of its own: here, so that it alone is exempt from the trap, and the trap can stay
/// closed. libc has the same code, but does not tell where.
#[unsafe(naked)]
extern "C" fn back_from_handler() {
    std::arch::naked_asm!("mov eax, {number}", "syscall", number = const libc::SYS_rt_sigreturn)
}

/// The kernel's own `sigaction`.
#[repr(C)]
struct Action {
    handler: usize,
    flags: libc::c_ulong,
    restorer: usize,
    mask: u64,
}

fn install_handler() -> Result<(), String> {
    let flags = [libc::SA_SIGINFO, libc::SA_NODEFER].into_iter().map(libc::c_int::cast_unsigned);
    let action = Action {
        handler: on_trap as *const () as usize,
        flags: flags.fold(RESTORER, |all, flag| all | libc::c_ulong::from(flag)),
        restorer: back_from_handler as *const () as usize,
        mask: 0,
    };
    let no_old: *mut Action = std::ptr::null_mut();
    // SAFETY: the kernel's structure, with a handler that has the signature which `SA_SIGINFO` asks for and does only what a
    // handler may do, and with the code that leaves it.
    let done = unsafe {
        libc::syscall(libc::SYS_rt_sigaction, libc::SIGSYS, &raw const action, no_old, size_of::<u64>())
    };
    if done == 0 { Ok(()) } else { Err(format!("sigaction: {}", std::io::Error::last_os_error())) }
}

/// Counts the trapped call, performs it, and hands its result to whoever made it. The trap is open only meanwhile.
extern "C" fn on_trap(_signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    set_selector(ALLOW);
    let _ = info;
    // SAFETY: with `SA_SIGINFO` the kernel hands over a valid `ucontext_t`, which is this handler's until it returns.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
    let [rax, rdi, rsi, rdx, r10, r8, r9] = [
        libc::REG_RAX,
        libc::REG_RDI,
        libc::REG_RSI,
        libc::REG_RDX,
        libc::REG_R10,
        libc::REG_R8,
        libc::REG_R9,
    ]
    .map(|register| usize::try_from(register).unwrap_or(0));
    let number = registers[rax];
    if number == libc::SYS_futex && registers[rsi] == i64::from(libc::FUTEX_WAKE) {
        WAKES.fetch_add(1, Relaxed);
    } else {
        TRAPPED.fetch_add(1, Relaxed);
        LAST.store(number, Relaxed);
    }
    let arguments =
        [registers[rdi], registers[rsi], registers[rdx], registers[r10], registers[r8], registers[r9]];
    // SAFETY: the very call that the thread was about to make, with its own arguments.
    registers[rax] = unsafe { raw(number, arguments) };
    set_selector(BLOCK);
}

/// A system call by its instruction, past libc.
///
/// # Safety
/// The kernel's contract for the call `number` with these arguments.
unsafe fn raw(number: i64, arguments: [i64; 6]) -> i64 {
    let result;
    // SAFETY: the instruction changes the registers that are named here, and memory as the caller has promised.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") arguments[0], in("rsi") arguments[1], in("rdx") arguments[2],
            in("r10") arguments[3], in("r8") arguments[4], in("r9") arguments[5],
            lateout("rcx") _, lateout("r11") _,
            options(nostack)
        );
    }
    result
}

/// A system call that no library knows of: the seeded fault of the trap.
pub fn raw_getpid() -> i64 {
    // SAFETY: `getpid` has no arguments and no effect.
    unsafe { raw(GETPID, [0; 6]) }
}

/// What a thread has used of the system since it was started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Page faults, with and without input from storage.
    pub faults: i64,
    /// Times that it gave up its processor by itself: it waited for something.
    pub voluntary: i64,
    /// Times that its processor was taken away.
    pub involuntary: i64,
}

impl Usage {
    /// Of the calling thread. A system call.
    pub fn now() -> Self {
        // SAFETY: an all-zero `rusage` is a valid one.
        let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
        // SAFETY: the kernel writes to the structure that this function owns.
        if unsafe { libc::getrusage(libc::RUSAGE_THREAD, &raw mut usage) } != 0 {
            return Self::default();
        }
        Self {
            faults: usage.ru_minflt + usage.ru_majflt,
            voluntary: usage.ru_nvcsw,
            involuntary: usage.ru_nivcsw,
        }
    }
}

/// Nanoseconds of a clock.
fn clock(id: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes to the structure that this function owns; a refusal leaves it zero.
    unsafe { libc::clock_gettime(id, &raw mut time) };
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// Nanoseconds of processor time that the calling thread has used. A system call.
pub fn thread_cpu() -> u64 {
    clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Nanoseconds of the monotonic clock. No system call.
pub fn monotonic() -> u64 {
    clock(libc::CLOCK_MONOTONIC)
}

/// Sleeps until the monotonic clock shows `nanos`.
pub fn sleep_until(nanos: u64) {
    let time = libc::timespec {
        tv_sec: i64::try_from(nanos / 1_000_000_000).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(nanos % 1_000_000_000).unwrap_or(0),
    };
    // SAFETY: reads the structure that this function owns. Being interrupted early is for the caller to see.
    unsafe {
        libc::clock_nanosleep(
            libc::CLOCK_MONOTONIC,
            libc::TIMER_ABSTIME,
            &raw const time,
            std::ptr::null_mut(),
        )
    };
}

/// Pins the calling thread to a processor and gives it a real-time priority. False where either is refused.
pub fn pin_and_promote(processor: usize, priority: i32) -> bool {
    // SAFETY: an all-zero set is an empty one.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: writes to the set that this function owns; numbers beyond its end are ignored.
    unsafe { libc::CPU_SET(processor, &mut set) };
    // SAFETY: reads that set.
    let pinned = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) } == 0;
    let parameters = libc::sched_param { sched_priority: priority };
    // SAFETY: reads that structure; 0 is the calling thread.
    let promoted = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) } == 0;
    pinned && promoted
}

/// Lets others go first, of those that are not real-time. Linux counts this by thread.
pub fn be_nice() {
    // SAFETY: changes a number of the calling thread; a refusal changes nothing.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, 10) };
}

/// Pages of zeros that were never touched: the first access of each is a page fault.
pub struct UntouchedPages {
    start: *mut u8,
}

/// How many, and how large.
const PAGES: usize = 4096;
const PAGE: usize = 4096;

// SAFETY: plain memory, owned by this value.
unsafe impl Send for UntouchedPages {}

impl UntouchedPages {
    /// Asks the system for them; `None` if there are none.
    pub fn new() -> Option<Self> {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at an address of the kernel's choice.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), PAGES * PAGE, protection, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return None;
        }
        // SAFETY: the mapping above. Large pages would let one fault bring in many.
        unsafe { libc::madvise(start, PAGES * PAGE, libc::MADV_NOHUGEPAGE) };
        Some(Self { start: start.cast() })
    }

    /// Touches page `index`, counted round and round.
    pub fn touch(&mut self, index: usize) {
        // SAFETY: within the mapping.
        let page = unsafe { self.start.add(index % PAGES * PAGE) };
        // SAFETY: this value owns the mapping, and nobody else refers to it.
        unsafe { page.write_volatile(1) };
    }
}

impl Drop for UntouchedPages {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own and is not used afterwards.
        unsafe { libc::munmap(self.start.cast(), PAGES * PAGE) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn futex(word: &std::sync::atomic::AtomicU32, operation: libc::c_int) -> i64 {
        let arguments = [word.as_ptr() as i64, operation.into(), 1, 0, 0, 0];
        // SAFETY: wakes those who sleep on a word that lives, which is nobody.
        unsafe { raw(libc::SYS_futex, arguments) }
    }

    #[test]
    fn each_call_is_trapped_performed_and_counted_and_only_a_shared_futex_that_wakes_is_let_through() {
        let trap = Trap::new().expect("Linux 5.11");
        let word = std::sync::atomic::AtomicU32::new(0);
        let before = (Trap::trapped().0, Trap::wakes());
        trap.arm();
        let woken = futex(&word, libc::FUTEX_WAKE);
        // The trap stays closed behind a call: all of these are seen.
        let ids = [raw_getpid(), raw_getpid(), raw_getpid()];
        let private = futex(&word, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG);
        let again = futex(&word, libc::FUTEX_WAKE);
        trap.disarm();
        raw_getpid();
        assert_eq!([woken, private, again], [0; 3], "nobody slept");
        assert_eq!(ids, [i64::from(std::process::id()); 3], "they were performed");
        assert_eq!((Trap::trapped().0 - before.0, Trap::wakes() - before.1), (4, 2));
        assert_eq!(Trap::trapped().1, libc::SYS_futex);
    }
}
