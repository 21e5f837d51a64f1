//! Network addresses
//!
//! The layout (`network_send` in PostgreSQL's `network.c`): family, bits of the mask, whether it is a `cidr`, length of
//! the address, address. PostgreSQL prints the mask of an `inet` only if it leaves bits out, and that of a `cidr` always;
//! the same is asked of SQLite's text, with the address as RFC 5952 writes it.

use std::io::Write;
use std::net::IpAddr;

use crate::model::mapping::Misfit;
use crate::model::value::Value;

/// PostgreSQL's own numbers, which are the same on every system
const IPV4: u8 = 2;
const IPV6: u8 = 3;

#[inline(never)]
pub(super) fn append(buffer: &mut Vec<u8>, value: Value<'_>, cidr: bool) -> Result<(), Misfit> {
    let Value::Text(text) = value else { return Err(Misfit::Class(value.class())) };
    let (address, bits) = parse(text, cidr).ok_or(Misfit::Form)?;
    match address {
        IpAddr::V4(address) => append_payload(buffer, IPV4, bits, cidr, &address.octets()),
        IpAddr::V6(address) => append_payload(buffer, IPV6, bits, cidr, &address.octets()),
    }
    Ok(())
}

fn append_payload(buffer: &mut Vec<u8>, family: u8, bits: u8, cidr: bool, address: &[u8]) {
    let size = address.len() as u8;
    buffer.extend_from_slice(&[0, 0, 0, 4 + size, family, bits, u8::from(cidr), size]);
    buffer.extend_from_slice(address);
}

fn parse(text: &[u8], cidr: bool) -> Option<(IpAddr, u8)> {
    let text = std::str::from_utf8(text).ok()?;
    let (host, mask) = match text.split_once('/') {
        Some((host, mask)) => (host, Some(mask)),
        None => (text, None),
    };
    let address: IpAddr = host.parse().ok()?;
    let full = if address.is_ipv4() { 32 } else { 128 };
    let bits = mask.map_or(Some(full), |mask| mask_bits(mask, full))?;
    let mask_is_due = cidr || bits < full;
    let usual = is_written_so(address, host) && mask.is_some() == mask_is_due;
    (usual && !(cidr && has_host_bits(address, bits))).then_some((address, bits))
}

fn mask_bits(mask: &str, full: u8) -> Option<u8> {
    let usual = mask.bytes().all(|b| b.is_ascii_digit()) && (mask == "0" || !mask.starts_with('0'));
    mask.parse().ok().filter(|bits| usual && *bits <= full)
}

/// Whether an address is printed as it was written
fn is_written_so(address: IpAddr, written: &str) -> bool {
    // Eight groups of four digits and seven colons are 39 bytes.
    let mut printed = [0u8; 48];
    let mut rest = &mut printed[..];
    let complete = write!(rest, "{address}").is_ok();
    let unused = rest.len();
    complete && printed[..48 - unused] == *written.as_bytes()
}

/// `cidr` refuses addresses with bits to the right of the mask
fn has_host_bits(address: IpAddr, bits: u8) -> bool {
    let (number, size) = match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    number.trailing_zeros() < size - u32::from(bits) && number != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_postgresql_prints_them() {
        for text in [
            "0.0.0.0",
            "192.168.0.1",
            "192.168.0.1/24",
            "255.255.255.255/0",
            "::",
            "::1",
            "::/0",
            "2001:db8::1/64",
            "2001:db8:0:1:1:1:1:1",
            "::ffff:192.168.0.1",
            "1:2:3:4:5:6:7:8",
            "fe80::1:0:0:1",
        ] {
            assert!(parse(text.as_bytes(), false).is_some(), "{text}");
        }
        for text in ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.1/32", "2001:db8::/32", "::1/128"] {
            assert!(parse(text.as_bytes(), true).is_some(), "{text}");
        }
    }

    #[test]
    fn other_spellings_are_misfits() {
        for text in [
            "",
            "1.2.3",
            "1.2.3.4/32",
            "1.2.3.4/33",
            "1.2.3.4/08",
            "1.2.3.4/+8",
            "1.2.3.4/",
            "01.2.3.4",
            "1.2.3.4 ",
            "2001:DB8::1",
            "2001:0db8::1",
            "0:0:0:0:0:0:0:1",
            "1::3:4:5:6:7:8",
            "::1/128",
            "::1/129",
            "fe80::1%eth0",
            "::ffff:c0a8:1",
        ] {
            assert!(parse(text.as_bytes(), false).is_none(), "{text}");
        }
        for text in ["10.0.0.0", "10.0.0.1/8", "0.0.0.1/31", "2001:db8::1/64"] {
            assert!(parse(text.as_bytes(), true).is_none(), "{text}");
        }
    }

    #[test]
    fn fields_are_as_network_recv_wants_them() {
        let mut buffer = Vec::new();
        append(&mut buffer, Value::Text(b"192.168.0.1/24"), false).unwrap();
        append(&mut buffer, Value::Text(b"::/0"), true).unwrap();
        let expected = b"\0\0\0\x08\x02\x18\0\x04\xc0\xa8\0\x01\0\0\0\x14\x03\0\x01\x10";
        assert_eq!(buffer, [&expected[..], &[0; 16]].concat());
        assert!(append(&mut buffer, Value::Integer(1), false).is_err());
    }
}
