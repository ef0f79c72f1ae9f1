//! Can the callback panic, or come to the heap, a lock or the system? Read off this program's own machine code.
//!
//! From the *roots* every function is followed whose address the code names. An address that is computed at run time cannot be
//! followed: those are calls through `dyn Processor`, `dyn PcmSource`, and batch functions. Their targets are roots
//! themselves: all methods of the contract of all devices, and of the sources that play live, in memory and streamed.
//!
//! What is reached must not be one of the standard library's ways to panic, and may come from no library but for moving memory.

mod code;
pub mod seeded;

use std::collections::{BTreeMap, VecDeque};

use code::Code;
use omega_devices::note_player::NotePlayer;
use omega_devices::note_tape::NoteTape;
use omega_processor::Processor;

use crate::Outcome;

/// Where the audio thread comes in.
const CALLBACK: &str = "omega_ladder::watch::callback";

/// Methods that the audio thread calls on a processor or a source.
const CONTRACT: [(&str, &[&str]); 2] = [
    (
        "omega_processor::Processor>::",
        &[
            "process",
            "reset",
            "latency",
            "tail",
            "exchange",
            "state_words",
            "save_state",
            "restore_state",
            "batch",
        ],
    ),
    ("omega_rt::pcm::PcmSource>::", &["channels", "frames", "read", "steer", "slice"]),
];

/// What lies between hardware and the callback, where the two differ in rate or have a clock each.
const EDGE: [&str; 3] = [
    "<omega_audio_io::edge::Edge as omega_audio_io::callback::AudioCallback>::process",
    "omega_audio_io::bridge::Inlet::write",
    "omega_audio_io::bridge::Outlet::read",
];

/// What has the contract, and is never called on the audio thread: the ladder itself, test devices, and the source that
/// reads files when it is asked, for rendering.
const ELSEWHERE: [&str; 3] = ["omega_ladder", "omega_testkit", "omega_media::stream::offline::"];

/// Roots that must be in the program, and how many of each: where one is missing, nothing is proved.
const NEEDED: [(&str, usize); 14] = [
    (CALLBACK, 1),
    (EDGE[0], 1),
    (EDGE[1], 1),
    (EDGE[2], 1),
    ("omega_processor::Processor>::process", 10),
    ("<omega_devices::tape::Tape as omega_processor::Processor>::process", 1),
    ("<omega_devices::monitor::InputMonitor as omega_processor::Processor>::process", 1),
    ("<omega_devices::metronome::Metronome as omega_processor::Processor>::process", 1),
    ("<omega_devices::note_tape::NoteTape as omega_processor::Processor>::process", 1),
    ("<omega_devices::note_player::NotePlayer as omega_processor::Processor>::process", 1),
    ("<omega_plugin::node::PluginProcessor as omega_processor::Processor>::process", 1),
    ("omega_processor::Processor>::restore_state", 4),
    ("omega_rt::pcm::RamPcm as omega_rt::pcm::PcmSource>::read", 1),
    ("omega_media::stream::source::StreamSource as omega_rt::pcm::PcmSource>::read", 1),
];

/// Ways to panic, by the beginning of their names.
const PANICS: [&str; 12] = [
    "core::panicking::",
    "core::slice::index::",
    "core::slice::copy_from_slice_impl",
    "core::option::unwrap_failed",
    "core::option::expect_failed",
    "core::result::unwrap_failed",
    "core::cell::panic_",
    "core::str::slice_error_fail",
    "core::slice::sort::shared::smallsort::panic",
    "alloc::",
    "std::",
    "__rustc::",
];

/// Those that are reached only once something has panicked.
const AFTER_A_PANIC: [&str; 2] =
    ["core::panicking::panic_in_cleanup", "core::panicking::panic_cannot_unwind"];

/// Functions of libraries that only move, compare or compute.
const HARMLESS: [&str; 7] = ["memcpy", "memmove", "memset", "memcmp", "bcmp", "_Unwind_Resume", "strlen"];

/// What the node of a plugin has for other times: rendering, where it waits for its worker, and a plugin in this process, which may
/// do what it likes. Playing with a plugin in a worker comes to none of them: the trap for system calls, and the count of
/// switches, would see it.
const OTHER_TIMES: [&str; 5] = [
    "omega_plugin::node::wire::Local::attend",
    "omega_plugin::node::wire::Local::rest",
    "omega_plugin::node::wire::Local::wait",
    "omega_plugin::node::wire::Local::submit",
    "omega_plugin::sandbox::remote::RemoteWire::wait",
];

