//! Ctrl-C, being asked to end, and files that may not grow.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::{register, register_conditional_shutdown};

use crate::failure::Failure;

/// What a shell makes of a program that Ctrl-C ended.
const CODE: i32 = 130;

/// Makes a file that may not grow further (`ulimit -f`) an error of the write, which is told, and not the end of the program.
/// Where the system refuses, all stays as it was.
pub fn outlive_file_limits() {
    // The flag is never read: that there is a handler is what counts.
    #[cfg(unix)]
    let _ = register(signal_hook::consts::SIGXFSZ, Arc::default());
}

/// Knows whether the program was asked to end. Asked a second time, it ends at once.
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens from now on.
    pub fn listen() -> Result<Self, Failure> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag down and raises it, the second finds it up.
            register_conditional_shutdown(signal, CODE, asked.clone()).map_err(Failure::failed)?;
            register(signal, asked.clone()).map_err(Failure::failed)?;
        }
        Ok(Self(asked))
    }

    /// Whether it was.
    pub fn asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The same, for work that asks whether to go on.
    pub fn flow(&self) -> ControlFlow<()> {
        if self.asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
