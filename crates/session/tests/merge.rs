//! Several people edit at once: copies that have the same entries show the same project, and each undoes what is theirs.

mod support;

use omega_session::edit::*;
use omega_session::{
    CreateOptions, Document, Edit, EntryKind, MergeError, Output, Project, SendId, TrackId, TrackKind,
};
use proptest::prelude::*;
use support::{Dice, edit, furnish, verb};

fn id(text: &str) -> TrackId {
    TrackId::new(text).unwrap()
}

/// Copies of one session, each with an author of its own.
fn copies(authors: &[&str]) -> Vec<Document> {
    let mut first =
        Document::in_memory(&CreateOptions { author: authors[0].into(), ..CreateOptions::seeded("Song", 1) });
    furnish(&mut first);
    let mut all = vec![first];
    for (n, author) in authors.iter().enumerate().skip(1) {
        all.push(all[0].fork(author, Some(n as u64 + 1)).unwrap());
    }
    all
}

/// Everybody gets everything, until nobody has anything new.
fn meet(copies: &mut [Document]) {
    for _ in 0..10 {
        let versions: Vec<_> = copies.iter().map(Document::version).collect();
        if versions.windows(2).all(|pair| pair[0] == pair[1]) {
            return;
        }
        for to in 0..copies.len() {
            for from in (0..copies.len()).filter(|from| *from != to) {
                let bundle = copies[from].bundle(&copies[to].version()).unwrap();
                copies[to].merge(&bundle).unwrap();
            }
        }
    }
    panic!("repairs never end");
}

