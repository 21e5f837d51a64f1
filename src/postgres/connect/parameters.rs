//! Takes the TLS parameters out of a connection string
//!
//! tokio-postgres knows three of libpq's `sslmode`s and no `sslrootcert`; it would refuse the string.

use std::path::PathBuf;

use crate::error::{Error, Result};

/// What was taken out, and the string without it
pub(super) struct Parameters {
    pub rest: String,
    pub ssl_mode: Option<String>,
    pub ssl_root_cert: Option<PathBuf>,
}

impl Parameters {
    pub fn take_from(text: &str) -> Result<Parameters> {
        let mut parameters = Parameters { rest: String::new(), ssl_mode: None, ssl_root_cert: None };
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            parameters.take_from_url(text);
        } else {
            parameters.take_from_pairs(text).ok_or_else(malformed)?;
        }
        Ok(parameters)
    }

    fn take_from_url(&mut self, url: &str) {
        // As tokio-postgres reads it: credentials end at the first `@`, and the query begins at the first `?` after it.
        let credentials = url.find('@').map_or(0, |at| at + 1);
        let Some(mark) = url[credentials..].find('?').map(|mark| credentials + mark) else {
            self.rest = url.to_owned();
            return;
        };
        let kept: Vec<&str> = url[mark + 1..].split('&').filter(|pair| !self.take_encoded(pair)).collect();
        self.rest = url[..mark].to_owned();
        if !kept.is_empty() {
            self.rest.push('?');
            self.rest.push_str(&kept.join("&"));
        }
    }

    fn take_encoded(&mut self, pair: &str) -> bool {
        let decoded = pair.split_once('=').and_then(|(k, v)| Some((percent_decode(k)?, percent_decode(v)?)));
        decoded.is_some_and(|(key, value)| self.take(&key, value))
    }

    fn take_from_pairs(&mut self, text: &str) -> Option<()> {
        let mut unread = text.trim_start();
        while !unread.is_empty() {
            let key_end = unread.find(|c: char| c == '=' || c.is_whitespace())?;
            let key = &unread[..key_end];
            let value_text = unread[key_end..].trim_start().strip_prefix('=')?.trim_start();
            let (value, after) = read_value(value_text)?;
            if !self.take(key, value.clone()) {
                let quoted = value.replace('\\', "\\\\").replace('\'', "\\'");
                self.rest.push_str(&format!("{key}='{quoted}' "));
            }
            unread = after.trim_start();
        }
        Some(())
    }

    fn take(&mut self, key: &str, value: String) -> bool {
        match key {
            "sslmode" => self.ssl_mode = Some(value),
            "sslrootcert" => self.ssl_root_cert = Some(PathBuf::from(value)),
            _ => return false,
        }
        true
    }
}

/// The error for a string that tokio-postgres does not accept; its own text may quote from the string
pub(super) fn refuse(error: &tokio_postgres::Error) -> Error {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    match cause.strip_prefix("invalid value for option ") {
        // The name of the option is one of the library's own words.
        Some(option) => Error::usage(format!("the target's connection string has an invalid {option}"))
            .hint("percent-encode special characters in the URL's user and password, such as @ : / ?"),
        None if cause.starts_with("unknown option") => {
            Error::usage("the target's connection string has an unknown option")
                .hint("options are those of libpq that concern host, user, password, database, timeouts and TLS")
        }
        None => malformed(),
    }
}

fn malformed() -> Error {
    Error::usage("the target is not a valid PostgreSQL connection string")
        .hint("give a URL like postgres://user@host:5432/database, or host=... user=... dbname=...")
}

/// A value, quoted or plain, with its escapes taken out; and what follows it
fn read_value(text: &str) -> Option<(String, &str)> {
    let (quoted, body) = match text.strip_prefix('\'') {
        Some(body) => (true, body),
        None => (false, text),
    };
    let mut value = String::new();
    let mut characters = body.char_indices();
    while let Some((position, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted => return Some((value, &body[position + 1..])),
            space if !quoted && space.is_whitespace() => return Some((value, &body[position..])),
            other => value.push(other),
        }
    }
    (!quoted && !value.is_empty()).then_some((value, ""))
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let decoded = after.get(..2).filter(|_| byte == b'%').and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
            u8::from_str_radix(digits, 16).ok()
        });
        bytes.push(decoded.unwrap_or(byte));
        rest = if decoded.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tls_parameters_are_taken_and_the_rest_stays() {
        let cases = [
            (
                "postgres://u:p?w@h/d?a=1&sslmode=verify-full&b=%202",
                "postgres://u:p?w@h/d?a=1&b=%202",
                "verify-full",
                "",
            ),
            ("postgres://h?sslrootcert=%2Fa%20b&sslmode=x", "postgres://h", "x", "/a b"),
            ("postgres://u@h/d", "postgres://u@h/d", "", ""),
            ("host=h sslmode=require sslrootcert='/a b' x='y\\'z'", "host='h' x='y\\'z' ", "require", "/a b"),
        ];
        for (text, rest, mode, root) in cases {
            let taken = Parameters::take_from(text).unwrap();
            assert_eq!(taken.rest, rest);
            assert_eq!(taken.ssl_mode.unwrap_or_default(), mode);
            assert_eq!(taken.ssl_root_cert.unwrap_or_default(), PathBuf::from(root));
        }
    }

    #[test]
    fn broken_pairs_are_refused() {
        for text in ["host", "host=", "host='open", "=x y", "a=b c"] {
            let parsed = Parameters::take_from(text).map(|p| p.rest.parse::<tokio_postgres::Config>().is_err());
            assert!(parsed.unwrap_or(true), "{text}");
        }
    }
}
