//! How time grows with the number of tracks: what an edit costs off the audio thread, and what a block costs on it.

use std::time::{Duration, Instant};

use omega_dsp::simd::Level;
use omega_graph::compile;
use omega_session::Edit;
use omega_session::edit::TrackRoute;
use omega_session::model::{Output, Project, TrackId};

use crate::clock::cpu_time;
use crate::engine::{Player, lowered, plan};
use crate::material::{RATE, Stereo, tracks};
use crate::session::{Error, Material, project};
use crate::workload::Workload;

/// Numbers of tracks in the table.
const SIZES: [usize; 3] = [10, 100, 1000];

/// One row of the table. Times are the least of several runs.
pub struct Row {
    /// Tracks in the session.
    pub tracks: usize,
    /// Nodes in the schedule.
    pub nodes: usize,
    /// From the project to the graph.
    pub lower: Duration,
    /// From the graph to the schedule.
    pub compile: Duration,
    /// Until the engine runs it: processors, buffers, hand-over.
    pub build: Duration,
    /// CPU time of one block of 256 frames.
    pub block: Duration,
    /// CPU time of the dearest of some blocks without an edit.
    pub steady: Duration,
    /// CPU time of the dearest block while one track is routed elsewhere.
    pub edit: Duration,
}

/// Measures `workload` at each size, `rounds` times.
///
/// # Errors
/// A session cannot be built.
pub fn measure(workload: Workload, rounds: usize, level: Level) -> Result<Vec<Row>, Error> {
    // Ten tracks of material for all sizes: what is measured here is the graph, not the memory.
    let material = tracks(10, RATE);
    SIZES.into_iter().map(|count| row(workload, count, &Material(&material), rounds, level)).collect()
}

fn row(
    workload: Workload,
    count: usize,
    material: &Material<'_>,
    rounds: usize,
    level: Level,
) -> Result<Row, Error> {
    let project = project(workload, count, RATE)?;
    let graph = lowered(&project, level);
    let schedule = compile(&graph.spec)?.schedule;
    let mut row = Row {
        tracks: count,
        nodes: schedule.nodes.len(),
        lower: Duration::MAX,
        compile: Duration::MAX,
        build: Duration::MAX,
        block: Duration::MAX,
        steady: Duration::MAX,
        edit: Duration::MAX,
    };
    let edited = rerouted(&project)?;
    let edited_graph = lowered(&edited, level);
    let mut second = Stereo::silent(RATE);
    let blocks = u32::try_from(RATE / 256)?;
    for _ in 0..rounds {
        row.lower = row.lower.min(time(|| drop(lowered(&project, level))));
        row.compile = row.compile.min(time(|| drop(compile(&graph.spec))));
        let plan = plan(&graph, material, &project, level)?;
        let start = Instant::now();
        let mut player = Player::new(plan, level, 256)?;
        row.build = row.build.min(start.elapsed());
        row.block = row.block.min(cpu_time(|| player.render(&mut second)) / blocks);
        let [steady, edit] = player.change(self::plan(&edited_graph, material, &edited, level)?)?;
        (row.steady, row.edit) = (row.steady.min(steady), row.edit.min(edit));
    }
    Ok(row)
}

/// The session with its first track going to the master.
fn rerouted(project: &Project) -> Result<Project, Error> {
    let id = TrackId::new("trk-0")?;
    Ok(Edit::try_all(&[TrackRoute { id, output: Output::master() }.into()], project, [0; 32])?)
}

fn time(body: impl FnOnce()) -> Duration {
    let start = Instant::now();
    body();
    start.elapsed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_each_size_and_every_track_has_its_nodes() {
        let rows = [3, 30]
            .map(|count| row(Workload::Mix, count, &Material(&tracks(3, RATE)), 1, Level::detect()).unwrap());
        assert!(rows[1].nodes - rows[0].nodes >= 27 * 2, "{} and {} nodes", rows[0].nodes, rows[1].nodes);
        assert!(rows.iter().all(|row| row.block > Duration::ZERO && row.compile < Duration::MAX));
        assert!(rows.iter().all(|row| row.edit > Duration::ZERO && row.edit < Duration::MAX));
    }
}
