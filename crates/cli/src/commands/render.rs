//! `omega render`

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use omega_studio::media::{Container, Depth};
use omega_studio::session::model::{Project, TrackId, TrackKind};
use omega_studio::{Blocks, Level, RenderFiles, RenderReport, RenderRequest, Tail};
use serde_json::json;

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Output, decibels, plain, thousandths};
use crate::parse;

/// Render a session into a file
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  omega render Song.omega -o song.wav\n  \
                        omega render Song.omega -o chorus.flac --range '9|1|0..17|1|0' --tail none --dither\n  \
                        omega render Song.omega -o mix.wav --stems\n  \
                        omega render Song.omega -o check.wav --block random:7 --simd scalar\n\n\
                        The same session gives the same sound, byte by byte, whatever --block and --simd say: compare \
                        the BLAKE3 hash that is printed.\n\nA file is written as FILE.part and gets its name when it is \
                        whole. A render that is killed leaves that part behind; the next one writes over it.")]
pub struct Render {
    /// The session
    session: PathBuf,
    /// File to write; .flac makes FLAC, .wav or no ending WAV
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Part of the time line, A..B, in any form of time: 1|1|0..9|1|0, 0:10..0:20, 0f..48000f [default: all]
    #[arg(long, value_name = "A..B", allow_hyphen_values = true)]
    range: Option<String>,
    /// A file for each audio track as well
    #[arg(long)]
    stems: bool,
    /// Let the metronome click in the mix
    #[arg(long)]
    metronome: bool,
    /// A file for this track, bus or return as well; may be given again
    #[arg(long, value_name = "ID")]
    stem: Vec<String>,
    /// What follows the range: auto (until it is silent), none, or seconds
    #[arg(long, default_value = "auto", value_parser = tail, allow_negative_numbers = true)]
    tail: Ending,
    /// Kind of file [default: as the name ends]
    #[arg(long)]
    format: Option<Kind>,
    /// Form of the samples [default: float for WAV, 24 for FLAC]
    #[arg(long)]
    bits: Option<Bits>,
    /// Dither integer samples, from a seed
    #[arg(long, value_name = "SEED", num_args = 0..=1, default_missing_value = "1")]
    dither: Option<u64>,
    /// Frames at once: a number, random, or random:SEED
    #[arg(long, default_value = "1024", value_parser = blocks)]
    block: Blocks,
    /// Instruction set
    #[arg(long, default_value = "auto")]
    simd: Simd,
    /// Print what was rendered as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Kind {
    Wav,
    Flac,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Bits {
    #[value(name = "16")]
    Int16,
    #[value(name = "24")]
    Int24,
    #[value(name = "32")]
    Int32,
    Float,
}

#[derive(Clone, Copy, ValueEnum)]
enum Simd {
    Scalar,
    Sse2,
    Avx2,
    Auto,
}

#[derive(Clone, Copy)]
enum Ending {
    Auto,
    None,
    Seconds(f64),
}

fn tail(text: &str) -> Result<Ending, String> {
    match text {
        "auto" => Ok(Ending::Auto),
        "none" => Ok(Ending::None),
        _ => match text.parse::<f64>() {
            Ok(seconds) if (0.0..=86_400.0).contains(&seconds) => Ok(Ending::Seconds(seconds)),
            _ => Err("write auto, none, or 0 to 86400 seconds".to_owned()),
        },
    }
}

fn blocks(text: &str) -> Result<Blocks, String> {
    let wrong = || "write 1 to 1048576 frames, random, or random:SEED".to_owned();
    match text.split_once(':') {
        None if text == "random" => Ok(Blocks::Random(1)),
        Some(("random", seed)) => seed.parse().map(Blocks::Random).map_err(|_| wrong()),
        _ => match text.parse() {
            Ok(frames @ 1..=1_048_576) => Ok(Blocks::Of(frames)),
            _ => Err(wrong()),
        },
    }
}

impl Render {
    pub fn run(self, output: &Output) -> Result<(), Failure> {
        let studio = output.read(&self.session)?;
        let files = self.files(&studio.project())?;
        let interrupt = Interrupt::listen()?;
        let bar = output.bar();
        let report = studio.render_files(&files, &mut |share| {
            bar.set_position(thousandths(share));
            interrupt.flow()
        });
        bar.finish_and_clear();
        let report = report?;
        report.rendered.notices.iter().for_each(|notice| output.say(format_args!("note: {notice}")));
        if self.json { output.json(&as_json(&report)) } else { show(&report, output) }
    }

