//! Makes or opens a session, edits, undoes and saves it, and prints a line for each thing that was acknowledged.
//!
//! `edit_and_tell SONG.omega` shows the order of things that a caller can rely on: when `edited` is printed, a power cut
//! loses nothing of the edit. Each line ends with the hash of what the session shows then. The test that kills this
//! program at every system call holds it to that.

use std::io::Write;

use omega_session::edit::{TrackAdd, TrackRemove, TrackRename, TrackVolume};
use omega_session::{ApplyError, CreateOptions, Document, Edit, OpenOptions, TrackId, TrackKind};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1).ok_or("give the folder of a session")?;
    let options = OpenOptions { time: Some(0), ..OpenOptions::default() };
    let mut document = match std::path::Path::new(&folder).exists() {
        true => Document::open(&folder, &options)?,
        false => Document::create(&folder, &CreateOptions::seeded("Song", 1))?,
    };
    tell("opened", &document);
    let first = document.project().tracks().len();
    let [one, two, three] = [0, 1, 2].map(|n| TrackId::new(&format!("track-{}", first + n)));
    let (one, two, three) = (one?, two?, three?);
    edit(&mut document, &[add(&one), TrackVolume { id: one.clone(), db: -6.0 }.into()]);
    edit(&mut document, &[TrackRename { id: one.clone(), name: "Drums".to_owned() }.into()]);
    save(&mut document);
    said(document.undo(), &document);
    said(document.redo(), &document);
    edit(&mut document, &[TrackRemove { id: one, contents: false }.into()]);
    said(document.undo(), &document);
    edit(&mut document, &[add(&two)]);
    save(&mut document);
    edit(&mut document, &[TrackVolume { id: two, db: -3.0 }.into()]);
    // What fails here only makes the next one to open start a file of its own.
    let _ = document.close();
    let mut document = Document::open(&folder, &options)?;
    tell("opened", &document);
    edit(&mut document, &[add(&three)]);
    save(&mut document);
    let _ = document.close();
    println!("closed");
    Ok(())
}

fn add(id: &TrackId) -> Edit {
    TrackAdd { id: Some(id.clone()), ..TrackAdd::new(TrackKind::Audio, "Track") }.into()
}

fn edit(document: &mut Document, edits: &[Edit]) {
    let done = document.apply_group("edits at once", edits);
    said(done, document);
}

fn said<T>(done: Result<T, ApplyError>, document: &Document) {
    match done {
        Ok(_) => tell("edited", document),
        Err(error) => tell(&format!("refused: {error}:"), document),
    }
}

fn save(document: &mut Document) {
    match document.save() {
        Ok(()) => tell("saved", document),
        Err(error) => tell(&format!("not saved: {error}:"), document),
    }
}

/// One line, written at once. Where nobody listens the work goes on.
fn tell(what: &str, document: &Document) {
    let line = format!("{what} {}\n", blake3::hash(document.project().to_text().as_bytes()).to_hex());
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
}
