//! What the desk records: the inputs of its first tracks, each onto a tape, and who takes it from there.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use omega_devices::tape::{Reel, Tape};
use omega_media::record::{Recorder, RecorderConfig, TakeSpec};
use omega_processor::{ProcessBlock, Processor, Status};
use omega_rt::tape::{Found, TapeHead, TapeReader, What, tape};
use omega_rt::{Producer, fifo};

use crate::Outcome;
use crate::faults::Seed;

/// Seconds that the tapes have room for, as in the player.
const ROOM: usize = 12;

/// Who takes what is recorded from the tapes.
enum Keeper {
    /// The product's: files, and the two threads that write them and wait for the disk.
    Files(Recorder, tempfile::TempDir),
    /// A thread that looks at each frame. For ThreadSanitizer: no std that it does not know lies between.
    Watcher(JoinHandle<Tally>, Arc<AtomicBool>),
}

/// The tapes of the desk.
pub struct Takes {
    heads: Vec<TapeHead>,
    keeper: Keeper,
    seed: Option<Seed>,
}

/// What came off the tapes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Takes with frames.
    pub takes: usize,
    /// Frames of all takes.
    pub frames: u64,
    /// Stretches of the time line.
    pub stretches: u64,
    /// Frames that had no room.
    pub lost: u64,
    /// Frames whose value was not the one after the frame before.
    pub wrong: u64,
}

impl Takes {
    /// Tapes for `count` inputs at `rate` frames per second, kept in files.
    ///
    /// # Errors
    /// There is no place for them.
    pub fn in_files(count: usize, rate: u32, seed: Option<Seed>) -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let (heads, readers) = tapes(count, rate as usize * ROOM);
        let spec = |(number, tape)| TakeSpec {
            track: format!("trk-{number}"),
            name: format!("Track {number}"),
            position: 0,
            tape,
        };
        let specs = readers.into_iter().enumerate().map(spec).collect();
        let config =
            RecorderConfig::new(&folder.path().join("recording"), &folder.path().join("media"), rate);
        let recorder = Recorder::start(&config, specs)?;
        Ok(Self { heads, keeper: Keeper::Files(recorder, folder), seed })
    }

    /// The same, looked at by a thread. Each input has to count frame by frame from 0 to 1, in `round` steps.
    pub fn watched(count: usize, round: u32) -> Self {
        // Little room, so that there are holes as well.
        let (heads, readers) = tapes(count, 2048);
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = std::thread::spawn(move || watch(readers, round, &told));
        Self { heads, keeper: Keeper::Watcher(thread, stop), seed: None }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.heads.len()
    }

    /// The processor of a tape.
    pub fn processor(&self, number: u64) -> Box<dyn Processor> {
        if self.seed == Some(Seed::FullTape) && number == 0 {
            let (ring, _) = fifo::fifo(1);
            return Box::new(FullTape { ring, beyond: Vec::new() });
        }
        Box::new(Tape::new())
    }

    /// What an exchange takes, for each tape: its reel. To be had once.
    pub fn reels(&mut self) -> Vec<Reel> {
        self.heads.drain(..).map(|head| Reel(Some(head))).collect()
    }

    /// What came off the tapes, once the audio thread's ends are gone.
    ///
    /// # Errors
    /// A take could not be finished.
    pub fn finish(self) -> Outcome<Tally> {
        match self.keeper {
            Keeper::Watcher(thread, stop) => {
                stop.store(true, Ordering::Release);
                Ok(thread.join().map_err(|_| "the watcher panicked")?)
            }
            Keeper::Files(recorder, folder) => {
                let mut tally = Tally::default();
                for take in recorder.finish() {
                    let Some(take) = take? else { continue };
                    let file: PathBuf = folder.path().join("media").join(&take.file_name);
                    let there = omega_media::open(&file)?.info().frames.unwrap_or(0);
                    if there != take.frames {
                        return Err(format!("{}: {there} of {} frames", file.display(), take.frames).into());
                    }
                    tally.takes += 1;
                    tally.frames += u64::try_from(there).unwrap_or(0);
                    tally.stretches += take.log.stretches.len() as u64;
                    tally.lost += u64::try_from(take.log.lost()).unwrap_or(0);
                }
                Ok(tally)
            }
        }
    }
}

fn tapes(count: usize, frames: usize) -> (Vec<TapeHead>, Vec<TapeReader>) {
    (0..count).map(|_| tape(1, frames)).unzip()
}

/// Takes frames from the tapes until it is told to stop and they are empty, and compares each with the one before.
fn watch(mut readers: Vec<TapeReader>, round: u32, stop: &AtomicBool) -> Tally {
    let mut tally = Tally { takes: readers.len(), ..Tally::default() };
    let mut next = vec![None; readers.len()];
    let mut block = [0.0; 300];
    loop {
        // Looked at first: what was recorded before it is seen below.
        let last = stop.load(Ordering::Acquire);
        for (reader, next) in readers.iter_mut().zip(&mut next) {
            while let Some(found) = reader.next(&mut block) {
                match found {
                    Found::Mark(what) => {
                        tally.stretches += u64::from(matches!(what, What::From { .. }));
                        if let What::Hole { lost, .. } | What::End { lost, .. } = what {
                            tally.lost += lost;
                        }
                        *next = None;
                    }
                    Found::Frames(count) => {
                        for value in block.iter().take(count) {
                            #[allow(
                                clippy::cast_possible_truncation,
                                clippy::cast_sign_loss,
                                reason = "small counts"
                            )]
                            let value = (*value * round as f32) as u32;
                            tally.wrong += u64::from(next.is_some_and(|next| next != value));
                            *next = Some((value + 1) % round);
                        }
                        tally.frames += count as u64;
                    }
                }
            }
        }
        if last {
            return tally;
        }
        std::thread::yield_now();
    }
}

/// A seeded fault: a tape that takes memory where its ring has no room.
struct FullTape {
    ring: Producer<f32>,
    beyond: Vec<Vec<f32>>,
}

impl Processor for FullTape {
    fn process(&mut self, block: &mut ProcessBlock<'_>) -> Status {
        for channel in block.main.iter_mut() {
            if !self.ring.write_whole(channel) {
                self.beyond.push(channel.to_vec());
            }
        }
        Status::Sound
    }

    fn reset(&mut self) {}
}
