//! Every crate that is built in must come under a licence of the allow-list.
//!
//! `cargo deny` checks the same and security advisories; it is a program of its own that a fresh machine lacks, and its
//! advisory data needs the network. This check needs neither, so it always runs. `deny.toml` repeats the list, and a
//! test holds the two together.

use cargo_metadata::Metadata;

use crate::spdx::Expression;

/// Licences that a dependency may come under (SPDX identifiers).
const ALLOWED: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Zlib",
];

/// Crates whose licence cannot be satisfied from the allow-list, or cannot be read.
pub fn violations(metadata: &Metadata) -> Vec<String> {
    let foreign = metadata.packages.iter().filter(|package| package.source.is_some());
    foreign
        .filter_map(|package| {
            judge(package.license.as_deref())
                .err()
                .map(|why| format!("{} {}: {why}", package.name, package.version))
        })
        .collect()
}

/// Crates that are built in more than one version, as one line each (for information: they cost build time).
pub fn duplicates(metadata: &Metadata) -> Vec<String> {
    let mut versions = std::collections::BTreeMap::<&str, Vec<String>>::new();
    for package in &metadata.packages {
        versions.entry(package.name.as_str()).or_default().push(package.version.to_string());
    }
    versions.retain(|_, list| list.len() > 1);
    versions.into_iter().map(|(name, list)| format!("{name} {}", list.join(", "))).collect()
}

fn judge(licence: Option<&str>) -> Result<(), String> {
    let text = licence.ok_or("names no licence: read its licence file, then decide")?;
    let expression =
        Expression::parse(text).map_err(|why| format!("licence {text:?} cannot be read: {why}"))?;
    // A trailing plus means this version or a later one: we take this one.
    if expression.allowed(&|name| ALLOWED.contains(&name.trim_end_matches('+'))) {
        Ok(())
    } else {
        Err(format!("licence {text:?} is not in the allow-list (xtask/src/licences.rs and deny.toml)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copyleft_and_missing_licences_are_refused() {
        assert!(judge(Some("MIT OR Apache-2.0")).is_ok());
        assert!(judge(Some("(MIT OR Apache-2.0) AND Unicode-3.0")).is_ok());
        assert!(judge(Some("LGPL-2.1-or-later OR MIT")).is_ok());
        assert!(judge(Some("MPL-2.0+")).is_ok());
        for refused in
            [Some("GPL-3.0-only"), Some("GPL-2.0+"), Some("MIT AND GPL-2.0"), Some("MIT AND"), None]
        {
            assert!(judge(refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn deny_toml_allows_the_same_licences() {
        let text = std::fs::read_to_string(crate::workspace::root().join("deny.toml")).unwrap();
        let list = text.split_once("allow = [").unwrap().1.split_once(']').unwrap().0;
        let listed: Vec<&str> = list.split('"').skip(1).step_by(2).collect();
        assert_eq!(listed, ALLOWED);
    }

    #[test]
    fn every_crate_in_the_lock_file_is_allowed() {
        let metadata = crate::workspace::metadata().unwrap();
        assert!(metadata.packages.iter().any(|package| package.source.is_some()));
        assert_eq!(violations(&metadata), Vec::<String>::new());
    }
}
