//! Messages between a host and its worker, over a socket: what they say as JSON, and bytes beside it.
//!
//! ```text
//! length of the JSON (4 bytes, little-endian) · length of the bytes (4) · JSON · bytes
//! ```
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::disallowed_macros,
    reason = "runs off the audio thread"
)]

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::state::MAX_STATE;

/// Bytes of the longest JSON: 8,192 parameters with the longest names.
const MAX_JSON: usize = 16 << 20;
/// Bytes of the most that may come along: a state and its head.
const MAX_BYTES: usize = MAX_STATE + (4 << 20);

/// One end of the socket.
#[derive(Debug)]
pub(crate) struct Line(UnixStream);

impl Line {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self(stream)
    }

    /// Sends a message; gives up when the other side has not taken all of it after `patience`.
    pub(crate) fn send(
        &mut self,
        message: &impl Serialize,
        bytes: &[u8],
        patience: Duration,
    ) -> io::Result<()> {
        let json = serde_json::to_vec(message)?;
        let length = |len: usize, most: usize| {
            u32::try_from(len).ok().filter(|_| len <= most).ok_or(io::ErrorKind::FileTooLarge)
        };
        let (json_length, bytes_length) = (length(json.len(), MAX_JSON)?, length(bytes.len(), MAX_BYTES)?);
        self.0.set_write_timeout(Some(patience))?;
        self.0.write_all(&[json_length.to_le_bytes(), bytes_length.to_le_bytes()].concat())?;
        self.0.write_all(&json)?;
        self.0.write_all(bytes)
    }

    /// Waits for a message, at most `patience` for each part of it.
    pub(crate) fn receive<T: DeserializeOwned>(&mut self, patience: Duration) -> io::Result<(T, Vec<u8>)> {
        self.0.set_read_timeout(Some(patience.max(Duration::from_millis(1))))?;
        let mut head = [0; 8];
        self.0.read_exact(&mut head)?;
        let [a, b, c, d, e, f, g, h] = head;
        let json = u32::from_le_bytes([a, b, c, d]) as usize;
        let bytes = u32::from_le_bytes([e, f, g, h]) as usize;
        if json > MAX_JSON || bytes > MAX_BYTES {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a message is longer than any can be"));
        }
        let json = self.read(json)?;
        let bytes = self.read(bytes)?;
        Ok((serde_json::from_slice(&json)?, bytes))
    }

    /// Memory is taken as the bytes come, not as their number is announced.
    fn read(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        (&mut self.0).take(length as u64).read_to_end(&mut bytes)?;
        if bytes.len() == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    /// Whether something is there to be received, or the other side is gone, within `patience`.
    pub(crate) fn ready(&self, patience: Duration) -> io::Result<bool> {
        let timeout = Timespec {
            tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: patience.subsec_nanos().into(),
        };
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(count) => Ok(count > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends an open file.
    pub(crate) fn send_file(&mut self, file: &OwnedFd) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let files = [file.as_fd()];
        if !ancillary.push(SendAncillaryMessage::ScmRights(&files)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        rustix::net::sendmsg(&self.0, &[IoSlice::new(b"f")], &mut ancillary, SendFlags::empty())?;
        Ok(())
    }

    /// Receives an open file.
    pub(crate) fn receive_file(&mut self, patience: Duration) -> io::Result<OwnedFd> {
        self.0.set_read_timeout(Some(patience))?;
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let flags = RecvFlags::CMSG_CLOEXEC;
        rustix::net::recvmsg(&self.0, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, flags)?;
        for message in ancillary.drain() {
            if let RecvAncillaryMessage::ScmRights(mut files) = message
                && let Some(file) = files.next()
            {
                return Ok(file);
            }
        }
        Err(io::ErrorKind::InvalidData.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    fn pair() -> (Line, Line) {
        let (a, b) = UnixStream::pair().unwrap();
        (Line::new(a), Line::new(b))
    }

    #[test]
    fn messages_and_files_arrive() {
        let (mut a, mut b) = pair();
        a.send(&("hello", 7), b"bytes", SOON).unwrap();
        let file = rustix::fs::memfd_create("t", rustix::fs::MemfdFlags::CLOEXEC).unwrap();
        a.send_file(&file).unwrap();
        let ((word, number), bytes): ((String, i32), Vec<u8>) = b.receive(SOON).unwrap();
        assert_eq!((word.as_str(), number, bytes.as_slice()), ("hello", 7, &b"bytes"[..]));
        let same = b.receive_file(SOON).unwrap();
        let node = |file| rustix::fs::fstat(file).unwrap().st_ino;
        assert_eq!(node(&same), node(&file));
    }

    #[test]
    fn lengths_that_lie_end_the_line_and_take_no_memory() {
        for head in [[0xff; 8], [4, 0, 0, 0, 0xff, 0xff, 0xff, 0x03]] {
            let (a, mut b) = pair();
            let mut raw = a.0;
            raw.write_all(&head).unwrap();
            drop(raw);
            assert!(b.receive::<String>(SOON).is_err());
        }
    }

    #[test]
    fn half_a_message_is_given_up() {
        let (a, mut b) = pair();
        let mut raw = a.0;
        raw.write_all(&[100, 0, 0, 0, 0, 0, 0, 0, b'"']).unwrap();
        assert!(b.ready(SOON).unwrap());
        assert!(b.receive::<String>(Duration::from_millis(20)).is_err());
    }

    #[test]
    fn the_end_of_the_other_side_is_seen() {
        let (a, mut b) = pair();
        assert!(!b.ready(Duration::ZERO).unwrap());
        drop(a);
        assert!(b.ready(SOON).unwrap());
        assert!(b.receive::<String>(SOON).is_err());
    }
}
