//! What there is, and what of it to take.

use std::sync::mpsc::channel;
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{
    BufferSize, Device, ErrorKind, Host, HostId, SampleFormat, SupportedBufferSize,
    SupportedStreamConfigRange,
};

use crate::config::{OpenError, StreamConfig, System};
use crate::hardware::{HardwareDevice, Offer};

/// How long a system may take to answer; one that hangs would otherwise hang us.
const PATIENCE: Duration = Duration::from_secs(5);

/// Frames at once where nothing is wished for: PulseAudio and the plugins of ALSA are not made for less.
const USUAL_PERIOD: usize = 512;

/// Formats in order of preference: what needs no rounding first.
const FORMATS: [SampleFormat; 6] = [
    SampleFormat::F32,
    SampleFormat::F64,
    SampleFormat::I32,
    SampleFormat::I24,
    SampleFormat::I16,
    SampleFormat::U8,
];

/// ALSA's device that takes everything at once. It is no clock: a callback would run without end.
const NO_CLOCK: &str = "null";

/// Does `work` on a thread of its own and waits for it, not for ever.
pub(super) fn patiently<T: Send + 'static>(
    system: System,
    work: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    let (sender, answer) = channel();
    let quiet = move || {
        // What ALSA has to say to the terminal when something is not there: each error says it as well.
        #[cfg(target_os = "linux")]
        let _messages = alsa::Output::local_error_handler();
        // If nobody waits any more, what was opened is closed again.
        drop(sender.send(work()));
    };
    std::thread::Builder::new()
        .name(format!("{}-open", system.name()))
        .spawn(quiet)
        .map_err(|error| OpenError::Thread { reason: error.to_string() })?;
    answer.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        Err(OpenError::NoSystem {
            system,
            reason: format!("it does not answer within {} s", PATIENCE.as_secs()),
            mend: "restart it",
        })
    })
}

/// Connects to the system.
pub(super) fn host(system: System) -> Result<Host, OpenError> {
    let absent = |error: cpal::Error| OpenError::NoSystem {
        system,
        reason: error.to_string(),
        mend: match system {
            System::PipeWire => "start it (`systemctl --user start pipewire wireplumber`)",
            // Without a key of 256 bytes the client sends none, and the server hangs up.
            System::PulseAudio if error.to_string().contains("fill whole buffer") => {
                "make the key that it wants: `mkdir -p ~/.config/pulse && head -c 256 /dev/urandom > ~/.config/pulse/cookie`"
            }
            System::PulseAudio => {
                "start it (`pulseaudio --start`, or `systemctl --user start pipewire-pulse`)"
            }
            _ => "`omega doctor` looks for the reason",
        },
    };
    let id: HostId = system.to_string().parse().map_err(absent)?;
    cpal::host_from_id(id).map_err(absent)
}

/// Whether a device is hardware, or another program's, and not a name for what is used by default.
fn is_real(system: System, name: &str) -> bool {
    match system {
        System::PipeWire => !matches!(name, "sink_default" | "input_default" | "output_default"),
        System::Alsa => name != NO_CLOCK,
        _ => true,
    }
}

fn name(device: &Device) -> String {
    device.id().map(|id| id.id().to_owned()).unwrap_or_default()
}

fn supports(device: &Device, output: bool) -> bool {
    if output { device.supports_output() } else { device.supports_input() }
}

fn default_device(host: &Host, output: bool) -> Option<Device> {
    if output { host.default_output_device() } else { host.default_input_device() }
}

/// All that is real, with names.
fn devices(system: System, host: &Host) -> Result<Vec<(String, Device)>, OpenError> {
    let devices = host.devices().map_err(|error| refused(system, "list its hardware", &error))?;
    Ok(devices.map(|device| (name(&device), device)).filter(|(name, _)| is_real(system, name)).collect())
}

pub(super) fn refused(system: System, what: &str, error: &cpal::Error) -> OpenError {
    OpenError::Refused { system, what: what.to_owned(), reason: error.to_string() }
}

