//! `project.json` changed outside: by hand, by git, or missing; and a history that was cut.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use omega_session::edit::*;
use omega_session::{CreateOptions, Document, EntryKind, Notice, OpenError, OpenOptions, TrackId};
use support::{Dice, edit, furnish, verb};

fn id(text: &str) -> TrackId {
    TrackId::new(text).unwrap()
}

/// A furnished session that was saved and closed.
fn session(place: &Path) -> PathBuf {
    let folder = place.join("Song.omega");
    let mut document = Document::create(&folder, &CreateOptions::new("Song")).unwrap();
    furnish(&mut document);
    document.save().unwrap();
    folder
}

fn open(folder: &Path) -> Document {
    Document::open(folder, &OpenOptions::default()).unwrap()
}

fn text(folder: &Path) -> String {
    fs::read_to_string(folder.join("project.json")).unwrap()
}

/// Changes the text as an editor would.
fn rewrite(folder: &Path, from: &str, to: &str) {
    let text = text(folder);
    assert!(text.contains(from), "no {from} in\n{text}");
    fs::write(folder.join("project.json"), text.replacen(from, to, 1)).unwrap();
}

fn volume(document: &Document, track: &str) -> f64 {
    document.project().track(&id(track)).unwrap().volume_db
}

#[test]
fn a_text_changed_by_hand_is_taken_over_as_an_edit_that_can_be_undone() {
    let place = support::place();
    let folder = session(place.path());
    let before = text(&folder);
    rewrite(
        &folder,
        "\"name\": \"drums\",",
        "\"future\": {\"mood\": [1, null]},\n\"name\": \"Kit\", \"volume_db\": -4,",
    );
    let mut document = open(&folder);
    assert_eq!(document.take_notices(), [Notice::TextChanged(3)]);
    let project = document.project();
    let drums = project.track(&id("drums")).unwrap();
    assert_eq!((drums.name.as_str(), drums.volume_db), ("Kit", -4.0));
    assert_eq!(document.history().last().unwrap().kind, EntryKind::Text);
    document.save().unwrap();
    assert!(text(&folder).contains("\"mood\": [1, null]"), "a key that is not known survives");
    drop(document);
    let mut document = open(&folder);
    assert_eq!(document.take_notices(), [], "it is taken over once");
    document.undo().unwrap().unwrap();
    document.save().unwrap();
    assert_eq!(text(&folder), before);
    document.redo().unwrap().unwrap();
    assert_eq!(volume(&document, "drums"), -4.0);
}

#[test]
fn a_text_is_compared_with_the_version_it_was_written_from() {
    let place = support::place();
    let folder = session(place.path());
    // Edits after the last save are in the history only; the text does not undo them by not having them.
    let mut document = open(&folder);
    document.apply(TrackVolume { id: id("bass"), db: -7.0 }).unwrap();
    document
        .apply(TrackAdd { id: Some(id("late")), ..TrackAdd::new(omega_session::TrackKind::Audio, "late") })
        .unwrap();
    drop(document);
    rewrite(&folder, "\"name\": \"drums\"", "\"name\": \"drums\", \"mute\": true");
    let document = open(&folder);
    assert_eq!(volume(&document, "bass"), -7.0);
    assert!(document.project().track(&id("late")).is_some());
    assert!(document.project().track(&id("drums")).unwrap().mute);
}

#[test]
fn things_added_and_removed_by_hand_are_added_and_deleted() {
    let place = support::place();
    let folder = session(place.path());
    let mut json: serde_json::Value = serde_json::from_str(&text(&folder)).unwrap();
    json["tracks"].as_object_mut().unwrap().remove("room");
    json["tracks"]["hand"] = serde_json::json!({"kind": "audio", "order": "zz"});
    let clip = json["clips"].as_object().unwrap().keys().next().unwrap().clone();
    json["clips"].as_object_mut().unwrap().remove(&clip);
    fs::write(folder.join("project.json"), json.to_string()).unwrap();
    let mut document = open(&folder);
    let project = document.project();
    assert!(project.track(&id("room")).is_none() && project.track(&id("hand")).is_some());
    assert_eq!((project.clips().len(), project.sends().len()), (9, 1));
    document.undo().unwrap().unwrap();
    let project = document.project();
    assert!(project.track(&id("room")).is_some() && project.track(&id("hand")).is_none());
    assert_eq!((project.clips().len(), project.sends().len()), (10, 2));
}

