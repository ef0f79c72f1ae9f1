//! Every verb, asked for on the command line.

mod common;

use std::collections::BTreeSet;

use common::Desk;

/// Verbs with fields as people write them, in an order in which each has what it needs. `TRACK`, `CLIP` and `MEDIA` are
/// those of the session that they are done to.
const LINES: &[&str] = &[
    "session.set --name Song --notes nothing --bus_precision f64",
    "loop.set --range 1|1..3|1 --on true",
    "punch.set --range 2|1..3|1 --on true",
    "track.add --id b --kind audio --name Bass --colour #ff8000",
    "track.add --id bus --kind bus --name Group",
    "track.add --id room --kind return",
    "track.add --id fld --kind folder --name Band",
    "track.add --id ear --kind cue",
    "track.rename --id b --name 808",
    "track.colour --id b --colour null",
    "track.channels --id b --channels 1",
    "track.input --id b --input [0]",
    "track.route --id b --output bus",
    "track.volume --id b --db -6",
    "track.pan --id b --pan -0.25",
    "track.pan_law --id b --law -4.5dB",
    "track.mute --id b --on true",
    "track.solo --id b --on true",
    "track.solo_safe --id room --on true",
    "track.phase --id b --on true",
    "track.arm --id b --on true",
    "track.midi_input --id b --name Keys",
    "track.monitor --id b --mode off",
    "track.listen --id b --mode pfl",
    "track.delay --id b --frames -48",
    "track.move --id b --parent fld",
    "send.add --id s --track b --target room --gain_db -12",
    "send.add --id s2 --track b --target ear",
    "send.move --id s2 --before s",
    "send.route --id s2 --target bus",
    "send.pre --id s --on true",
    "send.feedback --id s2 --delay 64",
    "send.gain --id s --db -3",
    "send.pan --id s --pan 1",
    "send.mute --id s --on true",
    "device.add --id d --track b --kind omega.compressor",
    "device.add --id e --track b --kind omega.eq",
    "device.move --id e --before d",
    "device.bypass --id e --on true",
    "device.param --id d --param threshold --value -20",
    "device.sidechain --id d --source TRACK",
    "device.rename --id d --name Squash",
    "device.state --id d --state abc",
    "clip.add --id c --track b --media MEDIA --position 2|1 --length 24000",
    "clip.move --id c --position 3|1",
    "clip.trim --id c --end 3|1|40320",
    "clip.slip --id c --by 480",
    "clip.split --id CLIP --at 30000f --right r",
    "clip.duplicate --id c --copy c2 --position 9|1",
    "clip.gain --id c --db -1.5",
    r#"clip.fade --id c --in {"length":480,"shape":"s-curve"} --out {"length":240}"#,
    "clip.crossfade --left CLIP --right r --length 200 --shape linear",
    "clip.reverse --id c --on true",
    "clip.loop --id c --length 4800",
    "clip.time_base --id c --base absolute",
    "clip.mute --id c --on true",
    "clip.rename --id c --name Kick",
    "clip.colour --id c --colour #010203",
    "clip.notes --id np --track b --position 1|1 --length 322560",
    r#"note.add --clip np --notes [{"id":"n1","at":0,"length":80640,"key":60},{"id":"n2","at":90000,"length":9,"key":64}]"#,
    r#"note.set --clip np --notes ["n1"] --velocity 30 --release 10"#,
    "note.move --clip np --by 480 --keys -12",
    "note.quantize --clip np --grid 20160 --strength 50",
    r#"note.remove --clip np --notes ["n2"]"#,
    r#"control.add --clip np --controls [{"id":"m1","at":0,"kind":"cc/1","value":64}]"#,
    "control.set --clip np --value 65",
    "control.remove --clip np",
    "take.add --id k1 --track b",
    "take.add --id k2 --track b --name Best --colour #112233 --before k1",
    "take.rename --id k1 --name 2",
    "take.colour --id k1 --colour #445566",
    "take.mute --id k1 --on true",
    "clip.take --id c --take k1",
    "clip.add --id c3 --track b --take k2 --media MEDIA --position 2|1",
    "take.move --id k2",
    "take.duplicate --id k2 --copy k3",
    "comp.take --take k2 --id sp",
    "comp.set --take k1 --range 3|1..4|1 --fade 240",
    "comp.clear --track b --range 2|1..2|2",
    "comp.fade --id sp --fade 96",
    "comp.flatten --track b",
    "take.promote --id k3",
    "take.remove --id k2",
    "lane.add --id l --target track/b/volume_db",
    "lane.add --id k --target device/d/threshold --base absolute",
    "point.add --lane l --id p --at 1|1 --value -6 --shape hold",
    "point.add --lane k --at 480f --value -30",
    "point.set --lane l --id p --value -9 --shape 0.5",
    r#"lane.write --id l --range 0t..9t --points [{"at":"1t","value":-1}]"#,
    "lane.enable --id l --on false",
    "lane.base --id l --base absolute",
    "lane.clear --id l --range 0f..9f",
    "point.remove --lane k --id POINT",
    "marker.add --id m --at 5|1 --name Chorus",
    "marker.move --id m --at 6|1",
    "marker.rename --id m --name Bridge",
    "marker.colour --id m --colour #00ff00",
    "tempo.add --id t --at 5|1 --tempo 97.5",
    "tempo.set --id t --ramp linear",
    "meter.add --id x --bar 5 --signature 7/8",
    "meter.set --id x --signature 3/4",
    "metronome.set --on true --level_db -12",
    "time.insert --at 2|1 --length 1|0|0",
    r#"time.delete --range 2|1..3|1 --tracks ["b"]"#,
    "media.add --id ff --name other --file /elsewhere/ff.wav --channels 1 --frames 99999 --sample_rate 48000",
    "media.relink --id ff --file media/ff.wav",
    "media.rename --id ff --name another",
    "media.replace --id MEDIA --by ff",
    "track.duplicate --id fld --copy fld2 --name Twin",
    "media.replace --id ff --by MEDIA",
    "media.remove --id ff",
    "meter.remove --id x",
    "tempo.remove --id t",
    "marker.remove --id m",
    "lane.remove --id k",
    "clip.remove --id c2 --ripple true",
    "device.remove --id e",
    "send.remove --id s2",
    "track.remove --id fld2 --contents true",
];

