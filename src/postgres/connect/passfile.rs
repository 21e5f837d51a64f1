//! The password file, read as libpq reads it
//!
//! <https://www.postgresql.org/docs/current/libpq-pgpass.html>: lines of `host:port:database:user:password`, the first
//! that matches wins, `*` matches anything, a backslash takes the next character as it is.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Where servers put their Unix socket by default; the password file calls both `localhost`
pub(super) const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// The file's text; nothing if it is not there, or open to anyone but its owner
pub(super) fn read(path: &Path) -> Option<String> {
    let metadata = std::fs::metadata(path).ok()?;
    let private = metadata.permissions().mode() & 0o077 == 0;
    if metadata.is_file() && private { std::fs::read_to_string(path).ok() } else { None }
}

/// The password of the first line that fits
pub(super) fn find(entries: &str, host: &str, port: u16, database: &str, user: &str) -> Option<String> {
    let host = if SOCKET_DIRECTORIES.contains(&host) { "localhost" } else { host };
    let wanted = [host, &port.to_string(), database, user];
    entries.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
        let mut rest = line;
        for value in wanted {
            let (field, after) = split_field(rest);
            if field != "*" && unescape(field) != value {
                return None;
            }
            rest = after?;
        }
        Some(unescape(split_field(rest).0))
    })
}

/// The text up to the next colon that no backslash precedes, and what follows that colon
fn split_field(text: &str) -> (&str, Option<&str>) {
    let mut escaped = false;
    for (position, byte) in text.bytes().enumerate() {
        match byte {
            b':' if !escaped => return (&text[..position], Some(&text[position + 1..])),
            _ => escaped = byte == b'\\' && !escaped,
        }
    }
    (text, None)
}

fn unescape(field: &str) -> String {
    let mut characters = field.chars();
    let mut plain = String::with_capacity(field.len());
    while let Some(character) = characters.next() {
        let kept = if character == '\\' { characters.next().unwrap_or(character) } else { character };
        plain.push(kept);
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRIES: &str = "# h:1:d:u:commented out\n\
        \n\
        short:1\n\
        h:1:d:u:first\r\n\
        h:1:d:u:second\n\
        localhost:*:d:u:local\n\
        ho\\:st:1:d\\\\b:u:pa\\:ss\\\\word\n\
        \\*:1:d:u:star\n\
        *:2:*:*:any host: ignored\n";

    #[test]
    fn the_first_matching_line_wins() {
        let password = |host, port, database, user| find(ENTRIES, host, port, database, user);
        assert_eq!(password("h", 1, "d", "u").as_deref(), Some("first"));
        assert_eq!(password("h", 1, "d", "other"), None);
        assert_eq!(password("h", 3, "d", "u"), None);
        assert_eq!(password("/tmp", 5, "d", "u").as_deref(), Some("local"));
        assert_eq!(password("ho:st", 1, "d\\b", "u").as_deref(), Some("pa:ss\\word"));
        assert_eq!(password("*", 1, "d", "u").as_deref(), Some("star"));
        assert_eq!(password("x", 2, "y", "z").as_deref(), Some("any host"));
    }
}
