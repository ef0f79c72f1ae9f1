//! How long one waits for a session: the demo, from the folder to the document, and on to where it can play.

use std::path::Path;
use std::time::{Duration, Instant};

use omega_dsp::simd::Level;
use omega_session::{CreateOptions, OpenOptions};
use omega_studio::Studio;
use omega_studio::audio_io::{Backend, StreamConfig, VirtualClock};

use crate::session::Error;

/// Times that a person waits, in milliseconds, one of each for every round.
#[derive(Default)]
pub struct Report {
    /// Until the document is there.
    pub document: Vec<f64>,
    /// From there until the first block can sound: graph, devices, the beginnings of files.
    pub player: Vec<f64>,
}

/// Opens the demo `rounds` times. The files come from the system's cache, as those do that were written just before.
///
/// # Errors
/// The demo cannot be made or opened.
pub fn measure(rounds: usize, level: Level) -> Result<Report, Error> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("Demo.omega");
    create(&path)?;
    let mut report = Report::default();
    for _ in 0..rounds {
        let start = Instant::now();
        let studio = Studio::open(&path, &OpenOptions::new("bench"))?;
        report.document.push(millis(start));
        let start = Instant::now();
        let backend = Backend::Virtual(VirtualClock::new());
        let config = StreamConfig { backend, inputs: 0, ..StreamConfig::default() };
        let player = studio.player(&config, level)?;
        if !player.wait_until_ready(0, Duration::from_secs(60)) {
            return Err("the sounds of the demo are not read".into());
        }
        report.player.push(millis(start));
        player.close();
    }
    Ok(report)
}

fn create(path: &Path) -> Result<(), Error> {
    let mut studio = Studio::create(path, &CreateOptions::seeded("Demo", 1))?;
    let edits = omega_studio::demo(&studio.project(), studio.root())?;
    studio.apply("demo", &edits)?;
    Ok(studio.save()?)
}

fn millis(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_is_opened_as_often_as_asked() {
        let report = measure(2, Level::detect()).unwrap();
        assert_eq!((report.document.len(), report.player.len()), (2, 2));
        assert!(report.document.iter().chain(&report.player).all(|millis| *millis > 0.0));
    }
}
