//! What is fed: one file for each crate that reads foreign input.

mod media;
mod midi;
mod plugin;
mod seeded;
mod session;
mod time;

/// Something that reads what others wrote.
pub struct Target {
    /// For the command line.
    pub name: &'static str,
    /// What it reads.
    pub about: &'static str,
    /// Valid inputs that cases are made from.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words of its language that cases get.
    pub words: &'static [&'static [u8]],
    /// Reads one input. A refusal is fine; a panic, a crash, a hang or a broken promise is a finding.
    pub feed: fn(&[u8]),
}

/// All targets.
pub const ALL: &[&Target] = &[
    &time::TEXT,
    &time::MAP,
    &media::WAV,
    &media::AIFF,
    &media::FLAC,
    &media::IMPORT,
    &media::PEAKS,
    &media::TAKE,
    &plugin::STATE,
    &plugin::CACHE,
    &midi::FILE,
    &session::PROJECT,
    &session::EDITS,
    &session::HISTORY,
    &session::BUNDLE,
];

/// Targets that are broken on purpose: the tests see whether they are found. They run only when they are named.
pub const SEEDED: &[&Target] = &[&seeded::PANICS, &seeded::HANGS, &seeded::ALLOCATES];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_takes_its_seeds_and_some_cases_of_them() {
        for target in ALL {
            let seeds = (target.seeds)();
            assert!(!seeds.is_empty(), "{} has no seeds", target.name);
            // Importing waits for the disk, and a case of edits is many edits.
            let slow = ["import", "edit-json", "history", "bundle"].contains(&target.name);
            let count = if slow { 100 } else { 1000 };
            for number in 0..count {
                (target.feed)(&crate::mutate::case(&seeds, target.words, number));
            }
        }
    }
}
