//! The one contract of everything that makes sound.
