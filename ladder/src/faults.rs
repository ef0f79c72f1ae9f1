//! What must never happen in a callback, done on purpose: a tool that stays silent here proves nothing.

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use omega_rt::guard::CountedMutex;

use crate::Outcome;
use crate::system::{UntouchedPages, raw_getpid};

/// Blocks before the fault: the tools have warmed up by then.
pub const AFTER: u64 = 300;

/// The faults by name.
pub const NAMES: [&str; 12] = [
    "vec-growth",
    "contended-lock",
    "uncontended-lock",
    "arc-drop",
    "file-open",
    "raw-getpid",
    "untouched-page",
    "sleep",
    "clock-read",
    "full-tape",
    "waiting-plugin",
    "allocating-plugin",
];

/// A fault in a node of the desk, from the beginning on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seed {
    /// A tape takes memory where its ring has no room.
    FullTape,
    /// The node of a plugin waits for its worker's reply, as it does while rendering.
    WaitingPlugin,
    /// A plugin in this process allocates.
    AllocatingPlugin,
}

impl Seed {
    /// The one called `name`, if it is one in a node.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "full-tape" => Some(Self::FullTape),
            "waiting-plugin" => Some(Self::WaitingPlugin),
            "allocating-plugin" => Some(Self::AllocatingPlugin),
            _ => None,
        }
    }

    /// It is in a tape, and not in a plugin.
    pub fn is_in_a_tape(self) -> bool {
        self == Self::FullTape
    }
}

/// A fault with what it needs.
pub enum Fault {
    /// A vector grows.
    VecGrowth(Vec<f32>),
    /// A lock that another thread holds.
    ContendedLock(Arc<Mutex<()>>, Arc<AtomicBool>),
    /// A lock that nobody holds, which the guard is told of.
    UncontendedLock(CountedMutex<u32>),
    /// The last owner of a value on the heap goes.
    ArcDrop(Vec<Option<Arc<[f32; 64]>>>),
    /// A file is opened.
    FileOpen,
    /// A system call without any library.
    RawGetpid,
    /// Memory that nobody touched before.
    UntouchedPage(UntouchedPages),
    /// The thread gives up its processor.
    Sleep,
    /// The processor time of the thread is read: a system call too.
    ClockRead,
}

impl Fault {
    /// The fault called `name`.
    ///
    /// # Errors
    /// There is none, or what it needs cannot be had.
    pub fn new(name: &str) -> Outcome<Self> {
        Ok(match name {
            "vec-growth" => Self::VecGrowth(Vec::new()),
            "contended-lock" => contended(),
            "uncontended-lock" => Self::UncontendedLock(CountedMutex::new(0)),
            "arc-drop" => Self::ArcDrop((0..4096).map(|_| Some(Arc::new([0.0; 64]))).collect()),
            "file-open" => Self::FileOpen,
            "raw-getpid" => Self::RawGetpid,
            "untouched-page" => Self::UntouchedPage(UntouchedPages::new().ok_or("no memory")?),
            "sleep" => Self::Sleep,
            "clock-read" => Self::ClockRead,
            _ => return Err(format!("no fault is called {name:?}: {}", NAMES.join(", ")).into()),
        })
    }

    /// Does it, in block `block`.
    pub fn strike(&mut self, block: u64) {
        let index = usize::try_from(block).unwrap_or(0);
        match self {
            Self::VecGrowth(values) => values.push(std::hint::black_box(1.0)),
            Self::ContendedLock(lock, wanted) => {
                wanted.store(true, Ordering::SeqCst);
                drop(lock.lock().unwrap_or_else(PoisonError::into_inner));
                wanted.store(false, Ordering::SeqCst);
            }
            Self::UncontendedLock(lock) => *lock.lock() += 1,
            Self::ArcDrop(values) => {
                let count = values.len().max(1);
                drop(values.get_mut(index % count).and_then(Option::take));
            }
            Self::FileOpen => drop(File::open("/dev/null")),
            Self::RawGetpid => {
                std::hint::black_box(raw_getpid());
            }
            Self::UntouchedPage(pages) => pages.touch(index),
            Self::Sleep => std::thread::sleep(Duration::from_micros(50)),
            Self::ClockRead => {
                std::hint::black_box(crate::system::thread_cpu());
            }
        }
    }
}

/// A lock that another thread holds nearly all the time; it lets go for a moment only while the lock is wanted, so that
/// whoever wants it waits, and not for ever.
fn contended() -> Fault {
    let (lock, wanted) = (Arc::new(Mutex::new(())), Arc::new(AtomicBool::new(false)));
    let (theirs, asked) = (Arc::clone(&lock), Arc::clone(&wanted));
    let (told, ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        loop {
            let held = theirs.lock().unwrap_or_else(PoisonError::into_inner);
            _ = told.send(());
            while !asked.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_micros(200));
            }
            std::thread::sleep(Duration::from_millis(1));
            drop(held);
            std::thread::sleep(Duration::from_micros(500));
        }
    });
    // Only once it is held can it be contended.
    _ = ready.recv();
    Fault::ContendedLock(lock, wanted)
}
