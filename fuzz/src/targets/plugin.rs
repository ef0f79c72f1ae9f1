//! Plugins: the states that sessions keep of them, and what a scan remembers.

use omega_plugin::model::{MAX_FEATURES, MAX_PORTS, MAX_TEXT};
use omega_plugin::scan::read_cache;
use omega_plugin::state::PluginState;

use super::Target;

/// A file of `plugins/` in a session.
pub const STATE: Target = Target {
    name: "plugin-state",
    about: "the state of a plugin, as a session keeps it",
    seeds: || {
        let whole = PluginState {
            id: "org.omega.fuzz".to_owned(),
            version: "1.0".to_owned(),
            values: vec![(1, -6.5), (7, 0.25), (u32::MAX, 1e300)],
            bytes: Some(b"{\n}\0 a state of its own".to_vec()),
        };
        let without = PluginState { bytes: None, ..whole.clone() };
        vec![whole.to_bytes(), without.to_bytes(), PluginState::default().to_bytes()]
    },
    words: &[b"\n", b"\"bytes\":", b"null", b"1e999", b"\"omega_plugin_state\":1", b"[1,0.5]", b"4294967295"],
    feed: |bytes| {
        let Ok(state) = PluginState::from_bytes(bytes) else { return };
        // What was read is written and read again as what it is.
        assert_eq!(PluginState::from_bytes(&state.to_bytes()), Ok(state));
    },
};

/// What a scan remembers.
pub const CACHE: Target = Target {
    name: "plugin-cache",
    about: "what a scan of plugins remembers",
    seeds: || vec![CACHED.as_bytes().to_vec(), br#"{"omega_plugin_cache":1,"files":{}}"#.to_vec()],
    words: &[
        b"null",
        b"\"plugins\":[",
        b"65536",
        b"-1",
        b"\\u0000",
        b"\\u202e",
        b"\"troubles\":[[null,\"x\"]]",
    ],
    feed: |bytes| {
        let Some((plugins, again)) = read_cache(bytes) else { return };
        for plugin in &plugins {
            let texts = [&plugin.id, &plugin.name, &plugin.vendor, &plugin.version, &plugin.description];
            assert!(texts.iter().all(|text| text.len() <= MAX_TEXT && !text.contains(char::is_control)));
            assert!(plugin.features.len() <= MAX_FEATURES && plugin.inputs.len() <= MAX_PORTS);
        }
        assert_eq!(read_cache(&again).map(|(plugins, _)| plugins), Some(plugins));
    },
};

/// A cache with a plugin and a trouble.
const CACHED: &str = r#"{"omega_plugin_cache":1,"files":{"/usr/lib/clap/a.clap":{"stamp":{"size":10,"changed":20},"scan":
{"plugins":[{"id":"a.b","name":"A","vendor":"B","version":"1","description":"","features":["audio-effect","compressor"],
"inputs":[{"name":"Main","channels":2,"main":true},{"name":"Side","channels":2,"main":false}],
"outputs":[{"name":"Main","channels":2,"main":true}],"note_inputs":[{"name":"N","clap":true,"midi":false}],
"note_outputs":[],"params":3,"has_state":true}],"troubles":[["a.c","it crashed"],[null,"x"]]}}}}"#;