/// The one function that may call the system: it wakes the worker of a plugin, and the trap for system calls sees that it does
/// nothing else.
const WAKES: &str = "omega_plugin::sandbox::remote::wake";

/// Something that the callback leads to and must not.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    what: String,
    /// From the root to it.
    path: Vec<String>,
}

/// Reads this program; true when nothing was found. `seeded` adds a fault of [`seeded`] to the roots.
///
/// # Errors
/// It cannot be read, or the roots are not in it.
pub fn run(fault: Option<&str>) -> Outcome<bool> {
    drop(std::hint::black_box(unplayed()));
    let code = Code::of(&std::env::current_exe()?)?;
    let mut roots: Vec<u64> = Vec::new();
    for (address, function) in &code.functions {
        let mine = fault.is_some_and(|fault| function.name.starts_with(&seeded::methods(fault)));
        if is_root(&function.name) || mine {
            roots.push(*address);
        }
    }
    let named = |part: &str| roots.iter().filter(|root| code.functions[root].name.contains(part)).count();
    if let Some((root, least)) = NEEDED.iter().find(|(root, least)| named(root) < *least) {
        let (has, names) = (named(root), "was it inlined, or renamed?");
        return Err(format!("this program has {has} of the {least} roots {root:?}: {names}").into());
    }
    if fault.is_some_and(|fault| named(&seeded::methods(fault)) == 0) {
        return Err(format!("no fault is called {fault:?}: {}", seeded::NAMES.join(", ")).into());
    }
    let (findings, reached) = walk(&code, &roots);
    let indirect: usize = reached.iter().filter_map(|at| code.functions.get(at)).map(|f| f.indirect).sum();
    println!("{} roots, {} functions reached, {indirect} indirect calls in them", roots.len(), reached.len());
    for finding in &findings {
        println!("{}\n    by {}", finding.what, finding.path.join("\n    → "));
    }
    Ok(findings.is_empty())
}

/// Nodes that the ladder does not play; made, so that their code is in this program to be read.
fn unplayed() -> [Box<dyn Processor>; 2] {
    [Box::new(NoteTape::new()), Box::new(NotePlayer::new(Box::new(NoteTape::new())))]
}

fn is_root(name: &str) -> bool {
    let live = !ELSEWHERE.iter().any(|part| name.contains(part));
    let method = |(contract, methods): &(&str, &[&str])| {
        name.rsplit_once(contract).is_some_and(|(_, method)| methods.contains(&method))
    };
    name == CALLBACK || EDGE.contains(&name) || (live && CONTRACT.iter().any(method))
}

/// Follows all that the roots lead to, breadth first, so that each finding comes with a shortest path.
fn walk(code: &Code, roots: &[u64]) -> (Vec<Finding>, Vec<u64>) {
    let mut from: BTreeMap<u64, Option<u64>> = roots.iter().map(|root| (*root, None)).collect();
    let mut queue: VecDeque<u64> = roots.iter().copied().collect();
    let mut findings = Vec::new();
    let mut reached = Vec::new();
    while let Some(at) = queue.pop_front() {
        let Some(function) = code.functions.get(&at) else { continue };
        reached.push(at);
        for import in function.imports.iter().filter(|name| !HARMLESS.contains(&name.as_str())) {
            findings.push(Finding { what: format!("{import} of a library"), path: path(code, &from, at) });
        }
        if function.system_calls > 0 && function.name != WAKES {
            findings.push(Finding { what: "a system call".to_owned(), path: path(code, &from, at) });
        }
        for (to, target) in function.leads_to.iter().filter_map(|to| code.functions.get_key_value(to)) {
            match verdict(&target.name) {
                Verdict::Forbidden => {
                    findings.push(Finding { what: target.name.clone(), path: path(code, &from, at) });
                }
                Verdict::TooLate => {}
                Verdict::Follow => {
                    from.entry(*to).or_insert_with(|| {
                        queue.push_back(*to);
                        Some(at)
                    });
                }
            }
        }
    }
    (findings, reached)
}

/// What becomes of the walk at a function.
enum Verdict {
    /// It must not be reached.
    Forbidden,
    /// It is reached only after what must not be reached, or at another time.
    TooLate,
    Follow,
}

