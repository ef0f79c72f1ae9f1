//! Do the pages tell the truth that a program can see? Links lead somewhere, and each invariant names a test that exists.
//!
//! In ARCHITECTURE.md the invariants stand in tables below a heading `## Invariants`. The last cell of a row names the
//! proof: a file in backticks, then the tests in it, each in backticks.

use std::path::Path;

use crate::Result;

/// Pages at the top of the repository; those in `docs/` are found.
const PAGES: &[&str] = &["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];

/// Broken links and invariants without proof, in all pages.
///
/// # Errors
/// When a page cannot be read.
pub fn violations() -> Result<Vec<String>> {
    let root = crate::workspace::root();
    let mut pages: Vec<String> = PAGES.iter().map(|page| (*page).to_owned()).collect();
    if let Ok(folder) = std::fs::read_dir(root.join("docs")) {
        let names = folder.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        pages.extend(names.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}")));
    }
    pages.sort();
    let mut wrong = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(root.join(&page)).map_err(|error| format!("{page}: {error}"))?;
        let folder = root.join(&page).parent().unwrap_or(&root).to_path_buf();
        wrong.extend(
            broken_links(&text, &folder)
                .into_iter()
                .map(|link| format!("{page}: link to {link} leads nowhere")),
        );
        let read = |file: &str| std::fs::read_to_string(root.join(file)).ok();
        wrong.extend(unproved(&text, &read).into_iter().map(|why| format!("{page}: {why}")));
    }
    Ok(wrong)
}

fn broken_links(text: &str, folder: &Path) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    files
        .filter(|target| !folder.join(target.split('#').next().unwrap_or_default()).exists())
        .map(str::to_owned)
        .collect()
}

/// Rows of the invariants' tables whose proof is missing or does not exist; `read` gives the text of a file.
fn unproved(text: &str, read: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("## ") {
            inside = line == "## Invariants";
        }
        let row =
            inside && line.starts_with('|') && !line.starts_with("|--") && !line.starts_with("| invariant");
        if !row {
            continue;
        }
        let proof = line.trim_end_matches([' ', '|']).rsplit('|').next().unwrap_or_default();
        let mut file = None;
        let mut tests = 0;
        for word in proof.split('`').skip(1).step_by(2) {
            if word.ends_with(".rs") {
                file = read(word);
                if file.is_none() {
                    wrong.push(format!("{word} does not exist"));
                }
            } else if file.as_ref().is_some_and(|file| has_test(file, word)) {
                tests += 1;
            } else {
                wrong.push(format!("test {word} is not in the file named before it"));
            }
        }
        if tests == 0 {
            wrong.push(format!("no test holds the invariant {line:?}"));
        }
    }
    wrong
}

/// Whether `file` has a test function `name`: directly, or as a case that a macro such as `proptest!` makes one of.
fn has_test(file: &str, name: &str) -> bool {
    let lines: Vec<&str> = file.lines().map(str::trim).collect();
    let start = format!("fn {name}(");
    lines.iter().enumerate().any(|(at, line)| {
        let above = lines[at.saturating_sub(6)..at]
            .iter()
            .rev()
            .take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        line.starts_with(&start) && above.into_iter().any(|line| line.starts_with("#[test]"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "\
## Invariants

| invariant | held by |
|---|---|
| It holds. | `a.rs`: `holds`, `holds_twice` |
";

    fn file(name: &str) -> Option<String> {
        (name == "a.rs").then(|| "#[test]\nfn holds() {}\n    #[test]\n    // Why.\n    fn holds_twice(x in 0..3) {}\nfn helper() {}\n".to_owned())
    }

    #[test]
    fn an_invariant_with_its_tests_stands() {
        assert_eq!(unproved(PAGE, &file), Vec::<String>::new());
    }

    #[test]
    fn a_test_that_was_renamed_or_is_no_test_and_a_file_that_is_gone_are_named() {
        assert_eq!(
            unproved(&PAGE.replace("holds_twice", "gone"), &file),
            ["test gone is not in the file named before it"]
        );
        assert_eq!(unproved(&PAGE.replace("holds_twice", "helper"), &file).len(), 1);
        assert!(unproved(&PAGE.replace("a.rs", "b.rs"), &file).contains(&"b.rs does not exist".to_owned()));
    }

    #[test]
    fn an_invariant_without_proof_is_named_and_other_tables_are_left_alone() {
        assert_eq!(unproved("## Invariants\n| It holds. | surely |\n", &file).len(), 1);
        assert!(unproved("## Map\n| crate | purpose |\n", &file).is_empty());
    }

    #[test]
    fn links_to_missing_files_are_named() {
        let folder = crate::workspace::root();
        let text = "[a](xtask/src/main.rs) [b](https://example.org/x) [c](no-such-file.md#part) [d](#here)";
        assert_eq!(broken_links(text, &folder), ["no-such-file.md#part"]);
    }
}
