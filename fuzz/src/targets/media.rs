//! Audio files. The seeds are written by this program where it writes the kind, so that they follow the format.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use omega_media::record::TakeLog;
use omega_media::{
    AudioHash, AudioHasher, Bext, Depth, Format, OpenError, Peak, PeakFile, SampleKind, Writer, import, open,
    open_bytes, peaks,
};

use super::Target;

/// RIFF, RIFX, RF64 and BW64.
pub const WAV: Target = Target {
    name: "wav",
    about: "WAV, RF64 and BW64 files",
    seeds: wavs,
    words: &[
        b"RIFF", b"RIFX", b"RF64", b"BW64", b"WAVE", b"fmt ", b"data", b"ds64", b"bext", b"fact", b"JUNK",
    ],
    feed,
};

/// AIFF and AIFF-C.
pub const AIFF: Target = Target {
    name: "aiff",
    about: "AIFF and AIFF-C files",
    seeds: aiffs,
    words: &[b"FORM", b"AIFF", b"AIFC", b"COMM", b"SSND", b"NONE", b"sowt", b"fl32", b"FL64", b"FVER"],
    feed,
};

/// FLAC.
pub const FLAC: Target = Target {
    name: "flac",
    about: "FLAC files",
    seeds: flacs,
    words: &[b"fLaC", b"ID3\x04\0\0", b"\xff\xf8\xc9\x18", b"\xff\xf9", b"\x84\0\0\x08"],
    feed,
};

/// Whatever is imported.
pub const IMPORT: Target = Target {
    name: "import",
    about: "audio files of any kind, imported",
    seeds: || [wavs(), aiffs(), flacs()].concat(),
    words: &[b"data", b"ds64", b"SSND", b"fLaC"],
    feed: bring_in,
};

/// Peak files.
pub const PEAKS: Target =
    Target { name: "peaks", about: "peak files of the cache", seeds: peak_files, words: &[], feed: overview };

/// Logs of takes.
pub const TAKE: Target = Target {
    name: "take-log",
    about: "logs of takes that were never finished",
    seeds: || vec![TAKE_LOG.as_bytes().to_vec()],
    words: &[
        b"from ",
        b"hole ",
        b"gap ",
        b"end ",
        b"kept ",
        b"omega-take 1\n",
        b"9223372036854775807",
        b"-1",
    ],
    feed: take_log,
};

const TAKE_LOG: &str = "omega-take 1\ntrack trk-1\nname Vocals\nrate 48000\nchannels 2\nbegun 2026-11-29 06:45:12\nfrom 0 96000\n\
                        hole 4800 512\nend 9600\ngap 9600 96000\nfrom 9600 201600\nend 20000\nkept 0f.wav\n";

/// Whatever a log says, nothing of it reaches beyond its file, and all of it is in order.
fn take_log(input: &[u8]) {
    let Some(log) = TakeLog::parse(&String::from_utf8_lossy(input)) else { return };
    let _ = log.lost();
    for frames in [0, 1, 10_000, i64::MAX] {
        let bounded = log.clone().within(frames);
        for stretch in &bounded.stretches {
            assert!(stretch.at >= 0 && stretch.frames > 0 && stretch.frames <= frames - stretch.at);
        }
    }
    assert!(log.kept.is_none_or(|name| !name.contains('/')));
}

/// The widest file that is read.
const MAX_CHANNELS: usize = 64;

/// Frames that are decoded at most: a few bytes of FLAC can honestly stand for hours of silence.
const MAX_FRAMES: i64 = 1 << 20;

