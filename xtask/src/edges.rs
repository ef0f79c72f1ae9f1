//! Which crate may use which: the one table, and the check that holds the workspace to it.
//!
//! The table is read from top to bottom: a crate uses only crates above it, and of those only the ones it names.
//! If it turns out wrong, change it here and say why in ARCHITECTURE.md.

use cargo_metadata::{DependencyKind, Metadata};

/// One crate of the workspace and the crates it may use in its normal and build dependencies.
struct Rule {
    /// Package name without the `omega-` prefix.
    name: &'static str,
    uses: Uses,
}

enum Uses {
    /// These and no others.
    Only(&'static [&'static str]),
    /// All of the workspace: a crate that nothing shipped depends on.
    Any,
}

use Uses::{Any, Only};

const TABLE: &[Rule] = &[
    Rule { name: "time", uses: Only(&[]) },
    Rule { name: "rt", uses: Only(&[]) },
    Rule { name: "dsp", uses: Only(&[]) },
    Rule { name: "processor", uses: Only(&["time", "rt"]) },
    Rule { name: "graph", uses: Only(&["time", "processor"]) },
    Rule { name: "engine", uses: Only(&["time", "rt", "dsp", "processor", "graph"]) },
    Rule { name: "devices", uses: Only(&["time", "rt", "dsp", "processor"]) },
    Rule { name: "audio-io", uses: Only(&["time", "rt", "dsp"]) },
    Rule { name: "session", uses: Only(&["time", "processor"]) },
    Rule { name: "media", uses: Only(&["time", "rt", "dsp"]) },
    Rule { name: "interchange", uses: Only(&["time", "session", "media"]) },
    Rule { name: "plugin", uses: Only(&["time", "rt", "processor"]) },
    Rule { name: "net", uses: Only(&["time", "rt", "session"]) },
    Rule { name: "lowering", uses: Only(&["time", "session", "graph", "processor", "devices"]) },
    Rule {
        name: "studio",
        uses: Only(&[
            "time",
            "rt",
            "dsp",
            "processor",
            "graph",
            "engine",
            "devices",
            "audio-io",
            "session",
            "media",
            "interchange",
            "plugin",
            "net",
            "lowering",
        ]),
    },
    Rule { name: "gui", uses: Only(&["studio"]) },
    Rule { name: "cli", uses: Only(&["studio", "gui"]) },
    Rule { name: "signals", uses: Only(&[]) },
    Rule { name: "testplugs", uses: Only(&[]) },
    Rule { name: "testkit", uses: Any },
    Rule { name: "bench", uses: Any },
    Rule { name: "fuzz", uses: Any },
    Rule { name: "ladder", uses: Any },
    Rule { name: "xtask", uses: Only(&[]) },
];

/// What tests may use besides the crate's own row.
const DEV_ONLY: &[&str] = &["signals", "testplugs", "testkit"];

/// One workspace crate and its dependencies inside the workspace, by short name.
struct Member {
    name: String,
    uses: Vec<(String, DependencyKind)>,
}

/// Edges of this workspace that the table does not allow, and crates that it does not know.
pub fn violations(metadata: &Metadata) -> Vec<String> {
    judge(&members(metadata))
}

fn members(metadata: &Metadata) -> Vec<Member> {
    let packages = metadata.workspace_packages();
    let inside = |name: &str| packages.iter().any(|package| package.name.as_str() == name);
    packages
        .iter()
        .map(|package| Member {
            name: short(package.name.as_str()),
            uses: package
                .dependencies
                .iter()
                .filter(|dependency| inside(&dependency.name))
                .map(|dependency| (short(&dependency.name), dependency.kind))
                .collect(),
        })
        .collect()
}

fn short(package: &str) -> String {
    package.strip_prefix("omega-").unwrap_or(package).to_owned()
}

fn judge(members: &[Member]) -> Vec<String> {
    let mut wrong = Vec::new();
    for member in members {
        let Some(rule) = TABLE.iter().find(|rule| rule.name == member.name) else {
            wrong.push(format!(
                "crate {} has no row in xtask/src/edges.rs: add one that says what it may use",
                member.name
            ));
            continue;
        };
        for (used, kind) in &member.uses {
            let dev = *kind == DependencyKind::Development;
            // Its own tests may switch on a crate's features: a development dependency on itself.
            let itself = dev && *used == member.name;
            let allowed = itself
                || match rule.uses {
                    Any => true,
                    Only(list) => list.contains(&used.as_str()) || (dev && DEV_ONLY.contains(&used.as_str())),
                };
            if !allowed {
                let how = if dev { "dev-dependency" } else { "dependency" };
                wrong.push(format!(
                    "{} -> {used}: the crate table forbids this {how} (xtask/src/edges.rs)",
                    member.name
                ));
            }
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, uses: &[(&str, DependencyKind)]) -> Member {
        let uses = uses.iter().map(|(used, kind)| ((*used).to_owned(), *kind)).collect();
        Member { name: name.to_owned(), uses }
    }

    #[test]
    fn a_seeded_forbidden_edge_is_named() {
        let wrong = judge(&[member(
            "session",
            &[("time", DependencyKind::Normal), ("engine", DependencyKind::Normal)],
        )]);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(wrong[0].starts_with("session -> engine"), "{wrong:?}");
    }

    #[test]
    fn a_build_dependency_counts_as_a_dependency() {
        let wrong = judge(&[member("time", &[("rt", DependencyKind::Build)])]);
        assert!(wrong[0].starts_with("time -> rt"), "{wrong:?}");
    }

    #[test]
    fn tests_may_use_the_test_crates_and_nothing_else_besides() {
        use DependencyKind::{Development, Normal};
        assert!(judge(&[member("dsp", &[("signals", Development), ("testkit", Development)])]).is_empty());
        assert_eq!(judge(&[member("dsp", &[("signals", Normal)])]).len(), 1);
        assert_eq!(judge(&[member("dsp", &[("engine", Development)])]).len(), 1);
    }

    #[test]
    fn an_unknown_crate_is_refused() {
        let wrong = judge(&[member("mystery", &[])]);
        assert!(wrong[0].contains("mystery has no row"), "{wrong:?}");
    }

    #[test]
    fn every_row_uses_only_rows_above_it() {
        for (at, rule) in TABLE.iter().enumerate() {
            let Only(list) = rule.uses else { continue };
            for used in list {
                let above = TABLE[..at].iter().any(|other| other.name == *used);
                assert!(above, "{} may use {used}, which is not above it", rule.name);
            }
        }
    }

    #[test]
    fn this_workspace_keeps_to_the_table() {
        let metadata = crate::workspace::metadata().unwrap();
        assert!(members(&metadata).iter().any(|member| member.name == "cli" && !member.uses.is_empty()));
        assert_eq!(violations(&metadata), Vec::<String>::new());
    }
}
