//! Files of a session: copies under another name, templates, media brought in and cleaned up.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{FileError, MediaError, SaveError};
use super::{Applied, Document, Home, OpenOptions};
use crate::edit::{Edit, MediaRelink};
use crate::folder::{self, files};
use crate::model::fact::SEPARATOR;
use crate::model::{MediaId, Project};

/// Whether a file holds the audio that an id names.
pub type HoldsMedia = fn(id: &MediaId, file: &Path) -> bool;

/// What cleaning up removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// The files, relative to the session's folder.
    pub files: Vec<PathBuf>,
    /// Their bytes.
    pub bytes: u64,
    /// Folders that were left alone because they are links: others may use what they lead to.
    pub linked: Vec<PathBuf>,
}

impl Document {
    /// Saves, copies the whole session and goes on with the copy. The original is closed as it was saved; one that is open
    /// read-only is copied as it is. What folders of it link to is copied as well.
    ///
    /// # Errors
    /// [`SaveError`]; this document then still is the original.
    pub fn save_as(&mut self, path: impl AsRef<Path>) -> Result<(), SaveError> {
        let path = path.as_ref();
        if path.symlink_metadata().is_ok() {
            return Err(SaveError::Exists(path.to_owned()));
        }
        if !self.is_read_only() {
            self.save()?;
        }
        let Some(from) = self.folder().map(Path::to_owned) else { return Err(SaveError::NoPlace) };
        let beside = files::unfinished(path);
        let copied = copy_session(&from, &beside).and_then(|()| files::put_in_place(&beside, path));
        if let Err(source) = copied {
            let _ = fs::remove_dir_all(&beside);
            return Err(FileError { path: path.to_owned(), source }.into());
        }
        let options = OpenOptions { time: self.time, ..OpenOptions::new(&self.author) };
        let params = self.params;
        *self = Self::open(path, &options).map_err(Box::new)?;
        self.params = params;
        Ok(())
    }

    /// Writes a template: the text of the session without clips, media and recorded automation, to start others from
    /// with [`CreateOptions::template`](super::CreateOptions).
    ///
    /// # Errors
    /// [`FileError`] if it cannot be written.
    pub fn save_template(&self, path: impl AsRef<Path>) -> Result<(), FileError> {
        let path = path.as_ref();
        files::write_durably(path, self.project.as_template().to_text().as_bytes())
            .map_err(FileError::at(path))
    }

    /// Copies media that lie outside into the session, as one edit. `holds` says whether a file holds the audio that an id
    /// names: a document knows no audio.
    ///
    /// # Errors
    /// [`MediaError`], naming the file; the session is then as it was before.
    pub fn collect_media(&mut self, holds: HoldsMedia) -> Result<Applied, MediaError> {
        let Home::Folder(folder) = &self.home else { return Err(MediaError::NoPlace) };
        let folder = folder.path().to_owned();
        let mut edits: Vec<Edit> = Vec::new();
        for (id, media) in self.project.media().iter().filter(|(_, media)| !media.is_collected()) {
            let source = folder.join(&media.file);
            let ending = source
                .extension()
                .map_or_else(String::new, |ending| format!(".{}", ending.to_string_lossy()));
            let file = format!("{}/{id}{ending}", folder::MEDIA);
            collect(id, &source, &folder.join(&file), holds)?;
            edits.push(MediaRelink { id: id.clone(), file }.into());
        }
        let media = folder.join(folder::MEDIA);
        files::sync_folder(&media).map_err(FileError::at(media))?;
        Ok(self.apply_group("media.collect", &edits)?)
    }

