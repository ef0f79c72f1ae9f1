//! `cargo xtask check`: what can be known without running the programs.

use crate::shell::{self, Stages};
use crate::{Result, claims, edges, fences, licences, sources, workspace};

/// Runs every check and reports all failures together. `quick` leaves out what compiles.
///
/// # Errors
/// Names the checks that failed.
pub fn run(quick: bool) -> Result {
    let mut stages = Stages::default();
    add_stages(&mut stages, quick);
    stages.finish()
}

/// The checks as stages, for a caller that has more of its own.
pub fn add_stages(stages: &mut Stages, quick: bool) {
    stages.stage("crate edges", || verdict(&edges::violations(&workspace::metadata()?)));
    stages.stage("licences", check_licences);
    stages.stage("fences", || verdict(&fences::violations()?));
    stages.stage("sources", check_sources);
    stages.stage("pages", || verdict(&claims::violations()?));
    stages.stage("formatting", || shell::run(&mut shell::cargo(&["fmt", "--all", "--check"])));
    if quick {
        return;
    }
    stages.stage("lints", || {
        let targets = ["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"];
        shell::run(&mut shell::cargo(&targets))
    });
    stages.stage("docs", || {
        let mut command = shell::cargo(&["doc", "--locked", "--workspace", "--no-deps"]);
        shell::run(command.env("RUSTDOCFLAGS", "-D warnings"))
    });
}

fn check_licences() -> Result {
    let metadata = workspace::metadata()?;
    let duplicates = licences::duplicates(&metadata);
    if !duplicates.is_empty() {
        println!("crates in more than one version (all platforms): {}", duplicates.join("; "));
    }
    verdict(&licences::violations(&metadata))?;
    if !shell::succeeds(&mut shell::cargo(&["deny", "--version"])) {
        println!("SKIPPED: security advisories: cargo-deny is not installed (cargo install cargo-deny)");
        return Ok(());
    }
    shell::run(&mut shell::cargo(&["deny", "check", "bans", "licenses", "sources"]))?;
    if shell::succeeds(&mut shell::cargo(&["deny", "fetch", "db"])) {
        shell::run(&mut shell::cargo(&["deny", "check", "advisories"]))
    } else {
        println!("SKIPPED: security advisories: their database cannot be fetched from here");
        Ok(())
    }
}

fn check_sources() -> Result {
    let sources = workspace::sources()?;
    println!("unsafe code in: {}", listed(&sources::unsafe_inventory(&sources)));
    println!("files over 600 lines: {}", listed(&sources::long_files(&sources)));
    verdict(&sources::violations(&sources))
}

fn listed(list: &[String]) -> String {
    if list.is_empty() { "none".to_owned() } else { list.join(", ") }
}

fn verdict(wrong: &[String]) -> Result {
    if wrong.is_empty() {
        return Ok(());
    }
    for fault in wrong {
        eprintln!("  {fault}");
    }
    Err(format!("{} fault(s), see above", wrong.len()).into())
}
