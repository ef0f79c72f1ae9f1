//! Sums channel buffers into one.

use omega_dsp::kernels::{Gain, Kernels, MixInput as Term, Ramp};
use omega_graph::{Fade, MixInput, MixStep};
use omega_processor::MAX_BLOCK;

use crate::{FADE, STRIDE};

/// Terms that go into one call of the kernel.
const AT_ONCE: usize = 8;
/// Terms of a sum in double precision that are summed without rounding in between.
const AT_ONCE_WIDE: usize = 128;

/// Gains of edges that come and of edges that go, for each frame of a block.
#[derive(Debug)]
pub(crate) struct FadeGains {
    rising: [f32; MAX_BLOCK],
    falling: [f32; MAX_BLOCK],
    /// The fade is over: what came is there, what went is gone.
    over: bool,
}

impl FadeGains {
    pub(crate) fn new() -> Self {
        Self { rising: [1.0; MAX_BLOCK], falling: [0.0; MAX_BLOCK], over: true }
    }

    /// Gains for a block that begins `done` frames after the fade began.
    pub(crate) fn set(&mut self, kernels: Kernels, done: i64) {
        self.over = done >= FADE;
        if !self.over {
            kernels.fill_ramp(&mut self.rising, Ramp { from: 0.0, to: 1.0, position: done, length: FADE });
            kernels.fill_ramp(&mut self.falling, Ramp { from: 1.0, to: 0.0, position: done, length: FADE });
        }
    }

    /// The gain of each frame where the term is on its way.
    fn ramp(&self, fade: Fade) -> Option<&[f32; MAX_BLOCK]> {
        match fade {
            _ if self.over => None,
            Fade::Steady => None,
            Fade::In => Some(&self.rising),
            Fade::Out => Some(&self.falling),
        }
    }
}

/// The channel buffers without the one that is written.
struct Sources<'a> {
    before: &'a [f32],
    after: &'a [f32],
    target: usize,
    frames: usize,
}

impl<'a> Sources<'a> {
    fn get(&self, channel: u32) -> &'a [f32] {
        let channel = channel as usize;
        let (side, index) = if channel < self.target {
            (self.before, channel)
        } else {
            (self.after, channel.saturating_sub(self.target + 1))
        };
        let begin = index * STRIDE;
        side.get(begin..begin + self.frames).unwrap_or(&[])
    }
}

/// A sum on its way.
struct Sum<'a> {
    kernels: Kernels,
    out: &'a mut [f32],
    wide: bool,
    begun: bool,
}

impl Sum<'_> {
    fn add(&mut self, terms: &[Term<'_>]) {
        match (terms.is_empty(), self.begun, self.wide) {
            (true, ..) => return,
            (false, true, _) => self.kernels.mix_more(self.out, terms),
            (false, false, true) => self.kernels.mix_f64(self.out, terms),
            (false, false, false) => self.kernels.mix(self.out, terms),
        }
        self.begun = true;
    }

    /// Adds `terms` in their order, `N` at a time.
    fn add_all<'b, const N: usize>(
        &mut self,
        terms: impl Iterator<Item = &'b MixInput>,
        sources: &Sources<'_>,
        fades: &FadeGains,
    ) {
        let mut gathered = [const { Term::unity(&[]) }; N];
        let mut count = 0;
        for term in terms {
            let samples = sources.get(term.source);
            if let Some(ramp) = fades.ramp(term.fade) {
                self.add(gathered.get(..count).unwrap_or(&[]));
                count = 0;
                let mut gains = *ramp;
                self.kernels.gain(&mut gains, term.gain);
                self.add(&[Term::per_sample(samples, gains.get(..samples.len()).unwrap_or(&[]))]);
                continue;
            }
            let gain = if term.gain == 1.0 { Gain::Unity } else { Gain::Constant(term.gain) };
            if let Some(place) = gathered.get_mut(count) {
                *place = Term { samples, gain };
                count += 1;
            }
            if count == N {
                self.add(&gathered);
                count = 0;
            }
        }
        self.add(gathered.get(..count).unwrap_or(&[]));
    }
}

/// Runs one mix step over `frames` frames. Terms that are silent or faded out are left out: a sum begins with +0, so that
/// adding a zero of either sign would change nothing.
pub(crate) fn run(
    kernels: Kernels,
    step: &MixStep,
    terms: &[MixInput],
    (slab, silent): (&mut [f32], &mut [bool]),
    fades: &FadeGains,
    frames: usize,
) {
    let target = step.target as usize;
    let (before, rest) = slab.split_at_mut_checked(target * STRIDE).unwrap_or((&mut [], &mut []));
    let (out, after) = rest.split_at_mut_checked(STRIDE).unwrap_or((&mut [], &mut []));
    let Some(out) = out.get_mut(..frames) else { return };
    let sources = Sources { before, after, target, frames };
    let heard = |term: &&MixInput| {
        let gone = term.fade == Fade::Out && fades.over;
        !gone && !silent.get(term.source as usize).copied().unwrap_or(true)
    };
    let sounding = terms.iter().filter(heard);
    let begun = step.more && !silent.get(target).copied().unwrap_or(true);
    let mut sum = Sum { kernels, out, wide: step.wide, begun };
    if step.wide {
        sum.add_all::<AT_ONCE_WIDE>(sounding, &sources, fades);
    } else {
        sum.add_all::<AT_ONCE>(sounding, &sources, fades);
    }
    let quiet = !sum.begun;
    if quiet && !step.more {
        sum.out.fill(0.0);
    }
    if let Some(silent) = silent.get_mut(target) {
        *silent = quiet;
    }
}
