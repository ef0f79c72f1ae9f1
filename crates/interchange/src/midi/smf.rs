//! The bytes of a Standard MIDI File (MIDI Manufacturers Association, RP-001): chunks, lengths of variable size, events.

/// A file, taken apart as far as its tracks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File<'a> {
    pub format: u16,
    /// Ticks to a quarter note; from 0x8000 on frames of film.
    pub division: u16,
    /// The bytes of each track. The last one may be cut.
    pub tracks: Vec<&'a [u8]>,
}

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// A message of a channel: status, and two bytes below 128, the second 0 where there is none.
    Midi([u8; 3]),
    /// What is said of the track, by its kind.
    Meta(u8, &'a [u8]),
    /// System exclusive, and other bytes for the wire.
    Exclusive,
}

pub(super) const TEXT: u8 = 0x01;
pub(super) const TRACK_NAME: u8 = 0x03;
pub(super) const MARKER: u8 = 0x06;
pub(super) const END_OF_TRACK: u8 = 0x2f;
pub(super) const TEMPO: u8 = 0x51;
pub(super) const TIME_SIGNATURE: u8 = 0x58;
/// The largest number of variable length.
pub(super) const MAX_DELTA: u32 = 0x0fff_ffff;

/// Takes a file apart, or says what is wrong with it. At most `most` tracks are looked at.
pub(super) fn parse(bytes: &[u8], most: usize) -> Result<File<'_>, &'static str> {
    let (head, mut rest) = chunk(bytes)
        .filter(|(id, ..)| *id == b"MThd")
        .map(|(_, data, rest)| (data, rest))
        .ok_or("it does not begin with MThd")?;
    let &[a, b, _, _, c, d, ..] = head else { return Err("its header is cut") };
    let mut file =
        File { format: u16::from_be_bytes([a, b]), division: u16::from_be_bytes([c, d]), tracks: Vec::new() };
    while let Some((id, data, behind)) = chunk(rest).filter(|_| file.tracks.len() < most) {
        file.tracks.extend((id == b"MTrk").then_some(data));
        rest = behind;
    }
    Ok(file)
}

/// The first chunk: its name, what is in it as far as it is there, and what comes behind.
fn chunk(bytes: &[u8]) -> Option<(&[u8; 4], &[u8], &[u8])> {
    let (id, rest) = bytes.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    let (data, behind) = rest.split_at(length.min(rest.len()));
    Some((id, data, behind))
}

/// The events of a track, each with the ticks since the one before. They end with the track, or where it is damaged.
#[derive(Debug)]
pub(super) struct Events<'a> {
    rest: &'a [u8],
    /// The status of the last message, which counts for those that have none.
    status: Option<u8>,
}

impl<'a> Events<'a> {
    pub(super) fn new(track: &'a [u8]) -> Self {
        Self { rest: track, status: None }
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// A byte below 128.
    fn data(&mut self) -> Option<u8> {
        self.byte().filter(|byte| *byte < 0x80)
    }

    /// A number of variable length: seven bits a byte, at most four bytes.
    fn number(&mut self) -> Option<u32> {
        let mut number = 0;
        for _ in 0..4 {
            let byte = self.byte()?;
            number = number << 7 | u32::from(byte & 0x7f);
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    fn event(&mut self) -> Option<(u32, Event<'a>)> {
        let delta = self.number()?;
        let first = *self.rest.first()?;
        let status = if first < 0x80 { self.status? } else { self.byte()? };
        let event = match status {
            0x80..=0xef => {
                self.status = Some(status);
                let number = self.data()?;
                let one = (0xc0..=0xdf).contains(&status);
                Event::Midi([status, number, if one { 0 } else { self.data()? }])
            }
            0xf0 | 0xf7 => self.bytes().map(|_| Event::Exclusive)?,
            0xff => Event::Meta(self.data()?, self.bytes()?),
            _ => return None,
        };
        Some((delta, event))
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = (u32, Event<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let event = self.event();
        if event.is_none() {
            self.rest = &[];
        }
        event
    }
}

/// Puts a file of format 1 together.
pub(super) fn file(division: u16, tracks: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut bytes = b"MThd\0\0\0\x06\0\x01".to_vec();
    bytes.extend(u16::try_from(tracks.len()).ok()?.to_be_bytes());
    bytes.extend(division.to_be_bytes());
    for track in tracks {
        bytes.extend(b"MTrk");
        bytes.extend(u32::try_from(track.len()).ok()?.to_be_bytes());
        bytes.extend(track);
    }
    Some(bytes)
}

/// Adds an event to the bytes of a track; deltas beyond [`MAX_DELTA`] are held there.
pub(super) fn push(track: &mut Vec<u8>, delta: u32, event: Event<'_>) {
    push_number(track, delta);
    match event {
        Event::Midi([status, number, value]) => {
            track.extend([status, number]);
            track.extend((!(0xc0..=0xdf).contains(&status)).then_some(value));
        }
        Event::Meta(kind, data) => {
            track.extend([0xff, kind]);
            push_number(track, u32::try_from(data.len()).unwrap_or(MAX_DELTA));
            track.extend(data);
        }
        Event::Exclusive => track.extend([0xf0, 0]),
    }
}

fn push_number(track: &mut Vec<u8>, number: u32) {
    let number = number.min(MAX_DELTA);
    let digit = |shift: u32| u8::try_from(number >> shift & 0x7f).unwrap_or(0);
    track
        .extend([21, 14, 7].into_iter().filter(|shift| number >> shift > 0).map(|shift| digit(shift) | 0x80));
    track.push(digit(0));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_variable_length_are_read_as_they_are_written() {
        // The examples of the specification.
        for (number, bytes) in [
            (0, &[0][..]),
            (0x40, &[0x40]),
            (0x7f, &[0x7f]),
            (0x80, &[0x81, 0]),
            (0x2000, &[0xc0, 0]),
            (0x3fff, &[0xff, 0x7f]),
            (0x0010_0000, &[0xc0, 0x80, 0]),
            (0x0fff_ffff, &[0xff, 0xff, 0xff, 0x7f]),
        ] {
            let mut written = Vec::new();
            push_number(&mut written, number);
            assert_eq!(written, bytes);
            assert_eq!(Events::new(bytes).number(), Some(number));
        }
        assert_eq!(Events::new(&[0xff; 5]).number(), None);
    }

    #[test]
    fn events_are_read_as_they_are_written_and_end_where_the_track_is_damaged() {
        let events = [
            (0, Event::Meta(TRACK_NAME, b"Lead".as_slice())),
            (200, Event::Midi([0x93, 60, 100])),
            (1, Event::Midi([0xc3, 5, 0])),
            (MAX_DELTA, Event::Midi([0xe3, 0, 64])),
            (0, Event::Exclusive),
            (7, Event::Meta(END_OF_TRACK, &[])),
        ];
        let mut track = Vec::new();
        events.iter().for_each(|(delta, event)| push(&mut track, *delta, *event));
        assert_eq!(Events::new(&track).collect::<Vec<_>>(), events);
        for cut in 0..track.len() {
            let read: Vec<_> = Events::new(&track[..cut]).collect();
            assert!(events.starts_with(&read) && read.len() < events.len());
        }
        let running = [0, 0x90, 60, 1, 1, 60, 0, 0, 0xf4];
        assert_eq!(Events::new(&running).count(), 2);
        assert_eq!(Events::new(&[0, 60, 1]).count(), 0, "no status to run on");
    }
}