#[test]
fn putting_an_older_text_back_is_a_change_like_any_other() {
    let place = support::place();
    let folder = session(place.path());
    let old = text(&folder);
    let mut document = open(&folder);
    document.apply(TrackVolume { id: id("bass"), db: -7.0 }).unwrap();
    document.save().unwrap();
    drop(document);
    fs::write(folder.join("project.json"), &old).unwrap();
    let mut document = open(&folder);
    assert_eq!(document.project().to_text(), old);
    document.undo().unwrap().unwrap();
    assert_eq!(volume(&document, "bass"), -7.0);
}

#[test]
fn a_text_changed_while_the_session_is_open_is_not_written_over() {
    let place = support::place();
    let folder = session(place.path());
    let mut document = open(&folder);
    document.apply(TrackVolume { id: id("bass"), db: -7.0 }).unwrap();
    rewrite(&folder, "\"name\": \"drums\"", "\"name\": \"drums\", \"volume_db\": -1.5");
    document.save().unwrap();
    assert_eq!((volume(&document, "bass"), volume(&document, "drums")), (-7.0, -1.5));
    assert!(text(&folder).contains("-1.5") && text(&folder).contains("-7.0"));
    fs::write(folder.join("project.json"), "{ broken").unwrap();
    let error = document.save().unwrap_err().to_string();
    assert!(error.contains("was changed outside and cannot be read: line 1"), "{error}");
    assert_eq!(text(&folder), "{ broken");
}

#[test]
fn either_the_text_or_the_history_is_enough() {
    let place = support::place();
    let folder = session(place.path());
    let whole = text(&folder);
    fs::rename(folder.join("history"), place.path().join("history")).unwrap();
    let mut document = open(&folder);
    assert_eq!(document.project().to_text(), whole);
    document.apply(TrackVolume { id: id("bass"), db: -7.0 }).unwrap();
    document.save().unwrap();
    drop(document);
    assert_eq!(volume(&open(&folder), "bass"), -7.0);

    fs::remove_dir_all(folder.join("history")).unwrap();
    fs::rename(place.path().join("history"), folder.join("history")).unwrap();
    fs::remove_file(folder.join("project.json")).unwrap();
    let mut document = open(&folder);
    assert_eq!(document.project().to_text(), whole);
    document.save().unwrap();
    assert_eq!(text(&folder), whole);
    drop(document);
    fs::remove_dir_all(folder.join("history")).unwrap();
    fs::remove_file(folder.join("project.json")).unwrap();
    assert!(matches!(Document::open(&folder, &OpenOptions::default()), Err(OpenError::NoSession(_))));
}

#[test]
fn a_text_that_cannot_be_read_is_named_and_nothing_is_changed() {
    let place = support::place();
    let folder = session(place.path());
    let whole = text(&folder);
    let snapshot = |folder: &Path| {
        let files = fs::read_dir(folder.join("history")).unwrap().map(|entry| entry.unwrap().path());
        files.map(|path| (path.clone(), fs::read(path).unwrap())).collect::<Vec<_>>()
    };
    let history = snapshot(&folder);
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (
            whole.replace("\"kind\": \"return\"", "\"kind\": \"retrun\"").into(),
            "tracks.room.kind: \"retrun\" is not",
        ),
        (
            whole.replace("\"value\"", "x").replacen('{', "<<<<<<< HEAD\n{", 1).into(),
            "line 1 is a conflict marker of git",
        ),
        (whole[..whole.len() / 2].into(), "EOF while parsing"),
        (whole.replace("\"schema\": 1", "\"schema\": 99").into(), "this session has format 99"),
        (
            whole.replace("\"output\": \"group\"", "\"output\": 1e99").into(),
            "tracks.drums.output: expected the id of a track",
        ),
        (b"\xff\xfe{".to_vec(), "line 1, column 1: this is no UTF-8 text"),
        (Vec::new(), "line 1, column 0: EOF"),
        (vec![0; 100_000], "line 1, column 1"),
        ("[".repeat(200_000).into(), "more than 32 levels deep"),
    ];
    for (bytes, message) in cases {
        fs::write(folder.join("project.json"), &bytes).unwrap();
        let error = Document::open(&folder, &OpenOptions::default()).unwrap_err();
        let shown = error.to_string();
        assert!(matches!(error, OpenError::Text { .. }) && shown.contains("project.json: "), "{shown}");
        assert!(shown.contains(message), "{shown}\nwants {message}");
        assert_eq!(fs::read(folder.join("project.json")).unwrap(), bytes);
        assert_eq!(snapshot(&folder), history);
    }
    let mut document =
        Document::open(&folder, &OpenOptions { without_text: true, ..OpenOptions::default() }).unwrap();
    assert_eq!(document.project().to_text(), whole);
    document.save().unwrap();
    assert_eq!(text(&folder), whole);
    assert_eq!(fs::read_to_string(folder.join("project.json.left")).unwrap(), "[".repeat(200_000));
}

