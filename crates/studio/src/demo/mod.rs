//! A song that makes itself: for trying things out, for measuring, and for tests.
//!
//! All its sounds are synthesised here, from fixed seeds and with deterministic arithmetic, so that the same demo comes
//! out on every machine: the same media, ids and `project.json`. It has thirteen tracks, three buses, two returns that
//! feed back into each other, side-chains, automation in every shape, changes of tempo and meter, and lasts about 66 seconds.

mod material;
mod song;
mod synth;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use omega_media::{CreateError, Depth, Format, WriteError, Writer};
use omega_session::edit::{Edit, EditError};
use omega_session::model::{IdError, MediaId, Project};

use crate::import::{Import, import};
use material::Material;
use song::Song;

/// The session's rate.
pub const DEMO_RATE: u32 = 48_000;
/// The low pass of 12 dB an octave in the equaliser's list of shapes.
const LOW_PASS: f64 = 6.0;

/// Why there is no demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A folder for the sounds cannot be made, or not be removed.
    #[error("cannot use the folder '{}' for the sounds of the demo: {error}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: std::io::Error,
    },
    /// A sound cannot be written.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A sound cannot be written to its end.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A sound cannot be imported.
    #[error("{0}")]
    Import(String),
    /// The session refuses: it is not a new one.
    #[error("the demo needs a new session at 48,000 frames per second: {0}")]
    Edit(#[from] EditError),
    /// The arrangement names a sound that there is none of.
    #[error("the demo has no sound {0:?}")]
    Sound(String),
    /// The arrangement has an id, a tempo or a place that is none.
    #[error("the demo is written wrongly: {0}")]
    Text(String),
}

macro_rules! texts {
    ($($error:ty),*) => { $(
        impl From<$error> for DemoError {
            fn from(error: $error) -> Self {
                Self::Text(error.to_string())
            }
        }
    )* };
}
texts!(IdError, omega_time::TempoError, omega_time::TimeSignatureError, omega_time::TimeRangeError);

/// Makes the sounds of the demo, imports them into the media folder of the session at `root`, and gives the edits that turn
/// a new `project` into the demo, to be applied as one group. Takes some seconds.
///
/// # Errors
/// [`DemoError`].
pub fn demo(project: &Project, root: &Path) -> Result<Vec<Edit>, DemoError> {
    let mut song = Song::new();
    song.frame()?;
    song.tracks()?;
    song.devices(&|kind| omega_devices::registry::descriptor(kind).is_some())?;
    let framed = Edit::try_all(&song.edits, project, [0; 32])?;
    let (media, pool) = pool(project, root)?;
    song.edits.extend(media);
    song.clips(&pool, &framed.tempo_map())?;
    Ok(song.edits)
}

/// The sounds as edits, and the media of each.
fn pool(project: &Project, root: &Path) -> Result<(Vec<Edit>, BTreeMap<String, MediaId>), DemoError> {
    let folder = root.join("cache").join("demo");
    let refused = |error| DemoError::Folder { path: folder.clone(), error };
    std::fs::create_dir_all(&folder).map_err(refused)?;
    let sounds = material::all();
    let paths = sounds.iter().map(|sound| write(sound, &folder)).collect::<Result<Vec<PathBuf>, _>>()?;
    let options = Import { pool_only: true, ..Import::default() };
    let mut outcome = import(project, root, &paths, &options, &mut |_, _| ControlFlow::Continue(()));
    std::fs::remove_dir_all(&folder).map_err(refused)?;
    if let Some(failure) = outcome.failed.first() {
        return Err(DemoError::Import(failure.why.clone()));
    }
    for edit in &mut outcome.edits {
        // Where the sounds lay for a moment says nothing, and differs each time.
        if let Edit::MediaAdd(add) = edit
            && let Some(origin) = &mut add.origin
        {
            origin.path = format!("demo/{}", add.name);
        }
    }
    let pool =
        sounds.iter().zip(&outcome.imported).map(|(sound, file)| (sound.name.clone(), file.media.clone()));
    let pool = pool.collect();
    Ok((outcome.edits, pool))
}

fn write(sound: &Material, folder: &Path) -> Result<PathBuf, DemoError> {
    let path = folder.join(format!("{}.wav", sound.name));
    let mut writer = Writer::create(&path, Format::wav(Depth::Int24, sound.channels.len(), DEMO_RATE))?;
    writer.write(&sound.channels)?;
    writer.finish()?;
    Ok(path)
}