    fn files(&self, project: &Project) -> Result<RenderFiles, Failure> {
        let map = project.tempo_map();
        let kind = self.format.map_or_else(|| kind_of(&self.output), Ok)?;
        let bits = self.bits.unwrap_or(if kind == Kind::Flac { Bits::Int24 } else { Bits::Float });
        if kind == Kind::Flac && matches!(bits, Bits::Int32 | Bits::Float) {
            return Err(Failure::usage("FLAC has 16 or 24 bits; use --bits 24, or --format wav"));
        }
        let mut stems = Vec::new();
        if self.stems {
            let audio = |kind| kind == TrackKind::Audio;
            stems.extend(project.tree().iter().filter(|item| audio(item.2.kind)).map(|item| item.1.clone()));
        }
        for id in &self.stem {
            stems.push(super::import::track(project, id)?);
        }
        let mut seen = std::collections::BTreeSet::<TrackId>::new();
        stems.retain(|id| seen.insert(id.clone()));
        let range = self.range.as_deref().map(|text| parse::range(&map, "--range", text)).transpose()?;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 86,400 s, far below 2^53"
        )]
        let tail = match self.tail {
            Ending::Auto => Tail::Auto,
            Ending::None => Tail::None,
            Ending::Seconds(seconds) => Tail::Frames((seconds * project.sample_rate().as_f64()) as u64),
        };
        let request = RenderRequest {
            range,
            tail,
            stems,
            metronome: self.metronome,
            blocks: self.block,
            level: level(self.simd)?,
        };
        Ok(RenderFiles {
            request,
            output: self.output.clone(),
            container: if kind == Kind::Flac { Container::Flac } else { Container::Wav },
            depth: match bits {
                Bits::Int16 => Depth::Int16,
                Bits::Int24 => Depth::Int24,
                Bits::Int32 => Depth::Int32,
                Bits::Float => Depth::Float32,
            },
            dither_seed: self.dither,
        })
    }
}

/// What the name of a file asks for.
fn kind_of(output: &Path) -> Result<Kind, Failure> {
    let extension = output.extension().map(|end| end.to_string_lossy().to_lowercase()).unwrap_or_default();
    match extension.as_str() {
        "flac" => Ok(Kind::Flac),
        "" | "wav" | "wave" | "bwf" | "rf64" => Ok(Kind::Wav),
        other => Err(Failure::usage(format!(
            "'{}': cannot write .{other} files; name it .wav or .flac, or say --format",
            output.display()
        ))),
    }
}

fn level(simd: Simd) -> Result<Level, Failure> {
    let level = match simd {
        Simd::Scalar => Level::Scalar,
        Simd::Sse2 => Level::Sse2,
        Simd::Avx2 => Level::Avx2,
        Simd::Auto => Level::detect(),
    };
    if level.available() {
        Ok(level)
    } else {
        Err(Failure::failed(format!(
            "this CPU does not have {level}; the sound is the same with --simd auto"
        )))
    }
}

fn as_json(report: &RenderReport) -> serde_json::Value {
    let files = report.files.iter().zip(&report.loudness).zip(&report.clipped).map(|((path, loudness), clipped)| {
        json!({"path": path.display().to_string(), "clipped": clipped, "integrated_lufs": loudness.integrated, "range_lu": loudness.range,
            "true_peak_dbtp": loudness.true_peak, "sample_peak_dbfs": loudness.sample_peak})
    });
    json!({"frames": report.rendered.frames, "seconds": report.seconds, "elapsed_seconds": report.elapsed,
        "latency": report.rendered.latency, "blake3": report.rendered.hash.to_hex().as_str(),
        "notices": report.rendered.notices.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "files": files.collect::<Vec<_>>()})
}

fn show(report: &RenderReport, output: &Output) -> Result<(), Failure> {
    for ((path, loudness), clipped) in report.files.iter().zip(&report.loudness).zip(&report.clipped) {
        let (lufs, peak) = (decibels(loudness.integrated), decibels(loudness.true_peak));
        let clipped = if *clipped == 0 { String::new() } else { format!(", {clipped} samples clipped") };
        output
            .print(format_args!("{}: {lufs} LUFS, true peak {peak} dBTP{clipped}", plain(path.display())))?;
    }
    let speed = report.seconds / report.elapsed.max(1e-9);
    output
        .say(format_args!("{:.1} s in {:.1} s: {speed:.0} times real time", report.seconds, report.elapsed));
    output.print(format_args!("BLAKE3 {}", report.rendered.hash.to_hex()))
}
