//! What other programs write, to and from a session: MIDI files.
//!
//! A reader makes plain data of a file, and edits of that; a writer makes bytes of a project. Nothing here touches a disk.
#![forbid(unsafe_code)]

pub mod midi;
