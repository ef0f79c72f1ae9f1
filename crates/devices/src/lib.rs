//! The built-in effects and the clip reader.
