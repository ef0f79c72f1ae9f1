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

/// Begins a file, in the place of one that is there. A link that is there goes away; what it leads to stays as it is.
pub(crate) fn begin(path: &Path) -> io::Result<File> {
    let new = || File::options().write(true).create_new(true).open(path);
    match new() {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(path)?;
            new()
        }
        made => made,
    }
}

/// Writes a file beside its place, durably, without putting it there yet.
pub(crate) fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<PathBuf> {
    let beside = unfinished(path);
    let mut file = begin(&beside)?;
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

/// Reads a file of at most so many bytes; `None` where there is none. Pipes, sockets and hardware, which may never end, are
/// refused.
pub(crate) fn read_bounded(path: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(data) if !data.is_file() => Err(not_regular()),
        Ok(data) if data.len() > most => {
            Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is larger than {most} bytes")))
        }
        Ok(_) => fs::read(path).map(Some),
    }
}

/// Reads a file that has to be there.
pub(crate) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    read_bounded(path, u64::MAX)?.ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// What is where a file should be.
pub(crate) fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file; remove it")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_link_in_the_way_is_replaced_and_what_it_leads_to_stays() {
        let place = tempfile::tempdir().unwrap();
        let (mine, path) = (place.path().join("thesis.txt"), place.path().join("project.json"));
        fs::write(&mine, "mine").unwrap();
        for link in [unfinished(&path), path.clone()] {
            drop(fs::remove_file(&link));
            std::os::unix::fs::symlink(&mine, &link).unwrap();
            write_durably(&path, b"text").unwrap();
            assert_eq!(
                (fs::read(&mine).unwrap(), fs::read(&path).unwrap()),
                (b"mine".to_vec(), b"text".to_vec())
            );
            assert!(!path.is_symlink() && !unfinished(&path).exists());
        }
    }

    #[test]
    fn a_pipe_is_refused_and_not_waited_for() {
        let place = tempfile::tempdir().unwrap();
        let pipe = place.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(read_file(&pipe).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(read_file(&place.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
