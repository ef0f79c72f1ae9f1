//! Undo gives back the text byte for byte, in this process and the next, for each author.

mod support;

use std::collections::BTreeMap;

use omega_session::edit::*;
use omega_session::{
    ApplyError, CreateOptions, DeviceId, Document, Edit, OpenOptions, ParamTarget, Project, TrackId,
    TrackKind,
};
use proptest::prelude::*;
use support::{Dice, edit, furnish, verb};

fn memory() -> Document {
    let mut document = Document::in_memory(&CreateOptions::seeded("Song", 1));
    furnish(&mut document);
    document
}

/// What a reader gets from the text alone is what the document has.
fn assert_text_gives_project(document: &Document) {
    let project = document.project();
    let (read, notes) = Project::from_text_with_notes(&project.to_text()).unwrap();
    assert_eq!(notes, []);
    assert_eq!(read, *project);
}

#[test]
fn every_verb_is_undone_and_redone_byte_for_byte() {
    let mut done: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, _) in Edit::VERBS {
        let mut document = memory();
        let mut dice = Dice(99);
        for _ in 0..70 {
            let project = document.project();
            let before = project.to_text();
            let edit = edit(name, &project, &mut dice);
            match document.apply(edit) {
                Ok(applied) if applied.entry.is_some() => {
                    let after = document.project().to_text();
                    assert_text_gives_project(&document);
                    document.undo().unwrap().unwrap();
                    assert_eq!(document.project().to_text(), before, "{name}");
                    document.redo().unwrap().unwrap();
                    assert_eq!(document.project().to_text(), after, "{name}");
                    let redone = document.undo().unwrap().unwrap();
                    assert_eq!(redone.skipped, 0);
                    assert_eq!(document.project().to_text(), before, "{name}");
                    *done.entry(name).or_default() += 1;
                }
                Ok(_) => assert_eq!(document.project().to_text(), before),
                Err(ApplyError::Edit(error)) => {
                    assert_eq!(document.project().to_text(), before);
                    assert!(!error.to_string().is_empty());
                }
                Err(error) => panic!("{name}: {error}"),
            }
        }
    }
    let never: Vec<&str> =
        Edit::VERBS.iter().map(|(name, _)| *name).filter(|n| done.get(n).is_none_or(|c| *c < 3)).collect();
    assert!(never.is_empty(), "hardly ever accepted: {never:?}");
}