    /// Files in `media/` and `plugins/` that neither the session nor any entry of its history names, nor a take that waits in
    /// `recording/`. Files whose name ends in `.tmp` or `.part` are being written and are left alone.
    ///
    /// # Errors
    /// [`FileError`] if a folder or the history cannot be read.
    pub fn unused_files(&self) -> Result<Cleaned, FileError> {
        let mut unused = Cleaned::default();
        let Some(folder) = self.folder() else { return Ok(unused) };
        let mut named = self.names_in_history()?;
        named.extend(names_of_takes(&folder.join(folder::RECORDING))?);
        for inner in [folder::MEDIA, folder::PLUGINS] {
            let relative = Path::new(inner);
            let inner = folder.join(inner);
            if inner.is_symlink() {
                unused.linked.push(relative.to_owned());
                continue;
            }
            let entries = match fs::read_dir(&inner) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                entries => entries.map_err(FileError::at(&inner))?,
            };
            for entry in entries {
                let path = entry.map_err(FileError::at(&inner))?.path();
                let stem =
                    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
                let relative = path.strip_prefix(folder).unwrap_or(&path).to_owned();
                let busy = path.extension().is_some_and(|ending| ending == "tmp" || ending == "part");
                let wanted = named.contains(&stem) || named.contains(&*relative.to_string_lossy());
                let data = fs::symlink_metadata(&path).map_err(FileError::at(&path))?;
                if data.is_file() && !busy && !wanted {
                    unused.bytes += data.len();
                    unused.files.push(relative);
                }
            }
        }
        unused.files.sort();
        Ok(unused)
    }

    /// Removes [`Document::unused_files`]. No undo ever needs them.
    ///
    /// # Errors
    /// [`MediaError`] if the session is read-only or a file cannot be removed.
    pub fn clean_up(&mut self) -> Result<Cleaned, MediaError> {
        let Home::Folder(folder) = &self.home else { return Err(MediaError::NoPlace) };
        let folder = folder.path().to_owned();
        let unused = self.unused_files()?;
        for file in &unused.files {
            let path = folder.join(file);
            fs::remove_file(&path).map_err(FileError::at(path))?;
        }
        Ok(unused)
    }

    /// Every media id, media file and plugin state that any entry ever named.
    fn names_in_history(&self) -> Result<BTreeSet<String>, FileError> {
        let mut named = BTreeSet::new();
        let mut note = |path: &str, values: [Option<&serde_json::Value>; 2]| {
            let segments: Vec<&str> = path.split(SEPARATOR).collect();
            if let ["media", id, ..] = segments[..] {
                named.insert(id.to_owned());
            }
            let names = matches!(
                segments[..],
                ["media", _, "file"] | ["clips", _, "media"] | ["devices", _, "state"]
            );
            let texts = values.into_iter().flatten().filter_map(serde_json::Value::as_str);
            named.extend(texts.filter(|_| names).map(str::to_owned));
        };
        for (path, value) in self.state.facts() {
            note(path, [Some(value), None]);
        }
        for entry in self.journal.entries() {
            let path = self.folder().unwrap_or("memory".as_ref());
            for delta in entry.place.record().map_err(FileError::at(path))?.header.changes {
                note(&delta.path, [delta.before.as_ref(), delta.after.as_ref()]);
            }
        }
        Ok(named)
    }
}

/// The media files of takes that are complete and have no place in the session yet.
fn names_of_takes(recording: &Path) -> Result<Vec<String>, FileError> {
    let entries = match fs::read_dir(recording) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(FileError::at(recording))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let path = entry.map_err(FileError::at(recording))?.path();
        if path.extension().is_some_and(|ending| ending == "take") {
            let log = files::read_bounded(&path, 64 << 20).map_err(FileError::at(&path))?;
            let log = String::from_utf8_lossy(&log.unwrap_or_default()).into_owned();
            let kept = log.lines().filter_map(|line| line.strip_prefix("kept "));
            names.extend(kept.map(|name| format!("{}/{name}", folder::MEDIA)));
        }
    }
    Ok(names)
}

