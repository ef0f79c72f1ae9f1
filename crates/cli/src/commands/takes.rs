//! `omega takes`

use std::path::PathBuf;

use omega_studio::session::model::PointText;
use omega_studio::session::{Clip, CompSpan, Project, TakeId, Track, TrackId};
use omega_studio::time::TempoMap;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::output::{Output, plain};

/// List the takes of each track, and which of them sounds where
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  omega takes Song.omega\n  omega takes Song.omega --json | jq '.tracks[].comp'\n\n\
                        Places are frames; in JSON each place is also as the session has it. Tracks without takes are left out."
)]
pub struct Takes {
    /// The session
    session: PathBuf,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

impl Takes {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        let project = output.read(&self.session)?.project();
        let map = project.tempo_map();
        let tracks = project.tree().into_iter().map(|(_, id, track)| (id, &**track));
        let tracks = tracks.filter(|(id, _)| project.takes_of(id).next().is_some());
        if self.json {
            let all: Vec<Value> = tracks.map(|(id, track)| as_json(&project, &map, id, track)).collect();
            return output.json(&json!({ "tracks": all }));
        }
        for (id, track) in tracks {
            tell(&project, &map, id, track, output)?;
        }
        Ok(())
    }
}

fn tell(
    project: &Project,
    map: &TempoMap,
    id: &TrackId,
    track: &Track,
    output: &Output,
) -> Result<(), Failure> {
    output.print(format_args!("{id}  '{}'", plain(&track.name)))?;
    for (take_id, take) in project.takes_of(id) {
        output.print(format_args!(
            "  {take_id}  '{}'  {} clips{}",
            plain(&take.name),
            project.clips_in(take_id).count(),
            if take.mute { ", muted" } else { "" }
        ))?;
    }
    for (span_id, start, span) in spans(project, map, id) {
        output.print(format_args!(
            "  {start}..{}  {}  '{}'  fade {}  {span_id}",
            start.saturating_add(span.length.0),
            span.take,
            plain(name(project, &span.take)),
            span.fade.0
        ))?;
    }
    Ok(())
}

fn as_json(project: &Project, map: &TempoMap, id: &TrackId, track: &Track) -> Value {
    let clip = |(id, clip): (&omega_studio::session::ClipId, &std::sync::Arc<Clip>)| {
        let start = map.frame_of(clip.position);
        json!({"id": id, "position": PointText(clip.position).to_string(), "start": start.0,
            "end": clip.end(map).0, "media": clip.media, "mute": clip.mute})
    };
    let takes = project.takes_of(id).map(|(id, take)| {
        let mut clips: Vec<Value> = project.clips_in(id).map(clip).collect();
        clips.sort_by_key(|clip| clip["start"].as_i64());
        json!({"id": id, "name": take.name, "colour": take.colour, "mute": take.mute, "clips": clips})
    });
    let comp = spans(project, map, id).into_iter().map(|(id, start, span)| {
        json!({"id": id, "take": span.take, "position": PointText(span.start).to_string(), "start": start,
            "end": start.saturating_add(span.length.0), "fade": span.fade.0})
    });
    json!({"id": id, "name": track.name, "takes": takes.collect::<Vec<_>>(), "comp": comp.collect::<Vec<_>>()})
}

/// The spans of a track's comp by place, with the frame that each starts with.
fn spans<'a>(project: &'a Project, map: &TempoMap, id: &TrackId) -> Vec<(String, i64, &'a CompSpan)> {
    let spans = project.comp_on(id);
    let mut all: Vec<(String, i64, &CompSpan)> =
        spans.map(|(id, span)| (id.to_string(), map.frame_of(span.start).0, &**span)).collect();
    all.sort_by_key(|(_, start, _)| *start);
    all
}

fn name<'a>(project: &'a Project, take: &TakeId) -> &'a str {
    project.take(take).map_or("", |take| &take.name)
}
