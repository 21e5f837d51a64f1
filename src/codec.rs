//! The only place that knows bincode: snapshot cursors as stored in the target
//!
//! One version byte, then the bincode form of a wire struct. The wire struct is not the model's type, so that a change
//! in the model cannot silently change what is stored.

use bincode::{Decode, Encode};

use crate::error::{Error, Result};
use crate::model::chunk::Range;

const VERSION: u8 = 1;

#[derive(Encode, Decode)]
struct CursorV1 {
    after: Option<Vec<u8>>,
    through: Option<Vec<u8>>,
}

/// The stored form of a chunk's range
pub fn encode_cursor(range: &Range) -> Result<Vec<u8>> {
    let wire = CursorV1 { after: range.after.clone(), through: range.through.clone() };
    let mut bytes = vec![VERSION];
    let body = bincode::encode_to_vec(wire, bincode::config::standard())
        .map_err(|e| Error::internal("encode a snapshot cursor").caused_by(e))?;
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

/// Reads a stored range back
///
/// # Errors
/// Refuses a cursor written by a newer crossfade, or one that is damaged; guessing would skip or repeat rows.
pub fn decode_cursor(bytes: &[u8]) -> Result<Range> {
    let unreadable = || {
        Error::refused("a snapshot cursor stored in the target is not readable by this version of crossfade")
            .hint("use the version that began the snapshot, or start over with `crossfade cancel`")
    };
    let (&version, body) = bytes.split_first().ok_or_else(unreadable)?;
    if version != VERSION {
        return Err(unreadable());
    }
    let (wire, length): (CursorV1, usize) =
        bincode::decode_from_slice(body, bincode::config::standard()).map_err(|e| unreadable().caused_by(e))?;
    if length != body.len() {
        return Err(unreadable());
    }
    Ok(Range { after: wire.after, through: wire.through })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_and_a_foreign_version_is_refused() {
        let range = Range { after: Some(vec![1, 2, 0]), through: None };
        let mut bytes = encode_cursor(&range).unwrap();
        assert_eq!(decode_cursor(&bytes).unwrap(), range);
        assert!(decode_cursor(&bytes[..2]).is_err());
        bytes[0] = 9;
        assert!(decode_cursor(&bytes).is_err());
        assert!(decode_cursor(&[]).is_err());
    }
}
