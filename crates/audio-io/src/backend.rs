//! What every backend can do, and the choice among them.

use crate::config::{Backend, JackOptions, OpenError, StreamConfig, System};
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
/// [`OpenError`] says what was wrong and what to do. [`Backend::Auto`] fails only for a bad configuration, or where none of the
/// backends has the hardware that is named.
pub fn prepare(config: &StreamConfig) -> Result<Prepared, OpenError> {
    if !matches!(config.backend, Backend::Virtual(_)) {
        crate::memory::keep_buffers();
    }
    let mut prepared = match &config.backend {
        Backend::Virtual(clock) => clock.prepare(config),
        Backend::Jack(options) => Jack(options.clone()).prepare(config),
        Backend::System(system) => system.prepare(config),
        Backend::Timer => Timer.prepare(config),
        Backend::Auto => {
            let jack = Jack(JackOptions::default());
            let systems = System::ALL.iter().filter(|system| system.missing().is_none());
            let systems =
                systems.map(|system| (system as &dyn AudioBackend, "it is the first that can be opened"));
            let mut all = vec![(&jack as &dyn AudioBackend, "a JACK server runs")];
            all.extend(systems);
            prepare_first(config, &all)
        }
    }?;
    let own = matches!(prepared.info.backend, "jack" | "virtual");
    if !own && !config.midi.is_empty() {
        let (feed, warnings) = crate::midi::open(&config.client, &config.midi, &prepared.shared);
        prepared.midi = feed;
        prepared.info.warnings.extend(warnings);
    }
    if let Some(rate) = config.rate.filter(|_| config.resample) {
        prepared.keep_rate(rate);
    }
    Ok(prepared)
}

/// The first that can be opened, with the reason; otherwise the timer, with those why not.
fn prepare_first(
    config: &StreamConfig,
    backends: &[(&dyn AudioBackend, &str)],
) -> Result<Prepared, OpenError> {
    let mut refusals = Vec::new();
    for (backend, why) in backends {
        if config.avoid.contains(&backend.name()) {
            continue;
        }
        match backend.prepare(config) {
            Ok(mut prepared) => {
                (*why).clone_into(&mut prepared.info.reason);
                return Ok(prepared);
            }
            Err(bad @ OpenError::BadConfig { .. }) => return Err(bad),
            Err(refused) => refusals.push(refused),
        }
    }
    // Who names hardware wants that and no silence.
    let named = config.device.is_some() || config.input_device.is_some();
    if named && let Some(refused) = most_telling(&refusals) {
        return Err(refused);
    }
    let mut prepared = Timer.prepare(config)?;
    let refusals: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    prepared.info.reason = format!("nothing is heard: {}", refusals.join("; "));
    Ok(prepared)
}

/// A system that is there and lacks the hardware says more than one that is not there.
fn most_telling(refusals: &[OpenError]) -> Option<OpenError> {
    let lacks = |refused: &&OpenError| matches!(refused, OpenError::NoDevice { .. });
    refusals.iter().find(lacks).or(refusals.last()).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Refusing(&'static str);

    impl AudioBackend for Refusing {
        fn name(&self) -> &'static str {
            self.0
        }

        fn prepare(&self, config: &StreamConfig) -> Result<Prepared, OpenError> {
            config.validate()?;
            Err(OpenError::NoJackServer { name: Some(self.0.to_owned()), detail: None })
        }

        fn report(&self) -> BackendReport {
            let state = crate::hardware::BackendState::Unavailable { reason: String::new() };
            BackendReport { name: self.name(), description: "refuses", state }
        }
    }

    #[test]
    fn the_first_that_opens_is_taken_and_those_to_avoid_are_not_asked() {
        let all: [(&dyn AudioBackend, &str); 3] =
            [(&Refusing("one"), "never"), (&Timer, "it opens"), (&Refusing("two"), "never")];
        let prepared = prepare_first(&StreamConfig::default(), &all).expect("the timer");
        assert_eq!((prepared.info().backend, prepared.info().reason.as_str()), ("timer", "it opens"));
        let config = StreamConfig { avoid: vec!["timer"], ..StreamConfig::default() };
        let prepared = prepare_first(&config, &all).expect("the timer at last");
        let reason = &prepared.info().reason;
        assert!(reason.contains("'one'") && reason.contains("'two'"), "{reason}");
    }

    #[test]
    fn without_any_auto_is_the_timer_and_says_why() {
        let prepared = prepare_first(&StreamConfig::default(), &[(&Refusing("one"), "")]).expect("the timer");
        assert_eq!(prepared.info().backend, "timer");
        let reason = &prepared.info().reason;
        assert!(reason.starts_with("nothing is heard: no JACK server named 'one' is running"), "{reason}");
    }

    #[test]
    fn hardware_that_is_named_is_not_replaced_by_silence() {
        let config = StreamConfig { device: Some("Scarlett".to_owned()), ..StreamConfig::default() };
        let refused = prepare_first(&config, &[(&Refusing("one"), "")]).expect_err("not the timer");
        assert!(matches!(refused, OpenError::NoJackServer { .. }));
    }

    #[test]
    fn a_bad_configuration_is_not_blamed_on_the_server() {
        let config = StreamConfig { rate: Some(0), ..StreamConfig::default() };
        let all: [(&dyn AudioBackend, &str); 1] = [(&Refusing("one"), "")];
        assert!(matches!(prepare_first(&config, &all), Err(OpenError::BadConfig { what: "rate", .. })));
    }
}
