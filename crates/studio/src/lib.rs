//! The headless application: joins document, engine, media and hardware.
