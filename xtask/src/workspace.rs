//! What cargo knows about this workspace, and the files in it.

use std::path::{Path, PathBuf};

use cargo_metadata::{Metadata, MetadataCommand};

use crate::Result;

/// The repository's top folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// `cargo metadata` of everything in the lock file, on all platforms.
///
/// # Errors
/// When the manifests and `Cargo.lock` disagree (the lock file is pinned), or crates cannot be fetched.
pub fn metadata() -> Result<Metadata> {
    let metadata = MetadataCommand::new()
        .current_dir(root())
        .other_options(vec!["--locked".to_owned()])
        .exec()
        .map_err(|error| format!("cargo metadata --locked: {error}"))?;
    Ok(metadata)
}

/// Every Rust source file of the repository, as (path relative to the top folder, text), sorted by path.
///
/// # Errors
/// When a folder or file cannot be read, or is not UTF-8.
pub fn sources() -> Result<Vec<(String, String)>> {
    let root = root();
    let mut found = Vec::new();
    for folder in ["crates", "xtask", "bench", "fuzz", "ladder", "examples"] {
        walk(&root, &root.join(folder), &mut found)?;
    }
    found.sort();
    Ok(found)
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<(String, String)>) -> Result {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "target" && !name.starts_with('.') {
                walk(root, &path, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text =
                std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let relative = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            found.push((relative, text));
        }
    }
    Ok(())
}
