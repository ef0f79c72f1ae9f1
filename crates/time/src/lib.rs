//! Exact time: frames, ticks, sample rates, tempo maps and time signatures.