/// The hardware that `wanted` names, or the default.
pub(super) fn find(
    system: System,
    host: &Host,
    wanted: Option<&str>,
    output: bool,
) -> Result<Device, OpenError> {
    let all = devices(system, host)?;
    let fitting: Vec<&(String, Device)> = all.iter().filter(|(_, device)| supports(device, output)).collect();
    let Some(wanted) = wanted else {
        // PipeWire without a session manager has no hardware and never calls; without hardware it never will.
        let nothing = system != System::Alsa && fitting.is_empty();
        return default_device(host, output).filter(|_| !nothing).ok_or_else(|| OpenError::NoSystem {
            system,
            reason: format!("it has no {}", what(output)),
            mend: match system {
                System::PipeWire => {
                    "start a session manager (`systemctl --user start wireplumber`) or plug hardware in"
                }
                _ => "plug hardware in, or `omega devices` lists what there is",
            },
        });
    };
    let lower = wanted.to_lowercase();
    let mut parts = fitting.iter().filter(|(name, device)| {
        name.to_lowercase().contains(&lower) || device.to_string().to_lowercase().contains(&lower)
    });
    let exact = fitting.iter().find(|(name, device)| name == wanted || device.to_string() == wanted);
    let part = parts.next().filter(|_| parts.next().is_none());
    exact.or(part).map(|(_, device)| device.clone()).ok_or_else(|| OpenError::NoDevice {
        backend: system.name(),
        what: what(output),
        name: wanted.to_owned(),
        there: fitting.iter().map(|(name, _)| name.clone()).collect(),
    })
}

const fn what(output: bool) -> &'static str {
    if output { "output" } else { "input" }
}

/// What a side is opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    pub config: cpal::StreamConfig,
    pub format: SampleFormat,
}

/// What of `device`'s offers comes closest to `channels` and to the wishes of `config`; `rate` is that of the other side, if it is
/// open.
pub(super) fn choose(
    system: System,
    device: &Device,
    config: &StreamConfig,
    channels: usize,
    output: bool,
) -> Result<Choice, OpenError> {
    let look = |error: cpal::Error| refused(system, "say what its hardware can do", &error);
    let ranges: Vec<SupportedStreamConfigRange> = if output {
        device.supported_output_configs().map_err(look)?.collect()
    } else {
        device.supported_input_configs().map_err(look)?.collect()
    };
    let usual = if output { device.default_output_config() } else { device.default_input_config() };
    let usual = usual.map_err(look)?.sample_rate();
    // These would resample themselves, and not tell: we do it, and do.
    let theirs = config.resample && matches!(system, System::PulseAudio | System::PipeWire);
    let wish = config.rate.filter(|_| !theirs).unwrap_or(usual);
    pick(&ranges, channels, wish, usual, config.period.unwrap_or(USUAL_PERIOD)).ok_or_else(|| {
        OpenError::Refused {
            system,
            what: format!("open '{device}'"),
            reason: "it has no format that this program knows".to_owned(),
        }
    })
}

/// The best of `ranges`: the rate first, then enough channels but not more, then the format.
fn pick(
    ranges: &[SupportedStreamConfigRange],
    channels: usize,
    rate: u32,
    usual: u32,
    period: usize,
) -> Option<Choice> {
    let known = ranges.iter().filter_map(|range| {
        let format = FORMATS.iter().position(|format| *format == range.sample_format())?;
        let has = |rate: u32| (range.min_sample_rate()..=range.max_sample_rate()).contains(&rate);
        let (missed, rate) = if has(rate) {
            (0, rate)
        } else if has(usual) {
            (1, usual)
        } else {
            (2, rate.clamp(range.min_sample_rate(), range.max_sample_rate()))
        };
        let there = usize::from(range.channels());
        // Too few channels lose sound; too many lose nothing.
        let lacking = channels.saturating_sub(there);
        Some(((missed, lacking, there, format), range, rate))
    });
    let ((.., format), range, rate) = known.min_by_key(|(order, ..)| *order)?;
    let period = u32::try_from(period).unwrap_or(u32::MAX);
    let period = match *range.buffer_size() {
        SupportedBufferSize::Range { min, max } => period.clamp(min, max.max(min)),
        SupportedBufferSize::Unknown => period,
    };
    let config = cpal::StreamConfig {
        channels: range.channels(),
        sample_rate: rate,
        buffer_size: BufferSize::Fixed(period),
    };
    Some(Choice { config, format: FORMATS.get(format).copied().unwrap_or(SampleFormat::F32) })
}

