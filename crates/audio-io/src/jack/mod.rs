//! JACK: inputs and outputs in one callback, the server's exact period, sample-exact and bit-exact between programs.
//!
//! Source: the JACK API, version 0.125 (jack/jack.h), which JACK 1, JACK 2 and PipeWire implement. The library is
//! loaded at run time, so that a machine without it gets a message, not a program that does not start.
//!
//! A process talks to one server at a time: the library keeps the connection in global state.

mod client;
mod library;
mod ports;

#[cfg(feature = "testing")]
pub(crate) use client::Gate;
pub use client::Jack;
#[cfg(feature = "testing")]
pub(crate) use library::open_client;
