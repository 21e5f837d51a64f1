//! Words and their places, as an index of SQLite hands them out, and the `tsvector` of each row
//!
//! A contentless table holds no text. Its index goes word by word; here it is turned round, row by row, and written in the
//! form in which PostgreSQL prints a `tsvector`, so that both sides can be compared by their text.

use std::fmt::Write;

/// PostgreSQL's limits (src/include/tsearch/ts_type.h): bytes of a word, places of a word, the last place
const WORD_BYTES: usize = 2046;
const PLACES: usize = 256;
const LAST_PLACE: u32 = 16_383;

/// Bytes of all words of a row: a little less than the 1 MiB that a `tsvector` takes
const ROW_BYTES: usize = 1_000_000;

/// One occurrence of a word; in the order in which rows are made of them
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    row: u32,
    /// Position in `spans`
    word: u32,
    column: u16,
    offset: u32,
}

/// Words and their places in some rows
#[derive(Debug, Default)]
pub struct Words {
    bytes: Vec<u8>,
    /// Each word's bytes; words come in the order of their bytes
    spans: Vec<(usize, usize)>,
    places: Vec<Place>,
}

impl Words {
    pub fn new() -> Words {
        Words::default()
    }

    /// A word of a row, and where it stands there, if the index says so; words in the order of their bytes
    pub fn add(&mut self, word: &[u8], row: usize, place: Option<(usize, u32)>) {
        let is_same = self.spans.last().is_some_and(|&(start, end)| self.bytes[start..end] == *word);
        if !is_same {
            let start = self.bytes.len();
            self.bytes.extend_from_slice(word);
            self.spans.push((start, self.bytes.len()));
        }
        let (column, offset) = place.map_or((0, 0), |(column, offset)| (column as u16, offset));
        self.places.push(Place { row: row as u32, word: self.spans.len() as u32 - 1, column, offset });
    }

    /// The `tsvector` of each of so many rows, with places or without
    pub fn rows(mut self, count: usize, with_places: bool) -> Vec<String> {
        self.places.sort_unstable();
        let mut rest = &self.places[..];
        let rows = (0..count as u32).map(|row| {
            let (places, others) = rest.split_at(rest.partition_point(|place| place.row <= row));
            rest = others;
            self.row(places, with_places)
        });
        rows.collect()
    }

    fn row(&self, places: &[Place], with_places: bool) -> String {
        let starts = starts(places);
        let (mut text, mut bytes) = (String::new(), 0);
        for of_word in places.chunk_by(|a, b| a.word == b.word) {
            let (start, end) = self.spans[of_word[0].word as usize];
            let Some(word) = storable(&self.bytes[start..end]) else { continue };
            let mut found: Vec<(u32, u16)> = Vec::new();
            if with_places {
                let at = |place: &Place| starts[usize::from(place.column)].saturating_add(place.offset + 1);
                found = of_word.iter().map(|place| (at(place).min(LAST_PLACE), place.column)).collect();
                found.dedup_by_key(|(at, _)| *at);
                found.truncate(PLACES);
            }
            bytes += word.len().next_multiple_of(2) + if found.is_empty() { 0 } else { 2 + 2 * found.len() };
            if bytes > ROW_BYTES {
                break;
            }
            write_word(&mut text, word, &found);
        }
        text
    }
}

/// Where each column's words begin: behind those of the columns before, with a gap that no phrase spans
fn starts(places: &[Place]) -> Vec<u32> {
    let columns = places.iter().map(|place| usize::from(place.column) + 1).max().unwrap_or(0);
    let mut lengths = vec![0u32; columns];
    for place in places {
        let length = &mut lengths[usize::from(place.column)];
        *length = (*length).max(place.offset.saturating_add(2));
    }
    let mut next = 0u32;
    let start = |length: u32| {
        let start = next;
        next = next.saturating_add(length);
        start
    };
    lengths.into_iter().map(start).collect()
}

/// The word, if a `tsvector` can hold it
fn storable(word: &[u8]) -> Option<&str> {
    let fits = !word.is_empty() && word.len() <= WORD_BYTES && !word.contains(&0);
    std::str::from_utf8(word).ok().filter(|_| fits)
}

fn write_word(text: &mut String, word: &str, places: &[(u32, u16)]) {
    if !text.is_empty() {
        text.push(' ');
    }
    text.push('\'');
    for character in word.chars() {
        if matches!(character, '\'' | '\\') {
            text.push(character);
        }
        text.push(character);
    }
    text.push('\'');
    for (number, (at, column)) in places.iter().enumerate() {
        let weight = ["A", "B", "C"].get(usize::from(*column)).unwrap_or(&"");
        // Writing to a string cannot fail.
        let _ = write!(text, "{}{at}{weight}", if number == 0 { ':' } else { ',' });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(words: &[(&str, usize, u32)]) -> String {
        let mut found = Words::new();
        words.iter().for_each(|(word, column, offset)| found.add(word.as_bytes(), 0, Some((*column, *offset))));
        found.rows(1, true).remove(0)
    }

    #[test]
    fn columns_follow_each_other_with_their_weights() {
        let found = [("a", 0, 0), ("b", 0, 1), ("b", 1, 0), ("b", 3, 4), ("c", 2, 0)];
        assert_eq!(row(&found), "'a':1A 'b':2A,4B,12 'c':6C");
        assert_eq!(row(&[("it's", 0, 0), ("x\\y", 0, 1)]), "'it''s':1A 'x\\\\y':2A");
        assert_eq!(row(&[]), "");
    }

    #[test]
    fn what_a_tsvector_does_not_hold_is_left_out() {
        let many: Vec<(&str, usize, u32)> = (0..300).map(|at| ("x", 0, at)).collect();
        assert!(row(&many).ends_with(",256A"), "{}", row(&many));
        assert_eq!(
            row(&[("far", 0, 16_381), ("far", 0, 16_382), ("far", 0, 20_000), ("far", 1, 0)]),
            "'far':16382A,16383A"
        );
        let long = "x".repeat(2047);
        assert_eq!(row(&[("a\0b", 0, 0), ("b", 0, 1), (&long, 0, 2)]), "'b':2A");
        let words: Vec<String> = (0..1_000).map(|n| format!("{n:04}{}", "y".repeat(1_500))).collect();
        let found: Vec<(&str, usize, u32)> = words.iter().zip(0..).map(|(word, at)| (word.as_str(), 0, at)).collect();
        let count = row(&found).split(' ').count();
        assert!((600..700).contains(&count), "{count}");
    }

    #[test]
    fn rows_without_places_and_without_words() {
        let mut found = Words::new();
        found.add(b"a", 2, None);
        found.add(b"b", 0, None);
        found.add(b"b", 2, None);
        assert_eq!(found.rows(4, false), ["'b'", "", "'a' 'b'", ""]);
    }
}
