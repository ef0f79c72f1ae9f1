//! The sounds of the demo: drums, notes, chords and sung vowels, a file each.

use omega_dsp::math;

use super::synth::{Filter, Noise, Phase, channel, decay, hertz, normalise, swell};

/// A sound.
pub struct Material {
    /// Its name, and that of its file.
    pub name: String,
    /// One channel or two, of one length.
    pub channels: Vec<Vec<f32>>,
}

/// The chords of the song: root of the bass, and the notes above.
pub const CHORDS: [(i32, [i32; 3]); 4] =
    [(33, [57, 60, 64]), (29, [57, 60, 65]), (36, [55, 60, 64]), (31, [55, 59, 62])];
/// Notes of the arpeggio, by chord: the chord an octave up, and its root above.
pub fn arpeggio(chord: usize) -> [i32; 4] {
    let [a, b, c] = CHORDS[chord % CHORDS.len()].1;
    [a + 12, b + 12, c + 12, a + 24]
}
/// Notes of the melody.
pub const MELODY: [i32; 6] = [69, 71, 72, 74, 76, 79];
/// Formants (Hz and weight) of three sung vowels: a, o, e. After Peterson and Barney 1952.
const VOWELS: [(&str, [(f64, f64); 3]); 3] = [
    ("a", [(730.0, 1.0), (1090.0, 0.6), (2440.0, 0.25)]),
    ("o", [(570.0, 1.0), (840.0, 0.6), (2410.0, 0.15)]),
    ("e", [(530.0, 1.0), (1840.0, 0.5), (2480.0, 0.35)]),
];

/// All sounds.
pub fn all() -> Vec<Material> {
    let mut all = drums();
    let mut add = |name: String, peak: f32, mut channels: Vec<Vec<f32>>| {
        normalise(&mut channels, peak);
        all.push(Material { name, channels });
    };
    for (n, (root, notes)) in CHORDS.iter().enumerate() {
        add(format!("bass-{n}"), 0.7, vec![bass(*root)]);
        add(format!("warm-{n}"), 0.6, warm(notes));
        add(format!("glass-{n}"), 0.6, glass(notes));
    }
    let mut plucks: Vec<i32> = (0..CHORDS.len()).flat_map(arpeggio).collect();
    plucks.sort_unstable();
    plucks.dedup();
    plucks.iter().for_each(|note| add(format!("pluck-{note}"), 0.6, vec![pluck(*note)]));
    MELODY.iter().for_each(|note| add(format!("lead-{note}"), 0.6, vec![lead(*note)]));
    for (vowel, formants) in &VOWELS {
        for note in [57, 60] {
            add(format!("voice-{vowel}-{note}"), 0.6, vec![voice(note, formants)]);
        }
    }
    add("riser".to_owned(), 0.5, vec![riser(1), riser(2)]);
    add("impact".to_owned(), 0.8, vec![impact(3), impact(4)]);
    all
}

fn drums() -> Vec<Material> {
    let sounds = [
        ("kick", 0.9, kick()),
        ("snare", 0.8, snare()),
        ("hat", 0.5, hat(5, 0.03, 0.12)),
        ("hat-open", 0.5, hat(6, 0.16, 0.5)),
        ("tom-low", 0.7, tom(82.0)),
        ("tom-mid", 0.7, tom(110.0)),
        ("tom-high", 0.7, tom(147.0)),
        ("clave", 0.5, clave()),
        ("shaker", 0.4, shaker()),
    ];
    let material = |(name, peak, samples): (&str, f32, Vec<f32>)| {
        let mut channels = vec![samples];
        normalise(&mut channels, peak);
        Material { name: name.to_owned(), channels }
    };
    sounds.into_iter().map(material).collect()
}

fn kick() -> Vec<f32> {
    let (mut body, mut noise) = (Phase::new(0.0), Noise::new(7));
    channel(0.42, |t| {
        let tone = body.sine(47.0 + 130.0 * decay(t, 0.028)) * decay(t, 0.13);
        (tone + 0.25 * noise.next() * decay(t, 0.003)) * swell(t, 0.0005, 0.05, 0.42)
    })
}

fn snare() -> Vec<f32> {
    let (mut body, mut upper, mut noise, mut filter) =
        (Phase::new(0.0), Phase::new(0.0), Noise::new(8), Filter::default());
    channel(0.3, |t| {
        let tone = body.sine(184.0 + 60.0 * decay(t, 0.01)) + 0.6 * upper.sine(331.0);
        let rattle = filter.next(noise.next(), 3_200.0, 0.7);
        (0.6 * tone * decay(t, 0.05) + (rattle.band + 0.4 * rattle.high) * decay(t, 0.07))
            * swell(t, 0.0005, 0.04, 0.3)
    })
}

fn hat(seed: u64, time: f64, seconds: f64) -> Vec<f32> {
    let (mut noise, mut filter) = (Noise::new(seed), Filter::default());
    channel(seconds, |t| {
        filter.next(noise.next(), 8_500.0, 1.2).high * decay(t, time) * swell(t, 0.0005, 0.02, seconds)
    })
}

fn tom(pitch: f64) -> Vec<f32> {
    let mut body = Phase::new(0.0);
    channel(0.5, |t| {
        body.sine(pitch * (1.0 + 0.5 * decay(t, 0.04))) * decay(t, 0.14) * swell(t, 0.001, 0.05, 0.5)
    })
}

