//! Executes a schedule on the audio thread: transport, metering, hand-over.
