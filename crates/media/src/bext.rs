//! The broadcast extension chunk of WAV files (EBU Tech 3285, version 2).

/// Who made a recording, when, and where on the time line it belongs.
///
/// Loudness fields are in hundredths of their unit, as stored; they mean something from version 2 on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bext {
    /// Free text, at most 256 bytes.
    pub description: String,
    /// Who made it, at most 32 bytes.
    pub originator: String,
    /// The originator's reference, at most 32 bytes.
    pub originator_reference: String,
    /// `yyyy-mm-dd`, at most 10 bytes.
    pub origination_date: String,
    /// `hh:mm:ss`, at most 8 bytes.
    pub origination_time: String,
    /// Frames from midnight to the first frame of the file, at the file's rate.
    pub time_reference: u64,
    /// Version of the chunk: 0, 1 or 2.
    pub version: u16,
    /// SMPTE 330M identifier, when there is one; short ones are padded with zeros.
    pub umid: Option<[u8; 64]>,
    /// Integrated loudness (LUFS), range (LU), maximum true peak (dBTP), maximum momentary and short-term loudness
    /// (LUFS), each × 100.
    pub loudness: Option<[i16; 5]>,
    /// How the audio was coded before, line by line.
    pub coding_history: String,
}

/// Bytes of a chunk without coding history.
pub(crate) const FIXED_LEN: usize = 602;
/// Coding history beyond this is left unread: it is text for people.
pub(crate) const MAX_LEN: usize = FIXED_LEN + 64 * 1024;

impl Bext {
    /// Reads a chunk's payload; `None` when it is shorter than the fixed part of version 0.
    pub(crate) fn parse(payload: &[u8]) -> Option<Self> {
        let mut rest = payload;
        let mut take = |len: usize| -> Option<&[u8]> {
            let (field, tail) = rest.split_at_checked(len)?;
            rest = tail;
            Some(field)
        };
        let description = text(take(256)?);
        let originator = text(take(32)?);
        let originator_reference = text(take(32)?);
        let origination_date = text(take(10)?);
        let origination_time = text(take(8)?);
        let time_reference = u64::from_le_bytes(*take(8)?.first_chunk()?);
        let version = u16::from_le_bytes(*take(2)?.first_chunk()?);
        let umid: [u8; 64] = *take(64)?.first_chunk()?;
        let mut loudness = [0; 5];
        for value in &mut loudness {
            *value = i16::from_le_bytes(*take(2)?.first_chunk()?);
        }
        take(180)?;
        Some(Self {
            description,
            originator,
            originator_reference,
            origination_date,
            origination_time,
            time_reference,
            version,
            umid: (version >= 1 && umid != [0; 64]).then_some(umid),
            loudness: (version >= 2).then_some(loudness),
            coding_history: text(rest),
        })
    }

    /// The chunk's payload; fields that are too long are cut at a character.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED_LEN + self.coding_history.len());
        let mut put = |value: &str, len: usize| {
            let end = bytes.len() + len;
            let mut cut = value.len().min(len);
            while !value.is_char_boundary(cut) {
                cut -= 1;
            }
            bytes.extend_from_slice(value.get(..cut).unwrap_or("").as_bytes());
            bytes.resize(end, 0);
        };
        put(&self.description, 256);
        put(&self.originator, 32);
        put(&self.originator_reference, 32);
        put(&self.origination_date, 10);
        put(&self.origination_time, 8);
        bytes.extend_from_slice(&self.time_reference.to_le_bytes());
        let needed = if self.loudness.is_some() { 2 } else { u16::from(self.umid.is_some()) };
        bytes.extend_from_slice(&self.version.max(needed).to_le_bytes());
        bytes.extend_from_slice(&self.umid.unwrap_or([0; 64]));
        for value in self.loudness.unwrap_or_default() {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        bytes.extend_from_slice(&[0; 180]);
        bytes.extend_from_slice(self.coding_history.as_bytes());
        bytes
    }
}

/// Text up to its first NUL.
fn text(field: &[u8]) -> String {
    let end = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(field.get(..end).unwrap_or(field)).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_and_long_fields_are_cut_at_a_character() {
        let bext = Bext {
            description: "take 3".into(),
            originator: "é".repeat(40),
            origination_date: "2026-11-22".into(),
            origination_time: "20:14:00".into(),
            time_reference: 0x0001_2345_6789,
            umid: Some([7; 64]),
            loudness: Some([-2300, 710, -100, -1800, -2000]),
            coding_history: "A=PCM,F=48000,W=24,M=stereo\r\n".into(),
            ..Bext::default()
        };
        let bytes = bext.to_bytes();
        assert_eq!(bytes.len(), FIXED_LEN + bext.coding_history.len());
        let back = Bext::parse(&bytes).expect("a whole chunk");
        assert_eq!(back.originator, "é".repeat(16));
        assert_eq!(back.version, 2);
        let want = Bext {
            originator: "é".repeat(16),
            version: 2,
            coding_history: bext.coding_history.trim_end().into(),
            ..bext
        };
        assert_eq!(back, want);
        for len in 0..FIXED_LEN {
            assert_eq!(Bext::parse(&bytes[..len]), None, "{len}");
        }
    }
}