fn clave() -> Vec<f32> {
    let mut body = Phase::new(0.0);
    channel(0.12, |t| body.sine(1_870.0) * decay(t, 0.018) * swell(t, 0.0005, 0.02, 0.12))
}

fn shaker() -> Vec<f32> {
    let (mut noise, mut filter) = (Noise::new(9), Filter::default());
    channel(0.14, |t| filter.next(noise.next(), 5_600.0, 1.5).band * swell(t, 0.03, 0.1, 0.14))
}

fn bass(note: i32) -> Vec<f32> {
    let (mut saw, mut sub, mut filter) = (Phase::new(0.5), Phase::new(0.0), Filter::default());
    let pitch = hertz(note);
    channel(0.55, |t| {
        let sound = filter.next(saw.saw(pitch), 130.0 + 900.0 * decay(t, 0.09), 1.3).low;
        (0.6 * sound + 0.6 * sub.sine(pitch)) * swell(t, 0.004, 0.09, 0.55)
    })
}

/// A chord of detuned saws below 900 Hz, to be cut to its bar: five seconds.
fn warm(notes: &[i32; 3]) -> Vec<Vec<f32>> {
    let side = |detune: f64| {
        let mut voices: Vec<(Phase, f64)> =
            notes.iter().map(|note| (Phase::new(0.3 * detune * 100.0), hertz(*note - 12))).collect();
        let mut filter = Filter::default();
        channel(5.0, |t| {
            let sum: f64 = voices.iter_mut().map(|(saw, pitch)| saw.saw(*pitch * (1.0 + detune))).sum();
            filter.next(sum, 500.0 + 350.0 * swell(t, 1.6, 2.0, 5.0), 0.8).low * swell(t, 0.25, 0.5, 5.0)
        })
    };
    vec![side(0.0017), side(-0.0021)]
}

/// A chord of sines with a slow beat: five seconds.
fn glass(notes: &[i32; 3]) -> Vec<Vec<f32>> {
    let side = |shift: f64| {
        let mut voices: Vec<(Phase, Phase, f64)> = notes
            .iter()
            .map(|note| (Phase::new(shift), Phase::new(0.0), hertz(*note + 12) * (1.0 + 0.001 * shift)))
            .collect();
        let mut sway = Phase::new(shift);
        channel(5.0, |t| {
            let sum: f64 = voices
                .iter_mut()
                .map(|(one, two, pitch)| one.sine(*pitch) + 0.25 * two.sine(*pitch * 2.004))
                .sum();
            sum * (0.8 + 0.2 * sway.sine(0.6)) * swell(t, 0.5, 0.6, 5.0)
        })
    };
    vec![side(0.0), side(0.5)]
}

fn pluck(note: i32) -> Vec<f32> {
    let (mut square, mut filter) = (Phase::new(0.0), Filter::default());
    let pitch = hertz(note);
    channel(0.4, |t| {
        filter.next(square.square(pitch), 700.0 + 4_200.0 * decay(t, 0.06), 1.6).low
            * decay(t, 0.11)
            * swell(t, 0.002, 0.05, 0.4)
    })
}

fn lead(note: i32) -> Vec<f32> {
    let (mut one, mut two, mut sway, mut filter) =
        (Phase::new(0.0), Phase::new(0.4), Phase::new(0.0), Filter::default());
    let pitch = hertz(note);
    channel(1.2, |t| {
        let bent = pitch * (1.0 + 0.006 * sway.sine(5.4) * swell(t, 0.5, 0.1, 2.0));
        let sum = one.saw(bent) + one_above(&mut two, bent);
        filter.next(sum, 2_400.0, 0.9).low * swell(t, 0.02, 0.25, 1.2)
    })
}

fn one_above(phase: &mut Phase, pitch: f64) -> f64 {
    0.5 * phase.square(pitch * 1.003)
}

/// A saw through three formants.
fn voice(note: i32, formants: &[(f64, f64); 3]) -> Vec<f32> {
    let (mut throat, mut sway, mut breath) = (Phase::new(0.0), Phase::new(0.0), Noise::new(10));
    let mut filters: [Filter; 3] = Default::default();
    let pitch = hertz(note);
    channel(2.6, |t| {
        let bent = pitch * (1.0 + 0.008 * sway.sine(5.1) * swell(t, 0.9, 0.1, 4.0));
        let source = throat.saw(bent) + 0.04 * breath.next();
        let formed = filters.iter_mut().zip(formants);
        let sum: f64 = formed.map(|(filter, (hz, weight))| weight * filter.next(source, *hz, 9.0).band).sum();
        sum * swell(t, 0.15, 0.6, 2.6)
    })
}

/// Noise that opens over eight seconds.
fn riser(seed: u64) -> Vec<f32> {
    let (mut noise, mut filter) = (Noise::new(seed), Filter::default());
    channel(8.0, |t| {
        let open = t / 8.0;
        filter.next(noise.next(), 300.0 * math::exp2(4.6 * open), 2.5).band
            * open
            * open
            * swell(t, 0.1, 0.03, 8.0)
    })
}

fn impact(seed: u64) -> Vec<f32> {
    let (mut boom, mut noise, mut filter) = (Phase::new(0.0), Noise::new(seed), Filter::default());
    channel(2.6, |t| {
        let wash = filter.next(noise.next(), 400.0 + 6_000.0 * decay(t, 0.4), 0.7).low * decay(t, 0.55);
        (boom.sine(38.0 + 40.0 * decay(t, 0.1)) * decay(t, 0.5) + 0.6 * wash) * swell(t, 0.001, 0.5, 2.6)
    })
}
