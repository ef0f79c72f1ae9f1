//! Which plugins there are.

use clack_plugin::plugin::PluginDescriptor;

/// A plugin. Where it says *triggered*, it is a plain gain until its trigger is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A gain, stereo.
    Gain,
    /// A gain behind 512 frames of latency.
    Latency,
    /// Allocates in each call.
    Allocates,
    /// Puts out NaN when triggered.
    NotANumber,
    /// Puts out much more than full scale when triggered.
    Loud,
    /// Panics when triggered.
    Panics,
    /// Says that it cannot process when triggered.
    Refuses,
    /// Aborts when triggered.
    Aborts,
    /// Reads memory that is not its own when triggered.
    Segfaults,
    /// Does not come back when triggered.
    Hangs,
    /// Takes 20 ms for each call when triggered.
    Slow,
    /// Asks for a restart when triggered, and has 512 frames of latency from then on.
    Moving,
    /// Has no state of its own.
    Stateless,
    /// An instrument: sines.
    Sines,
    /// Its side-chain, times its gain, is added to its input.
    SideChain,
    /// Multiplies its input with the number of calls it has had, and sleeps when there is silence.
    Sleeps,
    /// Mono.
    Mono,
    /// Hangs in saving its state when triggered.
    HangsInSave,
    /// Halves what comes in while it renders.
    Renders,
    /// When triggered it goes to −12.8 dB by itself, says so, and that its state is another one, and logs a line.
    Wilful,
    /// Sleeps all the time; its timer has it ask for a flush, in which it goes to −6.4 dB.
    Flushes,
    /// A second output, with the negative of what the main one has.
    TwoOutputs,
    /// Crashes when it is made; only in files named `mines`.
    CrashesWhenMade,
    /// Hangs when it is made; only in files named `mines`.
    HangsWhenMade,
}

impl Kind {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Gain,
        Self::Latency,
        Self::Allocates,
        Self::NotANumber,
        Self::Loud,
        Self::Panics,
        Self::Refuses,
        Self::CrashesWhenMade,
        Self::Aborts,
        Self::Segfaults,
        Self::Hangs,
        Self::Slow,
        Self::HangsWhenMade,
        Self::Moving,
        Self::Stateless,
        Self::Sines,
        Self::SideChain,
        Self::Sleeps,
        Self::Mono,
        Self::HangsInSave,
        Self::Renders,
        Self::Wilful,
        Self::Flushes,
        Self::TwoOutputs,
    ];

    /// What its id ends with.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gain => "gain",
            Self::Latency => "latency",
            Self::Allocates => "allocates",
            Self::NotANumber => "nan",
            Self::Loud => "loud",
            Self::Panics => "panics",
            Self::Refuses => "refuses",
            Self::Aborts => "aborts",
            Self::Segfaults => "segfaults",
            Self::Hangs => "hangs",
            Self::Slow => "slow",
            Self::Moving => "moving",
            Self::Stateless => "stateless",
            Self::Sines => "sines",
            Self::SideChain => "side-chain",
            Self::Sleeps => "sleeps",
            Self::Mono => "mono",
            Self::HangsInSave => "hangs-in-save",
            Self::Renders => "renders",
            Self::Wilful => "wilful",
            Self::Flushes => "flushes",
            Self::TwoOutputs => "two-outputs",
            Self::CrashesWhenMade => "crashes-when-made",
            Self::HangsWhenMade => "hangs-when-made",
        }
    }

    pub(crate) fn is_mine(self) -> bool {
        matches!(self, Self::CrashesWhenMade | Self::HangsWhenMade)
    }

    /// Channels of its main ports.
    pub(crate) fn channels(self) -> u32 {
        if self == Self::Mono { 1 } else { 2 }
    }

    pub(crate) fn descriptor(self) -> PluginDescriptor {
        let features = match self {
            Self::Sines => vec![c"instrument", c"synthesizer"],
            _ => vec![c"audio-effect", c"utility"],
        };
        PluginDescriptor::new(&id(self), &format!("Test {}", self.name()))
            .with_vendor("OmegaStudio")
            .with_version("1.0")
            .with_features(features)
    }
}

/// The id of a plugin.
#[must_use]
pub fn id(kind: Kind) -> String {
    format!("org.omega.test.{}", kind.name())
}

/// Does not come back.
pub(crate) fn hang() -> ! {
    loop {
        std::hint::black_box(());
    }
}
