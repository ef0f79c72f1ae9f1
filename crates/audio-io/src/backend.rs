//! What every backend can do, and the choice among them.

use crate::config::{Backend, OpenError, StreamConfig};
use crate::hardware::BackendReport;
use crate::jack::Jack;
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

    /// What there is to play through.
    fn report(&self) -> BackendReport;
}

/// Opens the hardware without starting it, so that its rate and period are known before the callback is built.
///
/// # Errors
/// [`OpenError`] says what was wrong and what to do. [`Backend::Auto`] fails only for a bad configuration.
pub fn prepare(config: &StreamConfig) -> Result<Prepared, OpenError> {
    if !matches!(config.backend, Backend::Virtual(_)) {
        crate::memory::keep_buffers();
    }
    match &config.backend {
        Backend::Virtual(clock) => clock.prepare(config),
        Backend::Jack(options) => Jack(options.clone()).prepare(config),
        Backend::Timer => Timer.prepare(config),
        Backend::Auto => prepare_first(config, &Jack::default()),
    }
}

/// JACK if it is there, otherwise the timer, with the reason.
fn prepare_first(config: &StreamConfig, jack: &dyn AudioBackend) -> Result<Prepared, OpenError> {
    let refused = match jack.prepare(config) {
        Ok(mut prepared) => {
            "a JACK server runs".clone_into(&mut prepared.info.reason);
            return Ok(prepared);
        }
        Err(bad @ OpenError::BadConfig { .. }) => return Err(bad),
        Err(refused) => refused,
    };
    let mut prepared = Timer.prepare(config)?;
    prepared.info.reason = format!("nothing is heard: {refused}");
    Ok(prepared)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Refusing;

    impl AudioBackend for Refusing {
        fn name(&self) -> &'static str {
            "refusing"
        }

        fn prepare(&self, config: &StreamConfig) -> Result<Prepared, OpenError> {
            config.validate()?;
            Err(OpenError::NoJackServer { name: None, detail: None })
        }

        fn report(&self) -> BackendReport {
            let state = crate::hardware::BackendState::Unavailable { reason: String::new() };
            BackendReport { name: self.name(), description: "refuses", state }
        }
    }

    #[test]
    fn without_a_server_auto_is_the_timer_and_says_why() {
        let prepared = prepare_first(&StreamConfig::default(), &Refusing).expect("the timer");
        assert_eq!(prepared.info().backend, "timer");
        let reason = &prepared.info().reason;
        assert!(reason.starts_with("nothing is heard: no JACK server is running"), "{reason}");
    }

    #[test]
    fn a_bad_configuration_is_not_blamed_on_the_server() {
        let config = StreamConfig { rate: Some(0), ..StreamConfig::default() };
        assert!(matches!(prepare_first(&config, &Refusing), Err(OpenError::BadConfig { what: "rate", .. })));
    }
}