/// Random bytes put into a text never do worse than an error.
#[test]
fn a_text_damaged_at_random_is_refused_or_taken_over_but_nothing_breaks() {
    let place = support::place();
    let folder = session(place.path());
    let whole = text(&folder).into_bytes();
    let (mut refused, mut taken) = (0, 0);
    let mut dice = Dice(11);
    for _ in 0..800 {
        let mut wrong = whole.clone();
        for _ in 0..=dice.roll(2) {
            let at = dice.roll(wrong.len());
            match dice.roll(3) {
                0 => wrong[at] = b"0123456789eE-+.\"{}[],:tfn \n"[dice.roll(27)],
                1 => drop(wrong.drain(at..(at + dice.roll(40)).min(wrong.len()))),
                _ => {
                    let piece = wrong[at..(at + dice.roll(60)).min(wrong.len())].to_vec();
                    let to = dice.roll(wrong.len());
                    wrong.splice(to..to, piece);
                }
            }
        }
        let Ok(wrong) = String::from_utf8(wrong) else { continue };
        match omega_session::Project::from_text(&wrong) {
            Ok(project) => {
                taken += 1;
                let again = omega_session::Project::from_text(&project.to_text()).unwrap();
                assert_eq!(again.to_text(), project.to_text());
            }
            Err(error) => {
                refused += 1;
                assert!(!error.to_string().is_empty());
            }
        }
    }
    assert!(refused > 100 && taken > 20, "{refused} refused, {taken} taken");
}

#[test]
fn a_history_cut_at_any_byte_keeps_every_whole_record() {
    let place = support::place();
    let folder = place.path().join("Song.omega");
    let mut document = Document::create(&folder, &CreateOptions::seeded("Song", 3)).unwrap();
    let log = fs::read_dir(folder.join("history")).unwrap().next().unwrap().unwrap().path();
    // The end of the file after each edit, and the text that the session had then.
    let mut known = vec![(fs::metadata(&log).unwrap().len(), document.project().to_text())];
    for n in 0..4 {
        document
            .apply(TrackAdd {
                id: Some(id(&format!("t{n}"))),
                ..TrackAdd::new(omega_session::TrackKind::Audio, "T")
            })
            .unwrap();
        known.push((fs::metadata(&log).unwrap().len(), document.project().to_text()));
    }
    drop(document);
    let bytes = fs::read(&log).unwrap();
    let first = usize::try_from(known[0].0).unwrap();
    for cut in first..=bytes.len() {
        let copy = place.path().join(format!("cut{cut}.omega"));
        fs::create_dir_all(copy.join("history")).unwrap();
        let copied = copy.join("history").join(log.file_name().unwrap());
        fs::write(&copied, &bytes[..cut]).unwrap();
        let (end, text) = known.iter().rev().find(|(end, _)| *end <= cut as u64).unwrap();
        let document = Document::open(&copy, &OpenOptions::read_only()).unwrap();
        assert_eq!(document.project().to_text(), *text, "cut at {cut}");
        let torn = cut as u64 - end;
        // Waiting for the disk at every byte would take minutes: those next to a record and some others have to do.
        if !(torn < 2 || cut % 311 == 0 || known.iter().any(|(end, _)| cut as u64 + 1 == *end)) {
            fs::remove_dir_all(&copy).unwrap();
            continue;
        }
        let mut document = open(&copy);
        assert_eq!(document.project().to_text(), *text, "cut at {cut}");
        let notices = document.take_notices();
        match torn {
            0 => assert_eq!(notices, []),
            _ => assert_eq!(notices, [Notice::TornEnd { path: copied.clone(), bytes: torn }]),
        }
        assert_eq!(fs::metadata(&copied).unwrap().len(), *end, "the torn end is cut off");
        // It goes on from there.
        document.apply(TrackAdd::new(omega_session::TrackKind::Audio, "after")).unwrap();
        drop(document);
        assert_eq!(open(&copy).take_notices(), []);
        fs::remove_dir_all(&copy).unwrap();
    }
}