impl Project {
    /// This project without what belongs to one piece of music: clips, takes, comps, media, lanes, markers.
    #[must_use]
    pub fn as_template(&self) -> Self {
        let mut template = self.clone();
        self.clips().keys().for_each(|id| drop(template.remove_clip(id)));
        self.takes().keys().for_each(|id| drop(template.remove_take(id)));
        self.comp().keys().for_each(|id| drop(template.remove_comp(id)));
        self.media().keys().for_each(|id| drop(template.remove_media(id)));
        self.lanes().keys().for_each(|id| drop(template.remove_lane(id)));
        self.markers().keys().for_each(|id| drop(template.remove_marker(id)));
        template
    }
}

/// Copies a file to its place, if it is what its id says (an id that is no hash says nothing).
fn collect(id: &MediaId, from: &Path, to: &Path, holds: HoldsMedia) -> Result<(), MediaError> {
    if to.exists() {
        return Ok(());
    }
    let beside = files::unfinished(to);
    let copied = copy_checked(id, from, &beside, holds);
    let placed = copied.and_then(|()| fs::rename(&beside, to).map_err(failed(id, to)));
    if placed.is_err() {
        // A half of it is of no use, and takes room where there is none.
        let _ = fs::remove_file(&beside);
    }
    placed
}

fn failed(id: &MediaId, path: &Path) -> impl FnOnce(io::Error) -> MediaError {
    let (id, path) = (id.clone(), path.to_owned());
    move |source| MediaError::File { id, source: FileError { path, source } }
}

fn copy_checked(id: &MediaId, from: &Path, beside: &Path, holds: HoldsMedia) -> Result<(), MediaError> {
    // A pipe has to be refused before it is opened, which waits for somebody at its other end.
    if !fs::metadata(from).map_err(failed(id, from))?.is_file() {
        return Err(failed(id, from)(files::not_regular()));
    }
    let mut source = fs::File::open(from).map_err(failed(id, from))?;
    let mut copy = files::begin(beside).map_err(failed(id, beside))?;
    io::copy(&mut source, &mut copy).map_err(failed(id, from))?;
    copy.sync_all().map_err(failed(id, beside))?;
    if id.as_str().len() == 64 && !holds(id, beside) {
        return Err(MediaError::Changed { id: id.clone(), path: from.to_owned() });
    }
    Ok(())
}

/// Copies all of a session but its cache and its lock.
fn copy_session(from: &Path, to: &Path) -> io::Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == folder::CACHE || name == "lock" || name == ".git" {
            continue;
        }
        let (from, to) = (entry.path(), to.join(&name));
        let ours = [folder::HISTORY, folder::MEDIA, folder::PLUGINS].iter().any(|inner| name == **inner);
        // Where a folder of the session lies elsewhere, the copy gets what is in it.
        if ours && from.is_dir() { copy_folder(&from, &to)? } else { copy_all(&from, &to)? }
    }
    files::sync_folder(to)
}

fn copy_folder(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy_all(&entry.path(), &to.join(entry.file_name()))?;
    }
    files::sync_folder(to)
}

/// Copies a file, also one that a link leads to, or a folder with what is in it. Links that lead to folders or nowhere stay
/// links, and pipes and sockets, which hold nothing, are left out.
fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    let own = fs::symlink_metadata(from)?;
    let meant = fs::metadata(from).ok();
    if own.is_dir() {
        copy_folder(from, to)
    } else if meant.as_ref().is_some_and(fs::Metadata::is_file) {
        fs::copy(from, to)?;
        fs::File::open(to)?.sync_all()
    } else if own.is_symlink() && meant.is_none_or(|meant| meant.is_dir()) {
        copy_link(from, to)
    } else {
        Ok(())
    }
}

/// The same link, made absolute, for the copy may lie elsewhere.
fn copy_link(from: &Path, to: &Path) -> io::Result<()> {
    let target = from.canonicalize().or_else(|_| fs::read_link(from))?;
    #[cfg(unix)]
    std::os::unix::fs::symlink(target, to)?;
    #[cfg(not(unix))]
    let _ = (target, to);
    Ok(())
}