/// Opens and reads whatever it is. Messages name the file; PCM never gives more than there are bytes.
fn feed(bytes: &[u8]) {
    let mut file = match open_bytes(Path::new("hostile"), bytes) {
        Ok(file) => file,
        Err(error) => {
            assert!(error.to_string().contains("'hostile'"), "{error}");
            assert!(!matches!(error, OpenError::Open { .. } | OpenError::Read { .. }), "memory can be read");
            return;
        }
    };
    let (channels, rate, claimed) = (file.info().channels, file.info().rate, file.info().frames);
    assert!((1..=MAX_CHANNELS).contains(&channels) && rate > 0);
    let is_pcm = file.seek(0);
    let mut block = vec![vec![0.0f32; 777]; channels];
    while file.position() < MAX_FRAMES {
        let before = file.position();
        match file.read_block(&mut block) {
            Ok(0) => break,
            Ok(frames) => {
                let given = file.position() - before;
                assert_eq!(usize::try_from(given), Ok(frames), "the position follows what was given");
            }
            Err(error) => {
                assert!(error.to_string().contains("'hostile'"), "{error}");
                return;
            }
        }
    }
    if is_pcm {
        let total = usize::try_from(file.position()).expect("a position in the file");
        assert!(
            total * channels <= bytes.len(),
            "{total} frames of {channels} channels from {} bytes",
            bytes.len()
        );
        assert_eq!(claimed, Some(file.position()), "the frames that were claimed are there");
    }
}

/// Imports for a session at 44.1 kHz. What comes in is a whole file under its name; a refusal leaves nothing behind.
fn bring_in(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (path, media) = (folder.path().join("hostile"), folder.path().join("media"));
    fs::write(&path, bytes).expect("the case is stored");
    // A few bytes of FLAC can honestly stand for hours; whoever waits for them breaks off.
    let mut patience = 200;
    let mut progress = |part: f32| {
        assert!((0.0..=1.0).contains(&part));
        patience -= 1;
        if patience == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let outcome = import(&path, 44_100, &media, &mut progress);
    let left: Vec<_> = fs::read_dir(&media)
        .map(|entries| entries.flatten().map(|e| e.file_name()).collect())
        .unwrap_or_default();
    match outcome {
        Ok(info) => {
            assert_eq!(left, [info.file_name.as_str()]);
            let file = open(&media.join(&info.file_name)).expect("what was imported opens");
            assert_eq!(file.info().frames, Some(info.frames));
            assert_eq!((file.info().channels, file.info().rate), (info.channels, 44_100));
            assert!(file.warnings().is_empty() && info.frames > 0);
        }
        Err(error) => {
            assert!(left.is_empty(), "{left:?} is left of {error}");
            let text = error.to_string();
            assert!(text.contains("hostile") || text.contains("cancelled"), "{text}");
        }
    }
}

/// A peak file is refused or gives extents of audio, whatever is asked.
fn overview(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("hostile");
    fs::write(&path, bytes).expect("the case is stored");
    let refused =
        |error: omega_media::peaks::PeakError| assert!(error.to_string().contains("hostile"), "{error}");
    let file = match PeakFile::open(&path, some_hash()) {
        Ok(file) => file,
        Err(error) => return refused(error),
    };
    let mut columns = [Peak::default(); 50];
    for range in [0..file.frames(), -7..9, i64::MIN..i64::MAX, 256..257, 5..5] {
        match file.read(file.channels() - 1, range, &mut columns) {
            Ok(()) => assert!(columns.iter().all(|peak| peak.min <= peak.max && peak.rms >= 0.0)),
            Err(error) => refused(error),
        }
    }
}

/// The name of the audio that the peak files are of.
fn some_hash() -> AudioHash {
    AudioHasher::new(SampleKind::Int16, 1, 48_000).finish()
}

fn peak_files() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let audio = folder.path().join("audio.wav");
    let built = |bytes: Vec<u8>| {
        fs::write(&audio, bytes).expect("the audio is stored");
        let go_on = &mut |_| ControlFlow::Continue(());
        peaks::build(&audio, some_hash(), folder.path(), go_on).expect("a peak file");
        fs::read(peaks::path_for(folder.path(), some_hash())).expect("it is there")
    };
    wavs().into_iter().map(built).collect()
}

