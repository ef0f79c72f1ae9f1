//! Interleaved rounds: the first contender is the ceiling, the others are measured against it within each round.

use crate::clock;
use crate::material::{RATE, Stereo};

/// Something that renders the whole workload into the given output.
pub struct Contender<'a> {
    name: &'static str,
    render: Box<dyn FnMut(&mut Stereo) + 'a>,
}

impl<'a> Contender<'a> {
    /// A contender; `render` starts from its reset state at each call and overwrites the output.
    pub fn new(name: &'static str, render: impl FnMut(&mut Stereo) + 'a) -> Self {
        Self { name, render: Box::new(render) }
    }
}

/// What one contender took.
pub struct Report {
    /// Its name.
    pub name: &'static str,
    /// CPU microseconds for one second of one track, in the best round.
    pub min_micros: f64,
    /// The same in the median round.
    pub median_micros: f64,
    /// Median over the rounds of its time divided by the ceiling's time in the same round.
    pub ratio: f64,
    /// Level of its output.
    pub rms: f64,
}

/// Renders every contender `rounds` times, in turns, after one unmeasured round.
pub fn run(contenders: &mut [Contender<'_>], tracks: usize, seconds: usize, rounds: usize) -> Vec<Report> {
    let mut outputs: Vec<Stereo> = contenders.iter().map(|_| Stereo::silent(seconds * RATE)).collect();
    let mut times = vec![Vec::with_capacity(rounds); contenders.len()];
    for round in 0..=rounds {
        for (index, contender) in contenders.iter_mut().enumerate() {
            let time = clock::cpu_time(|| (contender.render)(&mut outputs[index]));
            if round > 0 {
                times[index].push(time.as_secs_f64());
            }
        }
    }
    let scale = 1e6 / (tracks * seconds) as f64;
    let line = |(index, contender): (usize, &Contender<'_>)| Report {
        name: contender.name,
        min_micros: scale * times[index].iter().copied().fold(f64::INFINITY, f64::min),
        median_micros: scale * median(&times[index]),
        ratio: median(
            &times[index].iter().zip(&times[0]).map(|(own, first)| own / first).collect::<Vec<_>>(),
        ),
        rms: outputs[index].rms(),
    };
    contenders.iter().enumerate().map(line).collect()
}

/// Mean, median, 99th percentile and largest of some times; zeros where there are none.
pub fn spread(times: impl Iterator<Item = f64>) -> [f64; 4] {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| {
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index below the length"
        )]
        let index = (share * times.len().saturating_sub(1) as f64) as usize;
        times.get(index).copied().unwrap_or(0.0)
    };
    [times.iter().sum::<f64>() / times.len().max(1) as f64, at(0.5), at(0.99), at(1.0)]
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contenders_take_turns_and_the_ratio_is_to_the_first() {
        let order = std::cell::RefCell::new(Vec::new());
        let work = |name: &'static str, turns: u32| {
            let order = &order;
            Contender::new(name, move |out| {
                order.borrow_mut().push(name);
                for _ in 0..turns {
                    out.left.iter_mut().for_each(|sample| *sample = std::hint::black_box(0.5));
                }
            })
        };
        let report = run(&mut [work("one", 10), work("many", 200)], 1, 1, 3);
        assert_eq!(*order.borrow(), ["one", "many"].repeat(4));
        assert_eq!(report[0].ratio, 1.0);
        assert!(report[1].ratio > 2.0, "twenty times the work took {} times as long", report[1].ratio);
        assert!((report[0].rms - 0.125_f64.sqrt()).abs() < 1e-6);
    }
}
