//! What every backend can do, and the choice among them.

use crate::config::{Backend, OpenError, StreamConfig};
use crate::stream::Prepared;
use crate::timer::Timer;

/// A way to reach hardware, or to do without. It knows callbacks, not graphs.
pub trait AudioBackend {
    /// A short name in lower case.
    fn name(&self) -> &'static str;

    /// Opens the hardware without starting it. Ignores `config.backend`.
    ///
    /// # Errors
    /// [`OpenError`] says what was wrong and what to do.
    fn prepare(&self, config: &StreamConfig) -> Result<Prepared, OpenError>;
}

/// Opens the hardware without starting it, so that its rate and period are known before the callback is built.
///
/// # Errors
/// [`OpenError`] says what was wrong and what to do. [`Backend::Auto`] fails only for a bad configuration.
pub fn prepare(config: &StreamConfig) -> Result<Prepared, OpenError> {
    match &config.backend {
        Backend::Virtual(clock) => clock.prepare(config),
        Backend::Timer | Backend::Auto => Timer.prepare(config),
        Backend::Jack(_) => {
            Err(OpenError::Jack { what: "open a client".to_owned(), reason: "not built in".to_owned() })
        }
    }
}
