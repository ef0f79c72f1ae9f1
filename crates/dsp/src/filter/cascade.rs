//! Cascades of sections across lanes.

use super::Section;
use crate::kernels::Kernels;
use crate::simd::dispatch;
use crate::simd::lanes::{Lanes, WIDTH};

/// One frame of eight signals side by side.
pub type Lane = [f32; WIDTH];

impl Kernels {
    /// Filters one channel with a cascade, in place. Any number of sections.
    pub fn cascade_mono(self, buf: &mut [f32], sections: &mut [Section]) {
        dispatch!(self.level(), mono, (buf: &mut [f32], sections: &mut [Section]));
    }

    /// Filters two channels, each with its own cascade, in place. The channels have the same length (what is longer is left as it is).
    ///
    /// Gives the bytes of [`Kernels::cascade_mono`] on each channel.
    pub fn cascade_stereo(self, left: &mut [f32], right: &mut [f32], sections: [&mut [Section]; 2]) {
        dispatch!(
            self.level(),
            stereo,
            (left: &mut [f32], right: &mut [f32], sections: [&mut [Section]; 2])
        );
    }

    /// Filters eight signals side by side, in place: lane `i` of each frame with the cascade `sections[i]`. The cascades may differ in
    /// length; a lane without sections is left as it is.
    ///
    /// Gives the bytes of [`Kernels::cascade_mono`] on each lane.
    pub fn cascade_lanes(self, frames: &mut [Lane], sections: &mut [&mut [Section]; WIDTH]) {
        dispatch!(self.level(), lanes, (frames: &mut [Lane], sections: &mut [&mut [Section]; WIDTH]));
    }
}

mod scalar {
    use super::{Lane, Section, WIDTH};
    use crate::simd::one_at_a_time;

    pub fn mono(buf: &mut [f32], sections: &mut [Section]) {
        for section in sections {
            for x in buf.iter_mut() {
                *x = one_at_a_time(section.step(*x));
            }
        }
    }

    pub fn stereo(left: &mut [f32], right: &mut [f32], [left_sections, right_sections]: [&mut [Section]; 2]) {
        let length = left.len().min(right.len());
        mono(left.split_at_mut(length).0, left_sections);
        mono(right.split_at_mut(length).0, right_sections);
    }

    pub fn lanes(frames: &mut [Lane], sections: &mut [&mut [Section]; WIDTH]) {
        for (lane, sections) in sections.iter_mut().enumerate() {
            for section in sections.iter_mut() {
                for x in frames.iter_mut().filter_map(|frame| frame.get_mut(lane)) {
                    *x = one_at_a_time(section.step(*x));
                }
            }
        }
    }
}

pub(super) mod vector {
    use super::{Lane, Lanes, Section, WIDTH};
    use crate::filter::Coefficients;

    /// Eight sections, one in each lane.
    #[derive(Clone, Copy)]
    struct Eight<V> {
        b: [V; 3],
        c: [V; 3],
        s: [V; 2],
    }

    impl<V: Lanes> Eight<V> {
        /// The section that `of(i)` gives goes to lane `i`; where there is none, the lane lets everything through.
        #[inline(always)]
        fn gather<'a>(of: impl Fn(usize) -> Option<&'a Section>) -> Self {
            let mut rows = [V::load(&Section::new(Coefficients::IDENTITY).row); WIDTH];
            for (lane, row) in rows.iter_mut().enumerate() {
                if let Some(section) = of(lane) {
                    *row = V::load(&section.row);
                }
            }
            let [b1, b2, b3, c0, c1, c2, s1, s2] = V::transpose(rows);
            Self { b: [b1, b2, b3], c: [c0, c1, c2], s: [s1, s2] }
        }

        /// The rows of all lanes, as [`Section`] keeps them.
        #[inline(always)]
        fn rows(&self) -> [V; WIDTH] {
            let ([b1, b2, b3], [c0, c1, c2], [s1, s2]) = (self.b, self.c, self.s);
            V::transpose([b1, b2, b3, c0, c1, c2, s1, s2])
        }

