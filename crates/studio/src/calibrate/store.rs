//! What was measured, kept in the user's configuration: a line for each hardware, rate and period.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use omega_audio_io::{Backend, StreamConfig, StreamInfo};

/// The first line of the file.
const HEAD: &str =
    "# omega-latency 1: backend, device, frames per second, period, frames to add; between tabs";
/// The largest file that is read, in bytes.
const LARGEST: u64 = 1 << 20;

/// Hardware as it was opened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hardware {
    /// `jack`, `timer` …
    pub backend: String,
    /// Which of the backend's: the JACK server.
    pub device: String,
    /// Frames per second.
    pub rate: u32,
    /// Frames.
    pub period: usize,
}

impl Hardware {
    /// What was opened by `config` and told `info`.
    #[must_use]
    pub fn new(config: &StreamConfig, info: &StreamInfo) -> Self {
        let server = if let Backend::Jack(options) = &config.backend { options.server.clone() } else { None };
        let device = match info.backend {
            "jack" => server
                .or_else(|| env::var("JACK_DEFAULT_SERVER").ok())
                .unwrap_or_else(|| "default".to_owned()),
            _ if info.device.is_empty() => "-".to_owned(),
            _ => info.device.clone(),
        };
        let one_word = |text: &str| text.replace(char::is_control, " ");
        Self {
            backend: one_word(info.backend),
            device: one_word(&device),
            rate: info.rate,
            period: info.period,
        }
    }
}

/// Why what was measured cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nobody says where configuration is.
    #[error("there is no place for configuration: set $XDG_CONFIG_HOME or $HOME")]
    NoPlace,
    /// The system refused.
    #[error("cannot use '{}': {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        error: io::Error,
    },
}

/// Offsets by hardware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    path: PathBuf,
    offsets: BTreeMap<Hardware, i64>,
}

impl Store {
    /// The user's own.
    ///
    /// # Errors
    /// [`StoreError`]; a file that is not there is an empty one.
    pub fn open() -> Result<Self, StoreError> {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = set("XDG_CONFIG_HOME")
            .or_else(|| set("APPDATA"))
            .or_else(|| set("HOME").map(|home| home.join(".config")))
            .ok_or(StoreError::NoPlace)?;
        Self::at(&folder.join("omega").join("latency"))
    }

    /// The one in this file.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn at(path: &Path) -> Result<Self, StoreError> {
        use io::Read;
        let mut text = Vec::new();
        let read = fs::File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut text));
        match read {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(StoreError::Io { path: path.to_owned(), error });
            }
            _ => {}
        }
        let offsets = String::from_utf8_lossy(&text).lines().filter_map(read_line).collect();
        Ok(Self { path: path.to_owned(), offsets })
    }

    /// What is to be added to what this hardware says, if it was measured.
    #[must_use]
    pub fn offset(&self, hardware: &Hardware) -> Option<i64> {
        self.offsets.get(hardware).copied()
    }

    /// Keeps what was measured.
    ///
    /// # Errors
    /// [`StoreError::Io`]; what was there before stays.
    pub fn keep(&mut self, hardware: Hardware, offset: i64) -> Result<(), StoreError> {
        self.offsets.insert(hardware, offset);
        let mut text = format!("{HEAD}\n");
        for (Hardware { backend, device, rate, period }, offset) in &self.offsets {
            text.push_str(&format!("{backend}\t{device}\t{rate}\t{period}\t{offset}\n"));
        }
        let beside = self.path.with_extension("tmp");
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&beside, text))
            .and_then(|()| fs::rename(&beside, &self.path))
            .map_err(|error| StoreError::Io { path: self.path.clone(), error })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn read_line(line: &str) -> Option<(Hardware, i64)> {
    let mut fields = line.split('\t');
    let (backend, device) = (fields.next()?.to_owned(), fields.next()?.to_owned());
    let (rate, period) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some((Hardware { backend, device, rate, period }, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_again_and_other_lines_do_no_harm() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/latency");
        let hardware =
            |period| Hardware { backend: "jack".into(), device: "default".into(), rate: 48_000, period };
        let mut store = Store::at(&path).expect("empty");
        assert_eq!(store.offset(&hardware(64)), None);
        store.keep(hardware(64), 17).expect("kept");
        store.keep(hardware(256), -3).expect("kept");
        store.keep(hardware(64), 18).expect("kept");
        let text = fs::read_to_string(&path).expect("there");
        fs::write(&path, format!("{text}nonsense\n\t\t\t\t\n\u{0}")).expect("written");
        let again = Store::at(&path).expect("read");
        assert_eq!((again.offset(&hardware(64)), again.offset(&hardware(256))), (Some(18), Some(-3)));
        assert_eq!(again.offset(&hardware(1024)), None);
    }
}
