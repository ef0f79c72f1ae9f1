//! Walking the chunks of IFF-like files.

use super::{Context, OpenError};

/// A file with more chunks than this is refused: no real one comes near, and a hostile one could make us walk
/// for hours.
const MAX_CHUNKS: usize = 10_000;

/// One chunk's place in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    pub id: [u8; 4],
    /// Where the header begins.
    pub header: u64,
    /// Where the payload begins.
    pub start: u64,
    /// The payload's length as stored; may reach beyond the end of the file.
    pub claimed: u64,
    /// Bytes of the payload that are there.
    pub len: u64,
}

/// Calls `visit` for each chunk from byte 12 on. `visit` may change the claimed length (RF64) before the walk goes on.
pub(super) fn walk(
    context: &mut Context<'_>,
    big_endian: bool,
    mut visit: impl FnMut(&mut Context<'_>, &mut Chunk) -> Result<(), OpenError>,
) -> Result<(), OpenError> {
    let end = context.source.len();
    let mut header = 12_u64;
    for _ in 0..MAX_CHUNKS {
        let Some(start) = header.checked_add(8).filter(|&start| start <= end) else {
            if header < end {
                context.warn(header, format!("{} bytes after the last chunk are ignored", end - header));
            }
            return Ok(());
        };
        let Some([a, b, c, d, size @ ..]) =
            context.source.array_at::<8>(header).map_err(|error| context.read(header, error))?
        else {
            return Ok(());
        };
        let claimed = if big_endian { u32::from_be_bytes(size) } else { u32::from_le_bytes(size) };
        let id = [a, b, c, d];
        if id == [0; 4] {
            context.warn(header, "the chunks end in zeros; the rest is ignored");
            return Ok(());
        }
        let claimed = u64::from(claimed);
        let mut chunk = Chunk { id, header, start, claimed, len: claimed.min(end - start) };
        visit(context, &mut chunk)?;
        chunk.len = chunk.claimed.min(end - start);
        match start.checked_add(chunk.claimed).and_then(|next| next.checked_add(chunk.claimed & 1)) {
            Some(next) => header = next,
            None => return Ok(()),
        }
    }
    Err(context.unsupported(header, format!("more than {MAX_CHUNKS} chunks")))
}

/// A chunk's name for messages: printable ASCII as it is, anything else escaped.
pub(super) fn name(id: [u8; 4]) -> String {
    id.escape_ascii().to_string()
}
