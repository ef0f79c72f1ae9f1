//! Writing files so that a kill at any moment leaves the old or the new.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Makes the names in a folder durable. Where folders cannot be opened as files (Windows) the system does it.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// The name that a file has while it is written.
pub(crate) fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".tmp");
    path.with_file_name(name)
}

/// Writes a file beside its place, durably, without putting it there yet.
pub(crate) fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let beside = unfinished(path);
    let mut file = File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    Ok(beside)
}

/// Puts a file that was written beside its place there, durably.
pub(crate) fn put_in_place(beside: &Path, path: &Path) -> io::Result<()> {
    fs::rename(beside, path)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    sync_folder(folder.unwrap_or(Path::new(".")))
}

/// Writes a whole file durably.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    put_in_place(&write_beside(path, bytes)?, path)
}

/// Reads a file of at most so many bytes; `None` where there is none.
pub(crate) fn read_bounded(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(data) if data.len() > most => {
            Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {most} bytes")))
        }
        Ok(_) => fs::read(path).map(Some),
    }
}
