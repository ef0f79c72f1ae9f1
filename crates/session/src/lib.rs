//! The document: project, tracks, clips, edits, undo and the folder format.
