//! Which thread is which, in the eyes of a plugin.

use std::cell::Cell;

/// What the calling thread is to plugins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Neither.
    Other,
    /// CLAP's main thread.
    Main,
    /// CLAP's audio thread.
    Audio,
}

thread_local! {
    static ROLE: Cell<Role> = const { Cell::new(Role::Other) };
}

/// What the calling thread is now. Real-time safe.
pub(crate) fn current() -> Role {
    ROLE.get()
}

/// Makes the calling thread this, for as long as the guard lives. Real-time safe.
pub(crate) struct Acting(Role);

impl Acting {
    pub(crate) fn enter(role: Role) -> Self {
        Self(ROLE.replace(role))
    }
}

impl Drop for Acting {
    fn drop(&mut self) {
        ROLE.set(self.0);
    }
}