#[test]
fn damage_in_the_middle_of_a_history_costs_what_is_damaged_and_the_text_gives_it_back() {
    let place = support::place();
    let folder = session(place.path());
    let mut document = open(&folder);
    document.apply(TrackVolume { id: id("bass"), db: -7.0 }).unwrap();
    document.apply(TrackMute { id: id("drums"), on: true }).unwrap();
    document.save().unwrap();
    let whole = document.project().to_text();
    drop(document);
    let log = fs::read_dir(folder.join("history")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&log).unwrap();
    let place_of = |needle: &[u8]| bytes.windows(needle.len()).rposition(|window| window == needle).unwrap();
    let at = place_of(b"track.volume");
    bytes[at] ^= 0xff;
    let length = bytes.len();
    fs::write(&log, &bytes).unwrap();
    let mut document = open(&folder);
    let notices = document.take_notices();
    assert!(notices.iter().any(|notice| matches!(notice, Notice::Damaged { .. })), "{notices:?}");
    assert_eq!(document.project().to_text(), whole, "what the history lost, the text has");
    assert_eq!(fs::metadata(&log).unwrap().len(), length as u64, "nothing is cut that is not a torn end");
}

fn git(folder: &Path, arguments: &[&str]) -> bool {
    let output = Command::new("git")
        .current_dir(folder)
        .args(["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "core.autocrlf=false"])
        .args(arguments)
        .output()
        .expect("git is installed");
    output.status.success()
}

/// A session in a repository with a branch on which other edits were made.
fn branches(place: &Path, ours: &dyn Fn(&mut Document), theirs: &dyn Fn(&mut Document)) -> PathBuf {
    let folder = session(place);
    assert!(
        git(place, &["init", "-q", "-b", "main"])
            && git(place, &["add", "-A"])
            && git(place, &["commit", "-qm", "a"])
    );
    let work = |edits: &dyn Fn(&mut Document)| {
        let mut document = open(&folder);
        edits(&mut document);
        document.save().unwrap();
        drop(document);
        assert!(git(place, &["add", "-A"]) && git(place, &["commit", "-qm", "edits"]));
    };
    assert!(git(place, &["checkout", "-qb", "other"]));
    work(theirs);
    assert!(git(place, &["checkout", "-q", "main"]));
    work(ours);
    folder
}

#[test]
fn two_branches_merged_by_git_open_with_the_edits_of_both() {
    let place = support::place();
    let folder = branches(
        place.path(),
        &|document| drop(document.apply(TrackVolume { id: id("bass"), db: -7.0 }).unwrap()),
        &|document| drop(document.apply(TrackVolume { id: id("room"), db: -9.0 }).unwrap()),
    );
    assert!(
        git(place.path(), &["merge", "-q", "-m", "merged", "other"]),
        "text and history merge without conflict"
    );
    let merged = text(&folder);
    let mut document = open(&folder);
    assert_eq!(document.take_notices(), [], "the merged text says what the merged history says");
    assert_eq!((volume(&document, "bass"), volume(&document, "room")), (-7.0, -9.0));
    assert_eq!(document.project().to_text(), merged);
    assert_eq!(document.history().iter().filter(|entry| entry.name == "track.volume").count(), 2);
    document.save().unwrap();
    assert_eq!(text(&folder), merged);
}

#[test]
fn a_text_that_git_merged_and_somebody_changed_is_taken_over() {
    let place = support::place();
    let folder = branches(
        place.path(),
        &|document| drop(document.apply(TrackVolume { id: id("bass"), db: -7.0 }).unwrap()),
        &|document| drop(document.apply(TrackVolume { id: id("room"), db: -9.0 }).unwrap()),
    );
    assert!(git(place.path(), &["merge", "-q", "-m", "merged", "other"]));
    rewrite(&folder, "\"name\": \"drums\"", "\"name\": \"drums\", \"volume_db\": -1.0");
    let mut document = open(&folder);
    assert_eq!(document.take_notices(), [Notice::TextChanged(1)]);
    let all = (volume(&document, "bass"), volume(&document, "room"), volume(&document, "drums"));
    assert_eq!(all, (-7.0, -9.0, -1.0));
}

#[test]
fn a_conflict_in_the_text_is_named_and_the_history_has_both_sides() {
    let place = support::place();
    let folder = branches(
        place.path(),
        &|document| drop(document.apply(TrackVolume { id: id("bass"), db: -7.0 }).unwrap()),
        &|document| {
            document.apply(TrackVolume { id: id("bass"), db: -9.0 }).unwrap();
            document.apply(TrackVolume { id: id("room"), db: -2.0 }).unwrap();
        },
    );
    assert!(!git(place.path(), &["merge", "-q", "-m", "merged", "other"]));
    let error = Document::open(&folder, &OpenOptions::default()).unwrap_err().to_string();
    assert!(error.contains("is a conflict marker of git"), "{error}");
    let line: usize = error.split("line ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(text(&folder).lines().nth(line - 1).unwrap().starts_with("<<<<<<<"));
    fs::remove_file(folder.join("project.json")).unwrap();
    let document = open(&folder);
    assert_eq!(volume(&document, "room"), -2.0);
    assert!([-7.0, -9.0].contains(&volume(&document, "bass")));
}

#[test]
fn only_the_text_merged_by_git_is_enough() {
    let place = support::place();
    let folder = branches(
        place.path(),
        &|document| drop(document.apply(TrackVolume { id: id("bass"), db: -7.0 }).unwrap()),
        &|document| drop(document.apply(TrackVolume { id: id("room"), db: -9.0 }).unwrap()),
    );
    // Their history is not taken along.
    assert!(git(place.path(), &["merge", "-q", "--no-commit", "other"]));
    assert!(git(place.path(), &["checkout", "-q", "HEAD", "--", "Song.omega/history"]));
    let mut document = open(&folder);
    assert_eq!(document.take_notices(), [Notice::TextChanged(1)]);
    assert_eq!((volume(&document, "bass"), volume(&document, "room")), (-7.0, -9.0));
}

#[test]
fn branches_with_random_edits_merge_to_the_same_whoever_merges() {
    for seed in 0..3 {
        let place = support::place();
        let edits = |seed: u64| {
            move |document: &mut Document| {
                let mut dice = Dice(seed);
                for _ in 0..12 {
                    let edit = edit(verb(&mut dice), &document.project(), &mut dice);
                    let _ = document.apply(edit);
                }
            }
        };
        let folder = branches(place.path(), &edits(seed), &edits(seed + 100));
        // The histories merge by themselves; the text may conflict and is left out.
        let merge = |ours: &str, theirs: &str| {
            assert!(git(place.path(), &["checkout", "-q", ours]));
            let _ = git(place.path(), &["merge", "-q", "-m", "merged", theirs]);
            let unmerged =
                git(place.path(), &["diff", "--quiet", "--diff-filter=U", "--", "Song.omega/history"]);
            assert!(unmerged, "a file of the history conflicts");
            fs::remove_file(folder.join("project.json")).unwrap();
            let document = open(&folder);
            let text = document.project().to_text();
            assert_eq!(document.project().repaired(), *document.project());
            drop(document);
            assert!(
                git(place.path(), &["reset", "-q", "--hard", ours]) && git(place.path(), &["clean", "-qfd"])
            );
            text
        };
        let main = Command::new("git")
            .current_dir(place.path())
            .args(["rev-parse", "main"])
            .output()
            .unwrap()
            .stdout;
        let main = String::from_utf8(main).unwrap().trim().to_owned();
        let ours = merge(&main, "other");
        assert_eq!(merge("other", &main), ours, "seed {seed}");
    }
}
