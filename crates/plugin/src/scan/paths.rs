//! Where plugins lie on this system, by the rules of CLAP's `entry.h`, and where what was found is remembered.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Folders within folders that are gone into.
const DEEPEST: usize = 8;
/// Files that are looked at.
const MOST: usize = 10_000;

/// Folders in which plugins are looked for, those of the user first. `CLAP_PATH` adds to them.
#[must_use]
pub fn search_folders() -> Vec<PathBuf> {
    folders(&|name| std::env::var_os(name))
}

fn folders(variable: &dyn Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = Vec::new();
    if let Some(paths) = variable("CLAP_PATH") {
        all.extend(std::env::split_paths(&paths).filter(|path| path.is_absolute()));
    }
    let below = |variable: Option<OsString>, rest: &str| {
        variable.map(PathBuf::from).filter(|path| path.is_absolute()).map(|path| path.join(rest))
    };
    if cfg!(windows) {
        all.extend(below(variable("LOCALAPPDATA"), "Programs/Common/CLAP"));
        all.extend(below(variable("COMMONPROGRAMFILES"), "CLAP"));
    } else if cfg!(target_os = "macos") {
        all.extend(below(variable("HOME"), "Library/Audio/Plug-Ins/CLAP"));
        all.push("/Library/Audio/Plug-Ins/CLAP".into());
    } else {
        all.extend(below(variable("HOME"), ".clap"));
        all.push("/usr/lib/clap".into());
        all.push("/usr/local/lib/clap".into());
    }
    let mut seen = BTreeSet::new();
    all.retain(|folder| seen.insert(folder.clone()));
    all
}

/// The file in which a scan is remembered: in the user's folder for what can be lost.
#[must_use]
pub fn cache_file() -> Option<PathBuf> {
    let variable =
        |name| std::env::var_os(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
    let folder = if cfg!(windows) {
        variable("LOCALAPPDATA")?
    } else if cfg!(target_os = "macos") {
        variable("HOME")?.join("Library/Caches")
    } else {
        variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")))?
    };
    Some(folder.join("omegastudio/plugins.json"))
}

/// The plugin files in a folder and in those within it, by name. What cannot be read is left out.
pub(super) fn plugin_files(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    let mut entered = BTreeSet::new();
    enter(folder, 0, &mut entered, found);
}

fn enter(folder: &Path, depth: usize, entered: &mut BTreeSet<PathBuf>, found: &mut BTreeSet<PathBuf>) {
    // A folder that leads back into itself is entered once.
    let Ok(real) = folder.canonicalize() else { return };
    if depth > DEEPEST || !entered.insert(real) {
        return;
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    for path in paths {
        let is_plugin = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("clap"));
        // On macOS a plugin is a folder.
        if is_plugin && (path.is_file() || cfg!(target_os = "macos")) {
            if found.len() < MOST {
                found.insert(path);
            }
        } else if path.is_dir() {
            enter(&path, depth + 1, entered, found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn folders_come_from_the_environment_and_the_system() {
        let variable = |name: &str| match name {
            "CLAP_PATH" => Some("/a/b:relative:/c:/usr/lib/clap".into()),
            "HOME" => Some("/home/me".into()),
            _ => None,
        };
        let expected = ["/a/b", "/c", "/usr/lib/clap", "/home/me/.clap", "/usr/local/lib/clap"];
        assert_eq!(folders(&variable), expected.map(PathBuf::from));
        assert_eq!(folders(&|_| None), ["/usr/lib/clap", "/usr/local/lib/clap"].map(PathBuf::from));
    }

    #[test]
    #[cfg(unix)]
    fn files_are_found_in_folders_that_lead_back_into_themselves() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("vendor");
        std::fs::create_dir(&inner).unwrap();
        for name in ["b.clap", "A.CLAP", "c.so", "vendor/d.clap"] {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        std::os::unix::fs::symlink(folder.path(), inner.join("again")).unwrap();
        let mut found = BTreeSet::new();
        plugin_files(folder.path(), &mut found);
        let names: Vec<_> = found.iter().map(|path| path.strip_prefix(folder.path()).unwrap()).collect();
        assert_eq!(names, ["A.CLAP", "b.clap", "vendor/d.clap"].map(Path::new));
        plugin_files(Path::new("/nowhere"), &mut found);
    }
}