/// Whether the system may accept another period where it refused this one.
pub(super) fn wants_another_period(error: &cpal::Error) -> bool {
    matches!(error.kind(), ErrorKind::UnsupportedConfig | ErrorKind::InvalidInput)
}

/// All hardware of the system.
pub(super) fn offer(system: System) -> Result<Offer, OpenError> {
    patiently(system, move || {
        let host = host(system)?;
        let defaults = [true, false]
            .map(|output| default_device(&host, output).map(|device| (name(&device), device.to_string())));
        let is_default = |device: &str, text: &str| {
            defaults
                .iter()
                .flatten()
                .any(|(name, shown)| name == device || (shown == text && !text.is_empty()))
        };
        let mut devices: Vec<HardwareDevice> = devices(system, &host)?
            .into_iter()
            .map(|(name, device)| HardwareDevice {
                description: device.to_string(),
                input: device.supports_input(),
                output: device.supports_output(),
                default: is_default(&name, &device.to_string()),
                name,
            })
            .collect();
        devices.sort_by_key(|device| !device.default);
        Ok(Offer { devices, ..Offer::default() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(channels: u16, rates: (u32, u32), format: SampleFormat) -> SupportedStreamConfigRange {
        let buffer = SupportedBufferSize::Range { min: 64, max: 4096 };
        SupportedStreamConfigRange::new(channels, rates.0, rates.1, buffer, format)
    }

    fn picked(ranges: &[SupportedStreamConfigRange], channels: usize, rate: u32) -> (u16, u32, SampleFormat) {
        let choice = pick(ranges, channels, rate, 48_000, 256).expect("a choice");
        assert_eq!(choice.config.buffer_size, BufferSize::Fixed(256));
        (choice.config.channels, choice.config.sample_rate, choice.format)
    }

    #[test]
    fn the_rate_comes_first_then_enough_channels_then_the_format() {
        use SampleFormat::{F32, I16, I32};
        let card = [
            range(2, (44_100, 96_000), I16),
            range(2, (44_100, 96_000), I32),
            range(8, (44_100, 96_000), F32),
            range(1, (8_000, 192_000), F32),
        ];
        assert_eq!(picked(&card, 2, 44_100), (2, 44_100, I32));
        assert_eq!(picked(&card, 3, 44_100), (8, 44_100, F32));
        assert_eq!(picked(&card, 2, 192_000), (1, 192_000, F32), "the rate comes first");
        assert_eq!(picked(&card, 64, 48_000), (8, 48_000, F32), "as many as there are");
        assert_eq!(picked(&card, 2, 384_000), (2, 48_000, I32), "a rate that nothing has: the usual one");
        assert_eq!(picked(&[range(2, (22_050, 32_000), I16)], 2, 48_000).1, 32_000);
        assert_eq!(pick(&[range(2, (44_100, 48_000), SampleFormat::DsdU8)], 2, 48_000, 48_000, 256), None);
        assert_eq!(pick(&[], 2, 48_000, 48_000, 256), None);
    }

    #[test]
    fn a_period_is_brought_into_what_there_is() {
        let card = [range(2, (48_000, 48_000), SampleFormat::F32)];
        for (wish, period) in [(1, 64), (256, 256), (8192, 4096)] {
            let choice = pick(&card, 2, 48_000, 48_000, wish).expect("a choice");
            assert_eq!(choice.config.buffer_size, BufferSize::Fixed(period));
        }
    }
}