#[test]
fn every_edit_survives_json() {
    let document = memory();
    let mut dice = Dice(5);
    for (name, _) in Edit::VERBS {
        for _ in 0..20 {
            let edit = edit(name, &document.project(), &mut dice);
            let text = serde_json::to_string(&edit).unwrap();
            assert!(text.starts_with(&format!("{{\"edit\":\"{name}\"")), "{text}");
            assert_eq!(serde_json::from_str::<Edit>(&text).unwrap(), edit, "{text}");
        }
    }
    let error =
        serde_json::from_str::<Edit>(r#"{"edit":"track.mute","id":"a","on":true,"onn":1}"#).unwrap_err();
    assert!(error.to_string().contains("onn"), "{error}");
    let error = serde_json::from_str::<Edit>(r#"{"edit":"track.explode","id":"a"}"#).unwrap_err();
    assert!(error.to_string().contains("track.explode"), "{error}");
}

#[test]
fn a_refused_group_changes_nothing_and_names_the_edit() {
    let mut document = memory();
    let before = document.project();
    let drums = TrackId::new("drums").unwrap();
    let edits: [Edit; 3] = [
        TrackMute { id: drums.clone(), on: true }.into(),
        TrackAdd::new(TrackKind::Audio, "New").into(),
        TrackPan { id: drums, pan: 2.0 }.into(),
    ];
    let error = document.apply_group("three", &edits).unwrap_err().to_string();
    assert_eq!(
        error,
        "edit 3 of 3 (track.pan): tracks.drums.pan: 2.0 is out of range: -1 (left) to 1 (right)"
    );
    assert_eq!(document.project(), before);
    assert_eq!(document.undo_name(), Some("furnish"));
}

/// Random edits, undos and redos, with the texts that they have to lead to kept beside.
fn wander(
    document: &mut Document,
    dice: &mut Dice,
    steps: usize,
    mut between: impl FnMut(&mut Document, &mut Dice),
) {
    let mut undo = vec![document.project().to_text()];
    let mut redo: Vec<String> = Vec::new();
    let floor = document.history().len();
    assert!(floor > 0);
    for _ in 0..steps {
        match dice.roll(5) {
            0 if undo.len() > 1 => {
                document.undo().unwrap().unwrap();
                redo.push(undo.pop().unwrap());
            }
            1 if !redo.is_empty() => {
                document.redo().unwrap().unwrap();
                undo.push(redo.pop().unwrap());
            }
            2 => {
                let project = document.project();
                let edits: Vec<Edit> = (0..3).map(|_| edit(verb(dice), &project, dice)).collect();
                if document.apply_group("group", &edits).is_ok_and(|applied| applied.entry.is_some()) {
                    undo.push(document.project().to_text());
                    redo.clear();
                }
            }
            _ => {
                let edit = edit(verb(dice), &document.project(), dice);
                if document.apply(edit).is_ok_and(|applied| applied.entry.is_some()) {
                    undo.push(document.project().to_text());
                    redo.clear();
                }
            }
        }
        assert_eq!(document.project().to_text(), *undo.last().unwrap());
        between(document, dice);
    }
    while undo.len() > 1 {
        redo.push(undo.pop().unwrap());
        assert_eq!(document.undo().unwrap().unwrap().skipped, 0);
        assert_eq!(document.project().to_text(), *undo.last().unwrap());
        between(document, dice);
    }
    while let Some(text) = redo.pop() {
        document.redo().unwrap().unwrap();
        assert_eq!(document.project().to_text(), text);
    }
    assert_text_gives_project(document);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn any_way_back_and_forth_gives_the_same_bytes(seed in any::<u64>(), steps in 1_usize..80) {
        wander(&mut memory(), &mut Dice(seed), steps, |_, _| {});
    }

    #[test]
    fn and_so_it_does_in_the_next_process(seed in any::<u64>(), steps in 1_usize..25) {
        let place = support::place();
        let folder = place.path().join("Song.omega");
        let mut document = Document::create(&folder, &CreateOptions::seeded("Song", 1)).unwrap();
        furnish(&mut document);
        let path = folder.clone();
        wander(&mut document, &mut Dice(seed), steps, move |document, dice| {
            if dice.roll(3) > 0 {
                return;
            }
            let text = document.project().to_text();
            let undo = (document.undo_name().map(str::to_owned), document.redo_name().map(str::to_owned));
            if dice.chance() {
                document.save().unwrap();
                assert_eq!(std::fs::read_to_string(path.join("project.json")).unwrap(), text);
            }
            // The old one closes before the new one opens.
            *document = Document::in_memory(&CreateOptions::new("between"));
            *document = Document::open(&path, &OpenOptions::default()).unwrap();
            assert_eq!(document.project().to_text(), text);
            assert_eq!((document.undo_name().map(str::to_owned), document.redo_name().map(str::to_owned)), undo);
            assert_eq!(document.take_notices(), []);
        });
    }
}

/// The view is brought up to date where it changed: that as many devices came as went must not hide that others did.
#[test]
fn a_lane_goes_and_comes_back_with_its_device_while_another_takes_its_place() {
    let mut document = memory();
    let (bass, gone) = (TrackId::new("bass").unwrap(), DeviceId::new("d2").unwrap());
    let lane = ParamTarget::Device(gone.clone(), "threshold".into());
    document.apply(LaneAdd::new(lane.clone())).unwrap();
    let before = document.project();
    let swap: [Edit; 2] = [DeviceRemove { id: gone }.into(), DeviceAdd::new(bass, "omega.gain").into()];
    document.apply_group("swap", &swap).unwrap();
    assert!(document.project().lane_of(&lane).is_none());
    assert_text_gives_project(&document);
    let after = document.project();
    document.undo().unwrap().unwrap();
    assert_eq!(document.project().to_text(), before.to_text());
    document.redo().unwrap().unwrap();
    assert_eq!(document.project().to_text(), after.to_text());
}

#[test]
fn the_documentation_lists_every_verb() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/session.md")).unwrap();
    for (name, help) in Edit::VERBS {
        let line = page.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        assert!(
            line.is_some_and(|line| line.ends_with(&format!("| {help} |"))),
            "docs/session.md lacks {name}: {help}"
        );
    }
}
