//! A frame: its length as four bytes, big-endian, then that many bytes of
//! RFC 8785 JSON, 131,072 at most.

use crate::jsonl;
use std::borrow::Cow;
use std::io::{self, Read};

/// The most bytes of JSON in a frame.
pub const FRAME_LIMIT_BYTES: usize = 131_072;
/// The bytes before the JSON.
pub const HEADER_BYTES: usize = 4;

/// Why a frame is not taken.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// Longer than [`FRAME_LIMIT_BYTES`]; nothing was allocated for it.
    #[error("frame of {0} bytes is larger than {FRAME_LIMIT_BYTES}")]
    TooLarge(usize),
    /// The stream ended inside a frame, or failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Not strict JSON.
    #[error(transparent)]
    Json(#[from] jsonl::Error),
    /// Not in RFC 8785 form, or with members that its `op` does not have.
    #[error("frame not in its RFC 8785 form")]
    NotCanonical,
    /// No `op`, or one that is not known here.
    #[error("unknown op \"{0}\"")]
    UnknownOp(String),
    /// A member is missing or not what it must be.
    #[error("member \"{0}\" of the frame is malformed")]
    Malformed(Cow<'static, str>),
}

/// The length that a header announces, checked before anything is allocated.
pub fn body_length(header: [u8; HEADER_BYTES]) -> Result<usize, FrameError> {
    let length = u32::from_be_bytes(header) as usize;
    if length > FRAME_LIMIT_BYTES { Err(FrameError::TooLarge(length)) } else { Ok(length) }
}

/// Reads one frame's JSON into `body`; false if the stream ended before it.
pub fn read_body(reader: &mut impl Read, body: &mut Vec<u8>) -> Result<bool, FrameError> {
    let mut header = [0; HEADER_BYTES];
    let mut have = 0;
    while have < HEADER_BYTES {
        match reader.read(&mut header[have..]) {
            Ok(0) if have == 0 => return Ok(false),
            Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            Ok(count) => have += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    body.clear();
    body.resize(body_length(header)?, 0);
    reader.read_exact(body)?;
    Ok(true)
}

/// Appends a frame: `write` makes its JSON behind a header that is filled in
/// after it. A frame that grew too large is taken back.
pub fn seal(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> Result<(), FrameError> {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER_BYTES]);
    write(out);
    let length = out.len() - start - HEADER_BYTES;
    if length > FRAME_LIMIT_BYTES {
        out.truncate(start);
        return Err(FrameError::TooLarge(length));
    }
    out[start..start + HEADER_BYTES].copy_from_slice(&(length as u32).to_be_bytes());
    Ok(())
}
