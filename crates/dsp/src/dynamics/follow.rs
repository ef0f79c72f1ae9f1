//! The gain of each frame: one cell after the other, up to eight nodes in the lanes.

use super::{CELL, Detector, Dynamics, Settings};
use crate::kernels::Kernels;
use crate::math::fast;
use crate::simd::dispatch;
use crate::simd::lanes::{Lanes, WIDTH};

/// Frames of a cell, as a difference of clocks.
const FRAMES: i64 = 8;

/// Differences of gain below this (2⁻²⁰, 6·10⁻⁶ dB) are closed at once, and a mean power below it counts as none, so that the state comes to rest.
const CLOSE: f32 = 1.0 / 1_048_576.0;
/// A mean power below this (−240 dB) counts as none.
const FAINT: f32 = 1e-24;
/// One eighth: the step of the straight line within a cell.
const STEP: f32 = 0.125;

/// One node and its block.
#[derive(Debug)]
pub struct Node<'a> {
    /// Its state.
    pub dynamics: &'a mut Dynamics,
    /// Its settings over this block.
    pub settings: &'a Settings,
    /// The channels whose level counts, at least as long as `factors` (what is missing counts as silence).
    pub key: &'a [&'a [f32]],
    /// Gets the factor to multiply each frame with.
    pub factors: &'a mut [f32],
}