fn verdict(name: &str) -> Verdict {
    if AFTER_A_PANIC.iter().any(|beginning| name.starts_with(beginning)) || OTHER_TIMES.contains(&name) {
        Verdict::TooLate
    } else if PANICS.iter().any(|beginning| name.starts_with(beginning)) {
        Verdict::Forbidden
    } else {
        Verdict::Follow
    }
}

fn path(code: &Code, from: &BTreeMap<u64, Option<u64>>, to: u64) -> Vec<String> {
    let mut path = Vec::new();
    let mut at = Some(to);
    while let Some(address) = at {
        path.push(code.functions.get(&address).map_or_else(String::new, |function| function.name.clone()));
        at = from.get(&address).copied().flatten();
    }
    path.reverse();
    path
}

#[cfg(test)]
mod tests {
    use super::code::Function;
    use super::*;

    fn code(functions: &[(u64, &str, &[u64], &[&str])]) -> Code {
        let function = |(at, name, leads, imports): &(u64, &str, &[u64], &[&str])| {
            let imports = imports.iter().map(|name| (*name).to_owned()).collect();
            let leads_to = leads.iter().copied().collect();
            (*at, Function { name: (*name).to_owned(), leads_to, imports, indirect: 0, system_calls: 0 })
        };
        Code { functions: functions.iter().map(function).collect() }
    }

    #[test]
    fn a_panic_and_the_heap_are_found_with_their_path_and_memory_may_be_moved() {
        let code = code(&[
            (1, "root", &[2, 3, 6], &["memcpy"]),
            (2, "middle", &[4], &["malloc"]),
            (3, "core::panicking::panic_in_cleanup", &[4], &[]),
            (4, "core::panicking::panic_bounds_check", &[5], &[]),
            (5, "beyond", &[], &["abort"]),
            (6, "omega_plugin::sandbox::remote::RemoteWire::wait", &[5], &["park"]),
        ]);
        let (findings, reached) = walk(&code, &[1]);
        let path = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            findings[0],
            Finding { what: "malloc of a library".to_owned(), path: path(&["root", "middle"]) }
        );
        assert_eq!(findings[1].path, path(&["root", "middle"]));
        assert_eq!((findings.len(), reached), (2, vec![1, 2]));
    }

    #[test]
    fn a_call_of_the_system_is_found_but_where_a_worker_is_woken() {
        let mut code = code(&[(1, "root", &[2, 3], &[]), (2, WAKES, &[], &[]), (3, "caller", &[], &[])]);
        code.functions
            .values_mut()
            .for_each(|function| function.system_calls = usize::from(function.name != "root"));
        let (findings, _) = walk(&code, &[1]);
        let path = vec!["root".to_owned(), "caller".to_owned()];
        assert_eq!(findings, [Finding { what: "a system call".to_owned(), path }]);
    }

    #[test]
    fn the_contract_of_devices_and_sources_is_where_the_walk_begins() {
        assert!(is_root("omega_ladder::watch::callback"));
        assert!(is_root("<omega_devices::eq::Eq as omega_processor::Processor>::process"));
        assert!(is_root("<omega_rt::pcm::RamPcm as omega_rt::pcm::PcmSource>::read"));
        assert!(is_root("<omega_media::stream::source::StreamSource as omega_rt::pcm::PcmSource>::read"));
        assert!(is_root("<omega_devices::eq::Eq as omega_processor::Processor>::save_state"));
        assert!(is_root("<omega_devices::eq::Eq as omega_processor::Processor>::restore_state"));
        assert!(!is_root("<omega_media::stream::offline::OfflineSource as omega_rt::pcm::PcmSource>::read"));
        assert!(!is_root(
            "<omega_media::stream::source::StreamSource as omega_rt::pcm::PcmSource>::wait_until_ready"
        ));
        assert!(is_root("omega_audio_io::bridge::Outlet::read"));
        assert!(is_root("<omega_devices::tape::Tape as omega_processor::Processor>::process"));
        assert!(is_root("<omega_plugin::node::PluginProcessor as omega_processor::Processor>::reset"));
        assert!(!is_root("omega_audio_io::bridge::Outlet::begin"));
        assert!(!is_root("<omega_ladder::panics::seeded::index as omega_processor::Processor>::process"));
        assert!(!is_root("omega_devices::registry::build"));
    }
}
