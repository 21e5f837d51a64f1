//! Reading the file: settings and choices, all of them known by name

use std::path::PathBuf;

use serde::Deserialize;

use crate::model::choices::{Choices, Defaults, TableChoice, TriggerChoice};
use crate::model::plan::Mode;
use std::collections::BTreeMap;

/// Everything that `crossfade.toml` may say
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PlanFile {
    pub source: Option<PathBuf>,
    pub target: Option<String>,
    pub log_limit: Option<u64>,
    pub workers: Option<usize>,
    pub chunk_bytes: Option<usize>,
    schema: Option<Mode>,
    extensions: Vec<String>,
    defaults: Defaults,
    tables: BTreeMap<String, TableChoice>,
    triggers: BTreeMap<String, TriggerChoice>,
}

/// Where the file cannot be understood, and why
#[derive(Debug, PartialEq)]
pub struct Unreadable {
    pub line: usize,
    /// Quotes names of settings and no values: one of them may be a password
    pub message: String,
}

impl PlanFile {
    /// Reads the text of a file
    ///
    /// # Errors
    /// What is no TOML, and what is not known: a misspelt setting must not be ignored.
    pub fn parse(text: &str) -> Result<PlanFile, Unreadable> {
        toml::from_str(text).map_err(|error| {
            // toml's own text quotes the line.
            let line =
                error.span().map_or(1, |span| 1 + text.bytes().take(span.start).filter(|byte| *byte == b'\n').count());
            Unreadable { line, message: without_values(error.message()) }
        })
    }

    /// What a plan is made with
    pub fn choices(&self) -> Choices {
        Choices {
            schema: self.schema,
            defaults: self.defaults.clone(),
            tables: self.tables.clone(),
            triggers: self.triggers.clone(),
            extensions: self.extensions.clone(),
        }
    }
}

/// serde names the value that it did not expect
fn without_values(message: &str) -> String {
    for (before, close) in
        [("string \"", '"'), ("unknown variant `", '`'), ("integer `", '`'), ("floating point `", '`')]
    {
        let Some(at) = message.find(before) else { continue };
        let rest = &message[at + before.len()..];
        // The expectation begins behind the last of such marks before it.
        let end = rest.rfind(", expected").and_then(|to| rest[..to].rfind(close)).or(rest.rfind(close));
        let what = before[..before.len() - 1].trim_end();
        return format!("{}{what}{}", &message[..at], end.map_or("", |end| &rest[end + 1..]));
    }
    message.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::choices::{ColumnChoice, JsonType};

    #[test]
    fn settings_and_choices_stand_in_one_file() {
        let file = PlanFile::parse(
            r#"source = "app.db"
               workers = 3
               [defaults]
               json = "json"
               [tables.t]
               skip = true
               [tables."a b".columns]
               id = "bigint"
               "x.y" = { type = "date", form = "%Y%m%d", rename = "day" }
               [tables."a b".columns.payload]
               type = "jsonb"
               index = "gin""#,
        )
        .unwrap();
        assert_eq!((file.source.as_deref(), file.workers), (Some(std::path::Path::new("app.db")), Some(3)));
        let choices = file.choices();
        assert_eq!((choices.defaults.json, choices.tables["t"].skip), (JsonType::Json, true));
        let columns = &choices.tables["a b"].columns;
        assert_eq!(columns["id"], ColumnChoice { type_sql: Some("bigint".into()), ..ColumnChoice::default() });
        assert_eq!((columns["x.y"].form.as_deref(), columns["x.y"].rename.as_deref()), (Some("%Y%m%d"), Some("day")));
        assert_eq!(columns["payload"].index.as_deref(), Some("gin"));
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_line() {
        for (text, line, named) in [
            ("source = \"a\"\nchunk_bites = 5\n", 2, "chunk_bites"),
            ("[defaults]\njsn = \"text\"", 2, "jsn"),
            ("[tables.t]\n\nskipp = true", 3, "skipp"),
            ("[tables.t.columns]\na = { typ = \"text\" }", 2, "typ"),
            ("[tables.t.columns]\na = 5", 2, "a type, or a table"),
            ("[triggers.\"t.x\"]\nfires = true", 2, "fires"),
            ("source = \n", 1, ""),
            ("[tables.t]\nskip = true\nskip = false", 3, "duplicate"),
        ] {
            let error = PlanFile::parse(text).unwrap_err();
            assert_eq!(error.line, line, "{text}: {error:?}");
            assert!(error.message.contains(named), "{text}: {error:?}");
        }
    }

    #[test]
    fn no_value_is_ever_quoted() {
        for text in [
            "target = \"postgres://u:s3cret@h/d\nworkers = 1",
            "workers = \"s3cret\"",
            "workers = \"s3cret\", expected \"s3cret\"",
            "schema = \"s3cret\"",
            "workers = \"a\\\" s3cret, expected u64\"",
            "[defaults]\nvarchar = \"s3cret\"",
            "[tables.t]\nskip = \"s3cret\"",
            "[tables]\nt = \"s3cret\"",
            "log_limit = 's3cret",
            "target = s3cret",
            "target = [\"s3cret\"",
            "extensions = \"s3cret\"",
            "[tables.t.columns]\na = [\"s3cret\"]",
            "[tables.t]\npolicy = \"s3cret`, expected\"",
        ] {
            let error = PlanFile::parse(text).unwrap_err();
            assert!(!error.message.contains("s3cret"), "{text}: {error:?}");
        }
    }
}