impl Kernels {
    /// Computes the factors of a block for any number of nodes. `clock` is the absolute frame at which all of them begin; all blocks
    /// have the same length (else each node is processed by itself).
    ///
    /// Gives the bytes that one call per node would give. Real-time safe.
    pub fn dynamics(self, clock: i64, nodes: &mut [Node<'_>]) {
        dispatch!(self.level(), dynamics, (clock: i64, nodes: &mut [Node<'_>]));
    }
}

/// Frames since the beginning of the cell.
fn phase(clock: i64) -> usize {
    usize::try_from(clock.rem_euclid(FRAMES)).unwrap_or(0)
}

/// Cells until the end of the hold time that the cell at `clock` lies in, that cell included.
fn cells_left(clock: i64, hold: f32) -> f32 {
    #[allow(clippy::cast_possible_truncation, reason = "a whole number from 1 to 100,000")]
    let hold = (hold as i64).max(1);
    (hold - clock.div_euclid(FRAMES).rem_euclid(hold)) as f32
}

impl Node<'_> {
    fn frames(&self) -> usize {
        self.factors.len()
    }

    /// The level of one frame: the largest magnitude, or the sum of the powers, of all channels.
    fn level(&self, frame: usize) -> f32 {
        let samples = self.key.iter().map(|channel| channel.get(frame).copied().unwrap_or(0.0));
        match self.settings.detector {
            Detector::Peak => samples.fold(0.0, |peak, x| larger(x.abs(), peak)),
            Detector::Rms => samples.fold(0.0, |sum, x| sum + x * x),
        }
    }

    fn start(&mut self) {
        if self.dynamics.started == 0.0 {
            let factor = self.settings.factor(self.dynamics.gain);
            (self.dynamics.from, self.dynamics.to, self.dynamics.started) = (factor, factor, 1.0);
        }
    }

    /// One frame: the reference.
    fn step(&mut self, frame: usize, clock: i64) {
        let phase = phase(clock);
        let level = self.level(frame);
        let state = &mut *self.dynamics;
        if let Some(factor) = self.factors.get_mut(frame) {
            *factor = state.from + (state.to - state.from) * ((phase + 1) as f32 * STEP);
        }
        let so_far = if phase == 0 { 0.0 } else { state.cell };
        state.cell = match self.settings.detector {
            Detector::Peak => larger(level, so_far),
            Detector::Rms => so_far + level,
        };
        if phase + 1 == CELL {
            self.end_cell(clock);
        }
    }

    /// The end of a cell: the reference for [`vector::Control::step`].
    fn end_cell(&mut self, clock: i64) {
        let (scale, settings, state) = (to_mean(self), self.settings, &mut *self.dynamics);
        let level = state.cell * scale;
        state.cell = 0.0;
        let (loudness, share) = match settings.detector {
            Detector::Peak => {
                let current = larger(level, state.current);
                let held = larger(current, state.previous);
                if cells_left(clock, settings.ballistics.hold) < 1.5 {
                    (state.previous, state.current) = (current, 0.0);
                } else {
                    state.current = current;
                }
                (held, 1.0)
            }
            Detector::Rms => {
                let mean = level + settings.ballistics.average * (state.mean - level);
                state.mean = if mean > FAINT { mean } else { 0.0 };
                (state.mean, 0.5)
            }
        };
        let target = settings.curve.gain(fast::log2(loudness) * share);
        let difference = state.gain - target;
        let rest = if difference > 0.0 { settings.ballistics.attack } else { settings.ballistics.release }
            * difference;
        state.gain = target + if rest.abs() > CLOSE { rest } else { 0.0 };
        (state.from, state.to) = (state.to, settings.factor(state.gain));
    }
}

/// Factor from the sum of power over a cell to the mean over frames and channels.
fn to_mean(node: &Node<'_>) -> f32 {
    match node.settings.detector {
        Detector::Peak => 1.0,
        Detector::Rms => STEP / node.key.len().max(1) as f32,
    }
}

/// `a > b ? a : b`.
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

mod scalar {
    use super::Node;

    pub fn dynamics(clock: i64, nodes: &mut [Node<'_>]) {
        for node in nodes {
            frames(clock, node, 0..node.frames());
        }
    }

    /// Some frames of a block that begins at `clock`.
    pub fn frames(clock: i64, node: &mut Node<'_>, frames: core::ops::Range<usize>) {
        node.start();
        let first = clock.wrapping_add(i64::try_from(frames.start).unwrap_or(0));
        for (at, frame) in (0..).zip(frames) {
            node.step(frame, first.wrapping_add(at));
        }
    }
}

mod vector {
    use super::{
        CELL, CLOSE, Detector, Dynamics, FAINT, Lanes, Node, STEP, WIDTH, cells_left, phase, to_mean,
    };
    use crate::math::fast::{exp2_lanes, log2_lanes};

    /// Cells that are worked on at once.
    const CELLS: usize = 32;

    /// Levels or factors: a row of lanes (one lane a node) for each cell.
    type Table = [[f32; WIDTH]; CELLS];

    #[inline(always)]
    pub fn dynamics<V: Lanes>(clock: i64, nodes: &mut [Node<'_>]) {
        for nodes in nodes.chunks_mut(WIDTH) {
            let frames = nodes.first().map_or(0, Node::frames);
            if nodes.iter().any(|node| node.frames() != frames || node.key.iter().any(|x| x.len() < frames)) {
                super::scalar::dynamics(clock, nodes);
                continue;
            }
            let head = ((CELL - phase(clock)) % CELL).min(frames);
            let whole = (frames - head) / CELL * CELL;
            nodes.iter_mut().for_each(|node| super::scalar::frames(clock, node, 0..head));
            let mut at = head;
            while at < head + whole {
                let cells = ((head + whole - at) / CELL).min(CELLS);
                let begin = clock.wrapping_add(i64::try_from(at).unwrap_or(0));
                cells_of::<V>(begin, nodes, at, cells);
                at += cells * CELL;
            }
            nodes.iter_mut().for_each(|node| super::scalar::frames(clock, node, at..frames));
        }
    }

    /// `cells` whole cells of all nodes, from frame `at` of their blocks.
    #[inline(always)]
    fn cells_of<V: Lanes>(clock: i64, nodes: &mut [Node<'_>], at: usize, cells: usize) {
        let mut table: Table = [[0.0; WIDTH]; CELLS];
        for (lane, node) in nodes.iter_mut().enumerate() {
            levels::<V>(node, at, cells, lane, &mut table);
        }
        let mut control = Control::<V>::gather(clock, nodes);
        control.run(table.get_mut(..cells).unwrap_or_default());
        for (lane, node) in nodes.iter_mut().enumerate() {
            factors::<V>(node, at, cells, lane, &table);
        }
        control.scatter(nodes);
    }

    /// The level of each cell of a node, into its lane of the table.
    #[inline(always)]
    fn levels<V: Lanes>(node: &mut Node<'_>, at: usize, cells: usize, lane: usize, table: &mut Table) {
        let zero = V::splat(0.0);
        for (eight, table) in table.as_chunks_mut::<WIDTH>().0.iter_mut().enumerate() {
            let first = eight * WIDTH;
            if first >= cells {
                return;
            }
            let count = (cells - first).min(WIDTH) * CELL;
            let from = at + first * CELL;
            let chunks =
                node.key.iter().filter_map(|x| Some(x.get(from..from + count)?.as_chunks::<WIDTH>().0));
            let mut rows = [zero; WIDTH];
            let folded = match node.settings.detector {
                Detector::Peak => {
                    for chunks in chunks {
                        for (row, x) in rows.iter_mut().zip(chunks) {
                            *row = V::load(x).abs().max(*row);
                        }
                    }
                    V::transpose(rows).into_iter().fold(zero, |peak, x| x.max(peak))
                }
                Detector::Rms => {
                    for chunks in chunks {
                        for (row, x) in rows.iter_mut().zip(chunks) {
                            let x = V::load(x);
                            *row = *row + x * x;
                        }
                    }
                    V::transpose(rows).into_iter().fold(zero, |sum, x| sum + x)
                }
            };
            let mut levels = [0.0; WIDTH];
            folded.store(&mut levels);
            for (row, level) in table.iter_mut().zip(levels) {
                if let Some(slot) = row.get_mut(lane) {
                    *slot = level;
                }
            }
        }
    }

    /// The factor of each frame of a node, from the factors at the ends of its cells.
    #[inline(always)]
    fn factors<V: Lanes>(node: &mut Node<'_>, at: usize, cells: usize, lane: usize, table: &Table) {
        let line = V::load(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0].map(|frame: f32| frame * STEP));
        let (mut from, mut to) = (node.dynamics.from, node.dynamics.to);
        let chunks = node.factors.get_mut(at..).unwrap_or_default().as_chunks_mut::<WIDTH>().0;
        for (row, chunk) in table.iter().zip(chunks).take(cells) {
            (V::splat(from) + V::splat(to - from) * line).store(chunk);
            from = to;
            to = row.get(lane).copied().unwrap_or(to);
        }
    }

    /// The control-rate half of up to eight nodes.
    struct Control<V> {
        state: [V; Dynamics::STATE],
        scale: V,
        rms: V,
        share: V,
        threshold: V,
        knee: V,
        half_knee: V,
        bend: V,
        slope: V,
        attack: V,
        release: V,
        average: V,
        hold: V,
        left: V,
        dry: V,
        wet: V,
    }

    /// A number of each node in its lane.
    #[inline(always)]
    fn each<V: Lanes>(nodes: &[Node<'_>], of: impl Fn(&Node<'_>) -> f32) -> V {
        let mut lanes = [0.0; WIDTH];
        for (lane, node) in lanes.iter_mut().zip(nodes) {
            *lane = of(node);
        }
        V::load(&lanes)
    }

    impl<V: Lanes> Control<V> {
        #[inline(always)]
        fn gather(clock: i64, nodes: &mut [Node<'_>]) -> Self {
            let mut rows = [V::splat(0.0); WIDTH];
            for (row, node) in rows.iter_mut().zip(nodes.iter_mut()) {
                node.start();
                *row = V::load(&node.dynamics.state());
            }
            let nodes = &*nodes;
            let knee: V = each(nodes, |node| node.settings.curve.knee);
            Self {
                state: V::transpose(rows),
                scale: each(nodes, to_mean),
                rms: each(nodes, |node| if node.settings.detector == Detector::Rms { 1.0 } else { 0.0 }),
                share: each(nodes, |node| if node.settings.detector == Detector::Rms { 0.5 } else { 1.0 }),
                threshold: each(nodes, |node| node.settings.curve.threshold),
                knee,
                half_knee: knee * V::splat(0.5),
                bend: each(nodes, |node| node.settings.curve.bend),
                slope: each(nodes, |node| node.settings.curve.slope),
                attack: each(nodes, |node| node.settings.ballistics.attack),
                release: each(nodes, |node| node.settings.ballistics.release),
                average: each(nodes, |node| node.settings.ballistics.average),
                hold: each(nodes, |node| node.settings.ballistics.hold),
                left: each(nodes, |node| cells_left(clock, node.settings.ballistics.hold)),
                dry: each(nodes, |node| node.settings.dry),
                wet: each(nodes, |node| node.settings.wet),
            }
        }

        #[inline(always)]
        fn scatter(&self, nodes: &mut [Node<'_>]) {
            for (row, node) in V::transpose(self.state).into_iter().zip(nodes) {
                let mut state = [0.0; Dynamics::STATE];
                row.store(&mut state);
                *node.dynamics = Dynamics::from_state(state);
            }
        }

        /// From the levels of the cells (peak or sum of power) to the factors. The operations are those of [`Node::end_cell`], in a loop for
        /// each stage: only the short ones have to wait for the cell before.
        #[inline(always)]
        fn run(&mut self, table: &mut [[f32; WIDTH]]) {
            for row in table.iter_mut() {
                self.detect(V::load(row)).store(row);
            }
            for row in table.iter_mut() {
                self.target(V::load(row)).store(row);
            }
            for row in table.iter_mut() {
                self.smooth(V::load(row)).store(row);
            }
            for row in table.iter_mut() {
                (self.dry + self.wet * exp2_lanes(V::load(row))).store(row);
            }
            let count = table.len();
            let [.., from, to, _] = &mut self.state;
            if let Some(before) = count.checked_sub(2).and_then(|at| table.get(at)) {
                *from = V::load(before);
            } else {
                *from = *to;
            }
            if let Some(last) = table.last() {
                *to = V::load(last);
            }
        }

        /// The loudness at the end of a cell. Both detectors run; each keeps its state where it is not the one in use.
        #[inline(always)]
        fn detect(&mut self, cell: V) -> V {
            let (zero, half, one) = (V::splat(0.0), V::splat(0.5), V::splat(1.0));
            let [partial, current, previous, mean, ..] = &mut self.state;
            let level = cell * self.scale;
            let peak = level.max(*current);
            let held = peak.max(*previous);
            let over = V::splat(1.5).if_gt(self.left, one, zero);
            let new_previous = over.if_gt(half, peak, *previous);
            let new_current = over.if_gt(half, zero, peak);
            self.left = over.if_gt(half, self.hold, self.left - one);
            let average = level + self.average * (*mean - level);
            let average = average.if_gt(V::splat(FAINT), average, zero);
            let pick = |rms: V, peak: V| self.rms.if_gt(half, rms, peak);
            *partial = zero;
            *current = pick(*current, new_current);
            *previous = pick(*previous, new_previous);
            *mean = pick(average, *mean);
            pick(average, held)
        }

        /// The gain at the end of a cell, given its target.
        #[inline(always)]
        fn smooth(&mut self, target: V) -> V {
            let [_, _, _, _, gain, ..] = &mut self.state;
            let zero = V::splat(0.0);
            let difference = *gain - target;
            let rest = difference.if_gt(zero, self.attack, self.release) * difference;
            *gain = target + rest.abs().if_gt(V::splat(CLOSE), rest, zero);
            *gain
        }

        /// [`super::super::Curve::gain`] of a loudness.
        #[inline(always)]
        fn target(&self, loudness: V) -> V {
            let zero = V::splat(0.0);
            let level = log2_lanes(loudness) * self.share;
            let over = level - self.threshold;
            let bent = (over + self.half_knee).max(zero).min(self.knee);
            let straight = (over - self.half_knee).max(zero);
            self.slope * (bent * bent * self.bend + straight)
        }
    }
}