#[test]
fn every_verb_is_done_by_its_fields_and_undone() {
    let desk = Desk::new();
    let track = desk.session();
    let before = desk.project();
    let first = |section: &str| before[section].as_object().unwrap().keys().next().unwrap().clone();
    let (clip, media) = (first("clips"), first("media"));
    let steps = || desk.json(&["history", "song.omega", "--json"]).as_array().unwrap().len();
    let (mut done, mut step) = (BTreeSet::new(), steps());
    for line in LINES {
        let points = desk.project()["lanes"]["k"]["points"].clone();
        let point = points.as_object().and_then(|points| points.keys().next().cloned()).unwrap_or_default();
        let words = line.split(' ').map(|word| match word {
            "TRACK" => track.as_str(),
            "CLIP" => clip.as_str(),
            "MEDIA" => media.as_str(),
            "POINT" => point.as_str(),
            word => word,
        });
        let words: Vec<&str> = ["edit", "song.omega"].into_iter().chain(words).collect();
        desk.well(&words);
        step += 1;
        assert_eq!(steps(), step, "{line} changed nothing");
        done.insert(words[2].to_owned());
    }
    assert!(desk.refused(2, &["edit", "song.omega", "take.explode"]).contains("take.promote"));
    let listed = desk.well(&["edit", "--list"]);
    let all: BTreeSet<String> =
        listed.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    assert_eq!(done, all, "every verb is in the list above");
    desk.well(&["undo", "song.omega", "--times", &LINES.len().to_string(), "-q"]);
    assert_eq!(desk.project(), before);
}