fn assert_sound(document: &Document) {
    let project = document.project();
    assert_eq!(project.signal_cycle(), None);
    assert!(project.folder_cycles().is_empty());
    assert_eq!(project.repaired(), *project, "a repaired project needs no repair");
    let (read, notes) = Project::from_text_with_notes(&project.to_text()).unwrap();
    assert_eq!((read, notes), (Project::clone(&project), vec![]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

    #[test]
    fn copies_that_met_are_equal(seed in any::<u64>(), steps in 1_usize..60) {
        let mut dice = Dice(seed);
        let mut copies = copies(&["ann", "ben", "eve"]);
        for _ in 0..steps {
            let n = dice.roll(copies.len());
            match dice.roll(12) {
                0 => drop(copies[n].undo().unwrap()),
                1 => drop(copies[n].redo().unwrap()),
                2 => {
                    let to = (n + 1) % copies.len();
                    let bundle = copies[n].bundle(&copies[to].version()).unwrap();
                    copies[to].merge(&bundle).unwrap();
                    // A second time it changes nothing.
                    let text = copies[to].project().to_text();
                    prop_assert!(copies[to].merge(&bundle).unwrap().entries.is_empty());
                    prop_assert_eq!(copies[to].project().to_text(), text);
                }
                _ => {
                    let edit = edit(verb(&mut dice), &copies[n].project(), &mut dice);
                    let _ = copies[n].apply(edit);
                }
            }
            assert_sound(&copies[n]);
        }
        meet(&mut copies);
        let text = copies[0].project().to_text();
        for copy in &copies {
            prop_assert_eq!(copy.project().to_text(), text.clone());
            prop_assert_eq!(copy.history(), copies[0].history());
            assert_sound(copy);
        }
        // And one that gets it all at once, from nothing, is equal to them too.
        let late = copies[0].fork("zoe", Some(9)).unwrap();
        prop_assert_eq!(late.project().to_text(), text);
    }
}

#[test]
fn each_author_undoes_only_what_they_did() {
    let mut both = copies(&["ann", "ben"]);
    both[0].apply(TrackVolume { id: id("drums"), db: -3.0 }).unwrap();
    both[1].apply(TrackVolume { id: id("bass"), db: -6.0 }).unwrap();
    meet(&mut both);
    assert_eq!(both[0].undo_name(), Some("track.volume"));
    both[0].undo().unwrap().unwrap();
    meet(&mut both);
    for copy in &both {
        let project = copy.project();
        assert_eq!(project.track(&id("drums")).unwrap().volume_db, 0.0);
        assert_eq!(project.track(&id("bass")).unwrap().volume_db, -6.0);
    }
    // What somebody else changed since is left alone.
    both[0].redo().unwrap().unwrap();
    meet(&mut both);
    both[1].apply(TrackVolume { id: id("drums"), db: -9.0 }).unwrap();
    meet(&mut both);
    assert_eq!(both[0].undo().unwrap().unwrap().skipped, 1);
    assert_eq!(both[0].project().track(&id("drums")).unwrap().volume_db, -9.0);
}

#[test]
fn undoing_a_deletion_keeps_a_move_that_was_made_meanwhile() {
    let mut both = copies(&["ann", "ben"]);
    let clip = both[0].project().clips_on(&id("drums")).next().unwrap().0.clone();
    both[0].apply(ClipRemove { id: clip.clone(), ripple: false }).unwrap();
    let to = omega_time::TimePoint::Musical(omega_time::Ticks(987_654));
    both[1].apply(ClipMove { id: clip.clone(), track: Some(id("bass")), position: Some(to) }).unwrap();
    meet(&mut both);
    assert!(both.iter().all(|copy| copy.project().clip(&clip).is_none()));
    both[0].undo().unwrap().unwrap();
    meet(&mut both);
    for copy in &both {
        let moved = copy.project().clip(&clip).unwrap().clone();
        assert_eq!((moved.position, moved.track.clone()), (to, id("bass")));
    }
}

#[test]
fn undoing_the_removal_of_a_track_gives_back_what_others_put_on_it() {
    let mut both = copies(&["ann", "ben"]);
    both[0].apply(TrackRemove { id: id("room"), contents: false }).unwrap();
    let send = SendId::new("late").unwrap();
    both[1].apply(SendAdd { id: Some(send.clone()), ..SendAdd::new(id("bass"), id("room")) }).unwrap();
    both[1].apply(DeviceAdd::new(id("room"), "omega.eq")).unwrap();
    meet(&mut both);
    for copy in &both {
        assert!(copy.project().send(&send).is_none());
        assert!(
            copy.left_out().iter().any(|fault| fault.path == "sends.late.target"),
            "{:?}",
            copy.left_out()
        );
        assert_sound(copy);
    }
    both[0].undo().unwrap().unwrap();
    meet(&mut both);
    for copy in &both {
        assert!(copy.project().send(&send).is_some());
        assert_eq!(copy.project().chain(&id("room")).count(), 1);
        assert_sound(copy);
    }
}

#[test]
fn what_neither_could_make_alone_is_repaired_and_the_same_for_both() {
    let mut both = copies(&["ann", "ben"]);
    let bus = |name: &str| TrackAdd { id: Some(id(name)), ..TrackAdd::new(TrackKind::Bus, name) };
    let folder = |name: &str| TrackAdd { id: Some(id(name)), ..TrackAdd::new(TrackKind::Folder, name) };
    let edits: [Edit; 4] = [bus("x").into(), bus("y").into(), folder("f").into(), folder("g").into()];
    both[0].apply_group("start", &edits).unwrap();
    meet(&mut both);
    both[0].apply(TrackRoute { id: id("x"), output: Output::Track(id("y")) }).unwrap();
    both[1].apply(TrackRoute { id: id("y"), output: Output::Track(id("x")) }).unwrap();
    both[0].apply(TrackMove { id: id("f"), parent: Some(id("g")), before: None }).unwrap();
    both[1].apply(TrackMove { id: id("g"), parent: Some(id("f")), before: None }).unwrap();
    both[0].apply(SendAdd { id: SendId::new("b").ok(), ..SendAdd::new(id("bass"), id("room")) }).unwrap();
    both[1].apply(SendAdd { id: SendId::new("a").ok(), ..SendAdd::new(id("bass"), id("room")) }).unwrap();
    // Somebody moves a track into a folder that somebody else removes: it is not lost.
    both[0].apply(TrackRemove { id: id("folder"), contents: true }).unwrap();
    both[1].apply(TrackMove { id: id("drums"), parent: Some(id("folder")), before: None }).unwrap();
    meet(&mut both);
    for copy in &both {
        assert_sound(copy);
        let project = copy.project();
        assert_eq!(project.sends_from(&id("bass")).count(), 0, "the bass was in the folder that was removed");
        assert_eq!(project.track(&id("drums")).unwrap().parent, None);
        assert!(copy.history().iter().any(|entry| entry.kind == EntryKind::Repair));
    }
    assert_eq!(both[0].project().to_text(), both[1].project().to_text());
    both[0].undo().unwrap().unwrap();
    meet(&mut both);
    let project = both[1].project();
    assert_eq!(project.track(&id("drums")).unwrap().parent, Some(id("folder")), "undone, the folder has it");
    assert_eq!(project.sends_from(&id("bass")).map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn a_damaged_bundle_is_refused_whole() {
    let mut both = copies(&["ann", "ben"]);
    let start = both[1].version();
    both[0].apply(TrackMute { id: id("drums"), on: true }).unwrap();
    both[0].apply(TrackMute { id: id("bass"), on: true }).unwrap();
    let bundle = both[0].bundle(&start).unwrap();
    let before = both[1].project();
    let mut whole = 0;
    for cut in 1..bundle.len() {
        let mut wrong = bundle.clone();
        wrong[cut] ^= 1;
        assert!(matches!(both[1].merge(&wrong), Err(MergeError::Damaged(_))), "changed at {cut}");
        assert_eq!(both[1].project(), before);
        let mut other = copies(&["ann"]).remove(0);
        match other.merge(&bundle[..cut]) {
            Err(MergeError::Damaged(_)) => assert_eq!(other.project(), before),
            Ok(merged) => {
                // Cut between its records, a bundle is a smaller bundle.
                assert_eq!(merged.entries.len(), 1);
                whole += 1;
            }
            Err(error) => panic!("{error}"),
        }
        if cut > 60 && cut + 60 < bundle.len() && whole == 1 {
            break;
        }
    }
    assert_eq!(whole, 1);
    both[1].merge(&bundle).unwrap();
    assert_eq!(both[1].project(), both[0].project());
}
