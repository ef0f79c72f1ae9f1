//! The two neutral workloads, as numbers: every contender builds its session from these.
//!
//! `mix`: gain and balance on each track, eight buses, master. `fx`: gain, four peak filters, compressor and balance on
//! each track, eight buses with one peak filter, master.

/// Buses that the tracks are spread over: track *i* goes to bus *i* mod 8.
pub const BUSES: usize = 8;
/// Linear gain at the head of each track.
pub const TRACK_GAIN: f32 = 0.7;
/// Linear gain of each bus and of the master.
pub const BUS_GAIN: f32 = 0.9;

/// A peak filter.
#[derive(Clone, Copy)]
pub struct Peak {
    /// Centre in hertz.
    pub hertz: f64,
    /// Gain at the centre.
    pub decibels: f64,
    /// Quality.
    pub q: f64,
}

const fn peak(hertz: f64, decibels: f64) -> Peak {
    Peak { hertz, decibels, q: 0.9 }
}

/// The four bands of each track in `fx`.
pub const TRACK_BANDS: [Peak; 4] =
    [peak(100.0, 2.0), peak(400.0, -3.0), peak(2000.0, 2.0), peak(8000.0, -2.0)];
/// The one band of each bus in `fx`.
pub const BUS_BAND: Peak = peak(1000.0, -1.0);

/// Compressor in `fx`: linear threshold, input over output, attack and release in seconds; hard knee, linked channels.
pub const THRESHOLD: f32 = 0.063;
/// Decibels in for one decibel out above the threshold.
pub const RATIO: f32 = 3.0;
/// Time constant while the level rises, in seconds.
pub const ATTACK: f64 = 0.01;
/// Time constant while the level falls, in seconds.
pub const RELEASE: f64 = 0.1;

/// Which work is done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Workload {
    /// Gain and balance only: bound by memory.
    Mix,
    /// With filters and compressors: bound by arithmetic.
    Fx,
}

impl Workload {
    /// The word on the command line and in the report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mix => "mix",
            Self::Fx => "fx",
        }
    }

    /// The output level that other programs give for the same work, where it is known.
    pub fn expected_rms(self, tracks: usize) -> Option<f64> {
        match (self, tracks) {
            (Self::Mix, 64) => Some(0.1685),
            (Self::Fx, 64) => Some(0.1719),
            _ => None,
        }
    }
}

/// Position of track `index` from −0.8 (left) to 0.8 (right), and the linear gains that the balance law gives it: the
/// side that one turns to stays, the other falls in proportion.
pub fn balance(index: usize) -> (f32, [f32; 2]) {
    let steps = u8::try_from(index * 37 % 21).unwrap_or(0);
    let position = (f32::from(steps) - 10.0) / 10.0 * 0.8;
    (position, [(1.0 - position).min(1.0), (1.0 + position).min(1.0)])
}
