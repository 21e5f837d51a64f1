//! `inet` and `cidr`: family, bits of the mask, a flag, length of the address, address

use std::io::Write;

use super::{DecodeError, malformed};
use crate::model::mapping::Mapping;
use crate::model::value::Value;

pub(super) fn value<'a>(bytes: &[u8], cidr: bool, scratch: &'a mut Vec<u8>) -> Result<Value<'a>, DecodeError> {
    scratch.clear();
    let (bits, full) = match bytes {
        [2, bits @ 0..=32, _, 4, address @ ..] if address.len() == 4 => {
            append_dotted(scratch, address);
            (*bits, 32)
        }
        [3, bits @ 0..=128, _, 16, address @ ..] if address.len() == 16 => {
            append_colons(scratch, address);
            (*bits, 128)
        }
        _ => return malformed(Mapping::Inet { cidr }),
    };
    if cidr || bits != full {
        // Writing into a Vec cannot fail.
        let _ = write!(scratch, "/{bits}");
    }
    Ok(Value::Text(scratch))
}

fn append_dotted(out: &mut Vec<u8>, address: &[u8]) {
    for (at, byte) in address.iter().enumerate() {
        let _ = if at == 0 { write!(out, "{byte}") } else { write!(out, ".{byte}") };
    }
}

/// RFC 5952: the longest run of two or more zero groups is left out, the first of several; mapped addresses have dots
fn append_colons(out: &mut Vec<u8>, address: &[u8]) {
    if let Some(mapped) = address.strip_prefix(b"\0\0\0\0\0\0\0\0\0\0\xff\xff") {
        out.extend_from_slice(b"::ffff:");
        return append_dotted(out, mapped);
    }
    let mut groups = [0u16; 8];
    groups.iter_mut().zip(address.as_chunks().0).for_each(|(group, pair)| *group = u16::from_be_bytes(*pair));
    let (start, length) = longest_zeros(&groups);
    let mut at = 0;
    while at < 8 {
        if length > 1 && at == start {
            out.extend_from_slice(b"::");
            at += length;
            continue;
        }
        let separate = at > 0 && (length < 2 || at != start + length);
        let _ = if separate { write!(out, ":{:x}", groups[at]) } else { write!(out, "{:x}", groups[at]) };
        at += 1;
    }
}

fn longest_zeros(groups: &[u16; 8]) -> (usize, usize) {
    let mut longest = (0, 0);
    for start in 0..8 {
        let length = groups[start..].iter().take_while(|group| **group == 0).count();
        if length > longest.1 {
            longest = (start, length);
        }
    }
    longest
}