fn wavs() -> Vec<Vec<u8>> {
    let bext = Some(Bext { description: "take 1".into(), ..Bext::default() });
    vec![
        written("wav", Format::wav(Depth::Int16, 2, 48_000)),
        written("wav", Format { bext, ..Format::wav(Depth::Int24, 1, 44_100) }),
        written("wav", Format::wav(Depth::Float32, 6, 96_000)),
        rf64(),
    ]
}

/// 120 stereo frames whose sizes are in a ds64 chunk.
fn rf64() -> Vec<u8> {
    let sizes = [552u64, 480, 120].map(u64::to_le_bytes).concat();
    let format = [1, 0, 2, 0, 0x80, 0xbb, 0, 0, 0, 0xee, 2, 0, 4, 0, 16, 0];
    let mut bytes = [&b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0"[..], &sizes, &[0; 4]].concat();
    bytes.extend([&b"fmt \x10\0\0\0"[..], &format, b"data\xff\xff\xff\xff", &noise(480)].concat());
    bytes
}

fn aiffs() -> Vec<Vec<u8>> {
    vec![form(b"AIFF", 16, b""), form(b"AIFC", 32, b"fl32\x04none\0"), form(b"AIFC", 24, b"sowt\x04none\0")]
}

/// 100 stereo frames at 44.1 kHz, which AIFF writes as the 80-bit number 0x400E AC44 ….
fn form(kind: &[u8; 4], bits: u8, compression: &[u8]) -> Vec<u8> {
    let common = [0, 2, 0, 0, 0, 100, 0, bits, 0x40, 0x0e, 0xac, 0x44, 0, 0, 0, 0, 0, 0];
    let sound = [&[0u8; 8][..], &noise(100 * 2 * usize::from(bits) / 8)].concat();
    let common = chunk(b"COMM", &[&common[..], compression].concat());
    chunk(b"FORM", &[&kind[..], &common, &chunk(b"SSND", &sound)].concat())
}

fn chunk(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).expect("a small chunk");
    let padding: &[u8] = if body.len().is_multiple_of(2) { b"" } else { b"\0" };
    [&name[..], &length.to_be_bytes(), body, padding].concat()
}

fn flacs() -> Vec<Vec<u8>> {
    vec![
        written("flac", Format::flac(Depth::Int16, 2, 48_000)),
        written("flac", Format::flac(Depth::Int24, 1, 96_000)),
    ]
}

/// Some bytes that are not alike.
fn noise(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index * index % 251).to_le_bytes()[0]).collect()
}

/// A short file as this program writes it.
fn written(extension: &str, format: Format) -> Vec<u8> {
    let samples: Vec<f32> = noise(200).iter().map(|byte| f32::from(*byte) / 256.0 - 0.5).collect();
    let audio = vec![samples; format.channels];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("seed").with_extension(extension);
    let mut writer = Writer::create(&path, format).expect("a writer");
    writer.write(&audio).expect("it is written");
    writer.finish().expect("it is finished");
    std::fs::read(&path).expect("it is there")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_whole_files() {
        for target in [WAV, AIFF, FLAC] {
            for (index, seed) in (target.seeds)().iter().enumerate() {
                let mut file = open_bytes(Path::new("seed"), seed).expect(target.name);
                let mut audio = vec![vec![0.0f32; 1_000]; file.info().channels];
                let frames = file.read_block(&mut audio).expect(target.name);
                assert!(frames >= 100, "{} {index}: {frames} frames", target.name);
                assert!(file.warnings().is_empty(), "{} {index}: {:?}", target.name, file.warnings());
            }
        }
    }

    #[test]
    fn seeds_are_whole_peak_files() {
        for seed in peak_files() {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let path = folder.path().join("peaks");
            fs::write(&path, seed).expect("it is stored");
            let file = PeakFile::open(&path, some_hash()).expect("it opens");
            let mut columns = [Peak::default(); 10];
            file.read(0, 0..file.frames(), &mut columns).expect("it is read");
            assert!(columns.iter().any(|peak| peak.max > 0.0));
        }
    }
}
