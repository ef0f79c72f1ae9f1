//! Makes or opens a session, edits and saves it, and prints a line for each thing that was acknowledged.
//!
//! `edit_and_tell SONG.omega` shows the order of things that a caller can rely on: when `edited 3` is printed, a power
//! cut loses none of three edits. The test that kills it at every system call holds it to that.

use std::io::Write;

use omega_session::edit::{TrackAdd, TrackVolume};
use omega_session::{CreateOptions, Document, Edit, OpenOptions, TrackId, TrackKind};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).ok_or("give the folder of a session")?;
    let mut document = match std::path::Path::new(&folder).exists() {
        true => Document::open(&folder, &OpenOptions { time: Some(0), ..OpenOptions::default() })?,
        false => Document::create(&folder, &CreateOptions::seeded("Song", 1))?,
    };
    tell("opened")?;
    let first = document.project().tracks().len();
    for n in 0..3 {
        let id = TrackId::new(&format!("track-{}", first + n))?;
        let add = TrackAdd { id: Some(id.clone()), ..TrackAdd::new(TrackKind::Audio, "Track") };
        let edits: [Edit; 2] = [add.into(), TrackVolume { id, db: -6.0 }.into()];
        match document.apply_group("two edits at once", &edits) {
            Ok(_) => tell(&format!("edited {}", n + 1))?,
            Err(error) => tell(&format!("refused {}: {error}", n + 1))?,
        }
        if n == 1 {
            document.save()?;
            tell("saved")?;
        }
    }
    document.save()?;
    tell("saved")?;
    document.close()?;
    tell("closed")?;
    Ok(())
}

/// One line, written at once.
fn tell(line: &str) -> std::io::Result<()> {
    std::io::stdout().write_all(format!("{line}\n").as_bytes())?;
    std::io::stdout().flush()
}