        /// The states after this frame, and the output: the operations of [`Section::step`].
        #[inline(always)]
        fn next(&self, x: V) -> ([V; 2], V) {
            let ([b1, b2, b3], [c0, c1, c2], [s1, s2]) = (self.b, self.c, self.s);
            let v = x - s2;
            let y = c0 * x + (c1 * s1 + c2 * s2);
            ([s1 + (b1 * s1 + b2 * v), s2 + (b2 * s1 + b3 * v)], y)
        }

        #[inline(always)]
        fn step(&mut self, x: V) -> V {
            let (states, y) = self.next(x);
            self.s = states;
            y
        }
    }

    /// Below this many frames the pipeline does not pay.
    const SHORT: usize = 16;
    /// Up to this many frames are pipelined at once, so that frame numbers are exact in `f32`.
    const LONG: usize = 1 << 16;
    /// Sections that one pass takes with a cascade in each lane: their states and signals fill the registers.
    const MOST: usize = 4;
    /// Sections that one pass takes with a cascade of its own in each half of a vector.
    const HALF: usize = WIDTH / 2;

    #[inline(always)]
    pub fn mono<V: Lanes>(buf: &mut [f32], sections: &mut [Section]) {
        for part in buf.chunks_mut(LONG) {
            if part.len() < SHORT {
                super::scalar::mono(part, sections);
                continue;
            }
            for pass in sections.chunks_mut(WIDTH) {
                pipeline_one::<V>(part, pass);
            }
        }
    }

    #[inline(always)]
    pub fn stereo<V: Lanes>(
        left: &mut [f32],
        right: &mut [f32],
        [left_sections, right_sections]: [&mut [Section]; 2],
    ) {
        let length = left.len().min(right.len());
        let (left, right) = (left.split_at_mut(length).0, right.split_at_mut(length).0);
        if left_sections.len() != right_sections.len() {
            mono::<V>(left, left_sections);
            return mono::<V>(right, right_sections);
        }
        for (left, right) in left.chunks_mut(LONG).zip(right.chunks_mut(LONG)) {
            if left.len() < SHORT {
                super::scalar::stereo(left, right, [left_sections, right_sections]);
            } else {
                stereo_pipelines::<V>(left, right, left_sections, right_sections);
            }
        }
    }

    /// Eight sections a pass in two vectors, or up to four in one.
    #[inline(always)]
    fn stereo_pipelines<V: Lanes>(
        left: &mut [f32],
        right: &mut [f32],
        left_sections: &mut [Section],
        right_sections: &mut [Section],
    ) {
        let whole = left_sections.len() - left_sections.len() % WIDTH;
        let (l, l_rest) = left_sections.split_at_mut(whole);
        let (r, r_rest) = right_sections.split_at_mut(whole);
        for (l, r) in l.chunks_mut(WIDTH).zip(r.chunks_mut(WIDTH)) {
            pipeline_two::<V>(left, right, l, r);
        }
        if l_rest.len() > HALF {
            pipeline_two::<V>(left, right, l_rest, r_rest);
        } else if !l_rest.is_empty() {
            pipeline_halves::<V>(left, right, l_rest, r_rest);
        }
    }

    /// Which lanes hold a section that has a frame to work on, in the steps at the beginning and the end of a block.
    ///
    /// Lane `i` holds the section of depth `i − first` (in each half if `period` is 4).
    #[derive(Clone, Copy)]
    struct Active<V> {
        depths: V,
    }

    impl<V: Lanes> Active<V> {
        #[inline(always)]
        fn new(first: usize, period: usize) -> Self {
            let mut depths = [-1.0; WIDTH];
            for (lane, depth) in depths.iter_mut().enumerate() {
                if lane % period >= first {
                    *depth = (lane % period - first) as f32;
                }
            }
            Self { depths: V::load(&depths) }
        }

        /// Keeps the old states in lanes without a frame at `step`: the section of depth `d` works on frame `step − d`
        /// of `0..frames`.
        #[inline(always)]
        fn keep(self, step: usize, frames: usize, new: [V; 2], old: [V; 2]) -> [V; 2] {
            // Frame numbers of a block, and so these, are exact in f32.
            let frame = V::splat(step as f32) - self.depths;
            let (begin, end) = (V::splat(-0.5), V::splat(frames as f32 - 0.5));
            let pick = |new: V, old: V| end.if_gt(frame, frame.if_gt(begin, new, old), old);
            let [s1, s2] = [pick(new[0], old[0]), pick(new[1], old[1])];
            [self.depths.if_gt(begin, s1, old[0]), self.depths.if_gt(begin, s2, old[1])]
        }
    }

    /// The section in a lane, when the sections are right-aligned: the last one is in lane `to − 1`.
    #[inline(always)]
    fn aligned(sections: &[Section], to: usize, lane: usize) -> Option<&Section> {
        (lane + sections.len()).checked_sub(to).and_then(|index| sections.get(index))
    }

    /// The inverse of gathering [`aligned`] sections.
    #[inline(always)]
    fn put_back<V: Lanes>(rows: &[V; WIDTH], to: usize, sections: &mut [Section]) {
        let from = to - sections.len().min(to);
        for (section, row) in sections.iter_mut().zip(rows.iter().skip(from)) {
            row.store(&mut section.row);
        }
    }

    /// Where lanes take their input from outside: at `first` (of each half, if `period` is 4).
    #[inline(always)]
    fn entry<V: Lanes>(first: usize, period: usize) -> V {
        let mut mask = [0.0; WIDTH];
        for (lane, m) in mask.iter_mut().enumerate() {
            if lane % period == first {
                *m = 1.0;
            }
        }
        V::load(&mask)
    }

    /// One channel, up to eight sections in the lanes.
    #[inline(always)]
    fn pipeline_one<V: Lanes>(buf: &mut [f32], sections: &mut [Section]) {
        let count = sections.len();
        let first = WIDTH - count;
        let (active, entry, zero) = (Active::<V>::new(first, WIDTH), entry::<V>(first, WIDTH), V::splat(0.0));
        let mut eight = Eight::<V>::gather(|lane| aligned(sections, WIDTH, lane));
        let mut y = zero;
        let (frames, lead) = (buf.len(), count - 1);
        for (step, x) in (0..lead).zip(buf.iter()) {
            let (states, out) = eight.next(entry.if_gt(zero, V::splat(*x), y.shift_up()));
            eight.s = active.keep(step, frames, states, eight.s);
            y = out;
        }
        for at in lead..frames {
            let Some(x) = buf.get(at) else { break };
            y = eight.step(entry.if_gt(zero, V::splat(*x), y.shift_up()));
            if let Some(out) = buf.get_mut(at - lead) {
                *out = y.last();
            }
        }
        for step in frames..frames + lead {
            let (states, out) = eight.next(entry.if_gt(zero, zero, y.shift_up()));
            eight.s = active.keep(step, frames, states, eight.s);
            y = out;
            if let Some(out) = buf.get_mut(step - lead) {
                *out = y.last();
            }
        }
        put_back(&eight.rows(), WIDTH, sections);
    }

    /// Two channels, five to eight sections each, in two vectors: two independent chains hide each other's latency.
    #[inline(always)]
    fn pipeline_two<V: Lanes>(left: &mut [f32], right: &mut [f32], l: &mut [Section], r: &mut [Section]) {
        let count = l.len();
        let first = WIDTH - count;
        let (active, entry, zero) = (Active::<V>::new(first, WIDTH), entry::<V>(first, WIDTH), V::splat(0.0));
        let mut a = Eight::<V>::gather(|lane| aligned(l, WIDTH, lane));
        let mut b = Eight::<V>::gather(|lane| aligned(r, WIDTH, lane));
        let (mut y, mut z) = (zero, zero);
        let (frames, lead) = (left.len(), count - 1);
        for (step, (x, w)) in (0..lead).zip(left.iter().zip(right.iter())) {
            let (a_states, a_out) = a.next(entry.if_gt(zero, V::splat(*x), y.shift_up()));
            let (b_states, b_out) = b.next(entry.if_gt(zero, V::splat(*w), z.shift_up()));
            a.s = active.keep(step, frames, a_states, a.s);
            b.s = active.keep(step, frames, b_states, b.s);
            (y, z) = (a_out, b_out);
        }
        for at in lead..frames {
            let (Some(x), Some(w)) = (left.get(at), right.get(at)) else { break };
            y = a.step(entry.if_gt(zero, V::splat(*x), y.shift_up()));
            z = b.step(entry.if_gt(zero, V::splat(*w), z.shift_up()));
            if let (Some(x), Some(w)) = (left.get_mut(at - lead), right.get_mut(at - lead)) {
                (*x, *w) = (y.last(), z.last());
            }
        }
        for step in frames..frames + lead {
            let (a_states, a_out) = a.next(entry.if_gt(zero, zero, y.shift_up()));
            let (b_states, b_out) = b.next(entry.if_gt(zero, zero, z.shift_up()));
            a.s = active.keep(step, frames, a_states, a.s);
            b.s = active.keep(step, frames, b_states, b.s);
            (y, z) = (a_out, b_out);
            if let (Some(x), Some(w)) = (left.get_mut(step - lead), right.get_mut(step - lead)) {
                (*x, *w) = (y.last(), z.last());
            }
        }
        put_back(&a.rows(), WIDTH, l);
        put_back(&b.rows(), WIDTH, r);
    }

    /// Two channels, up to four sections each: left in the lower half, right in the upper.
    #[inline(always)]
    fn pipeline_halves<V: Lanes>(left: &mut [f32], right: &mut [f32], l: &mut [Section], r: &mut [Section]) {
        let count = l.len();
        let first = HALF - count;
        let (active, entry, zero) = (Active::<V>::new(first, HALF), entry::<V>(first, HALF), V::splat(0.0));
        let mut eight = Eight::<V>::gather(|lane| match lane {
            0..HALF => aligned(l, HALF, lane),
            _ => aligned(r, WIDTH, lane),
        });
        let mut y = zero;
        let (frames, lead) = (left.len(), count - 1);
        for (step, (x, w)) in (0..lead).zip(left.iter().zip(right.iter())) {
            let (states, out) = eight.next(entry.if_gt(zero, V::halves(*x, *w), y.shift_up()));
            eight.s = active.keep(step, frames, states, eight.s);
            y = out;
        }
        for at in lead..frames {
            let (Some(x), Some(w)) = (left.get(at), right.get(at)) else { break };
            y = eight.step(entry.if_gt(zero, V::halves(*x, *w), y.shift_up()));
            if let (Some(x), Some(w)) = (left.get_mut(at - lead), right.get_mut(at - lead)) {
                (*x, *w) = (y.middle(), y.last());
            }
        }
        for step in frames..frames + lead {
            let (states, out) = eight.next(entry.if_gt(zero, zero, y.shift_up()));
            eight.s = active.keep(step, frames, states, eight.s);
            y = out;
            if let (Some(x), Some(w)) = (left.get_mut(step - lead), right.get_mut(step - lead)) {
                (*x, *w) = (y.middle(), y.last());
            }
        }
        let rows = eight.rows();
        put_back(&rows, HALF, l);
        put_back(&rows, WIDTH, r);
    }

    #[inline(always)]
    pub fn lanes<V: Lanes>(frames: &mut [Lane], sections: &mut [&mut [Section]; WIDTH]) {
        let deepest = sections.iter().map(|lane| lane.len()).max().unwrap_or(0);
        let shallowest = sections.iter().map(|lane| lane.len()).min().unwrap_or(0);
        let mut depth = 0;
        while depth < deepest {
            depth += match (deepest.min(depth + MOST) - depth, shallowest >= deepest.min(depth + MOST)) {
                (1, true) => side_by_side::<V, 1, false>(frames, sections, depth),
                (2, true) => side_by_side::<V, 2, false>(frames, sections, depth),
                (3, true) => side_by_side::<V, 3, false>(frames, sections, depth),
                (_, true) => side_by_side::<V, MOST, false>(frames, sections, depth),
                (1, false) => side_by_side::<V, 1, true>(frames, sections, depth),
                (2, false) => side_by_side::<V, 2, true>(frames, sections, depth),
                (3, false) => side_by_side::<V, 3, true>(frames, sections, depth),
                (_, false) => side_by_side::<V, MOST, true>(frames, sections, depth),
            };
        }
    }

    /// Sections `depth..depth + N` of all lanes in one pass over the frames. With `RAGGED` some lanes lack some of
    /// these sections, and their signal goes past them. Returns `N`.
    #[inline(always)]
    fn side_by_side<V: Lanes, const N: usize, const RAGGED: bool>(
        frames: &mut [Lane],
        sections: &mut [&mut [Section]; WIDTH],
        depth: usize,
    ) -> usize {
        let zero = V::splat(0.0);
        let mut present = [zero; N];
        let mut eights = [Eight::<V>::gather(|_| None); N];
        for (level, (eight, present)) in (depth..).zip(eights.iter_mut().zip(&mut present)) {
            *eight = Eight::gather(|lane| sections.get(lane)?.get(level));
            let mut lanes = [0.0; WIDTH];
            for (lane, sections) in lanes.iter_mut().zip(sections.iter()) {
                *lane = if sections.len() > level { 1.0 } else { 0.0 };
            }
            *present = V::load(&lanes);
        }
        skewed(frames, &mut eights, |k, y, x| if RAGGED { present[k].if_gt(zero, y, x) } else { y });
        for (level, eight) in (depth..).zip(&eights) {
            for (row, sections) in eight.rows().iter().zip(sections.iter_mut()) {
                if let Some(section) = sections.get_mut(level) {
                    row.store(&mut section.row);
                }
            }
        }
        N
    }

    /// A cascade of `N` sections over all frames. The sections work on different frames at a time (section `k` is `k` frames behind),
    /// so that none waits for another and the CPU is kept busy. `pick(k, y, x)` chooses between the output and the input of section `k`.
    #[inline(always)]
    fn skewed<V: Lanes, const N: usize>(
        frames: &mut [Lane],
        eights: &mut [Eight<V>; N],
        pick: impl Fn(usize, V, V) -> V,
    ) {
        let (count, lead) = (frames.len(), N - 1);
        let mut between = [V::splat(0.0); N];
        // One step of the sections `from..to`; section 0 takes `x`. The deepest goes first, for it takes what the previous step left.
        #[inline(always)]
        fn step<V: Lanes, const N: usize>(
            eights: &mut [Eight<V>; N],
            between: &mut [V; N],
            x: V,
            active: core::ops::Range<usize>,
            pick: impl Fn(usize, V, V) -> V,
        ) {
            for k in (0..N).rev() {
                let input = if k == 0 { x } else { between[k - 1] };
                if active.contains(&k) {
                    between[k] = pick(k, eights[k].step(input), input);
                }
            }
        }
        for at in 0..lead.min(count) {
            let Some(frame) = frames.get(at) else { break };
            step(eights, &mut between, V::load(frame), 0..at + 1, &pick);
        }
        for at in lead..count {
            let Some(frame) = frames.get(at) else { break };
            step(eights, &mut between, V::load(frame), 0..N, &pick);
            if let Some(out) = frames.get_mut(at - lead) {
                between[lead].store(out);
            }
        }
        for at in count..count + lead {
            // Section k has a frame left while at − k is one of the frames.
            step(eights, &mut between, V::splat(0.0), at + 1 - count..(at + 1).min(N), &pick);
            if let Some(out) = at.checked_sub(lead).and_then(|at| frames.get_mut(at)) {
                between[lead].store(out);
            }
        }
    }
}
