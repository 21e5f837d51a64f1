//! The rules of the source tree: who may import whom, headers, sizes, and nothing forgotten

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const LONGEST_LINE: usize = 130;
const LONGEST_FILE: usize = 500;

/// What each part may import beside itself: DESIGN.md section 5. `failpoint` is a hook without any state.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("failpoint", &[]),
    ("config", &["error", "model"]),
    // The one that does no I/O; not even the error type with its I/O causes.
    ("model", &[]),
    ("codec", &["error", "model"]),
    ("sqlite", &["model", "error", "config", "failpoint", "codec"]),
    ("postgres", &["model", "error", "config", "failpoint", "codec"]),
    ("observe", &["model", "error", "config"]),
    ("engine", &["sqlite", "postgres", "observe", "model", "error", "config", "failpoint", "codec"]),
    ("cli", &["engine", "sqlite", "postgres", "observe", "model", "error", "config"]),
    ("main", &["cli"]),
    ("lib", &[]),
];

#[test]
fn imports_go_one_way() {
    let mut wrong = Vec::new();
    for file in files("src") {
        let part = part_of(&file);
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == part) else {
            wrong.push(format!("{}: `{part}` has no place in DESIGN.md section 5", file.display()));
            continue;
        };
        for used in imports(&fs::read_to_string(&file).expect("a source file")) {
            if used != part && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{}: `{part}` must not import `{used}`", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_says_what_it_is() {
    let without = |file: &PathBuf| !fs::read_to_string(file).expect("a source file").starts_with("//! ");
    let wrong: Vec<PathBuf> = all_files().into_iter().filter(without).collect();
    assert!(wrong.is_empty(), "files without a //! header: {wrong:#?}");
}

#[test]
fn files_and_lines_stay_readable() {
    let mut wrong = Vec::new();
    for file in all_files() {
        let text = fs::read_to_string(&file).expect("a source file");
        let lines = text.lines().count();
        if lines > LONGEST_FILE {
            wrong.push(format!("{}: {lines} lines, at most {LONGEST_FILE}", file.display()));
        }
        let long = text.lines().enumerate().filter(|(_, line)| line.chars().count() > LONGEST_LINE);
        wrong.extend(long.map(|(at, _)| format!("{}:{}: longer than {LONGEST_LINE} columns", file.display(), at + 1)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A test file that nobody names is compiled by nobody
#[test]
fn every_test_file_is_listed() {
    for (folder, list) in [("tests/it", "main.rs"), ("tests/it/support", "mod.rs"), ("tests/it/generator", "mod.rs")] {
        let list_text = fs::read_to_string(root().join(folder).join(list)).expect("a list of modules");
        for entry in fs::read_dir(root().join(folder)).expect("a folder").flatten() {
            let path = entry.path();
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            let is_module = path.is_dir() || path.extension().is_some_and(|ending| ending == "rs");
            // `#[path]` names the tests of the comparison inside it.
            if !is_module || path.ends_with(list) || name == "compare_tests" {
                continue;
            }
            let listed = list_text.lines().any(|line| line.trim_start_matches("pub ") == format!("mod {name};"));
            assert!(listed, "{} is not listed in {folder}/{list}", path.display());
        }
    }
}

#[test]
fn no_test_is_ignored_and_none_sleeps() {
    for file in files("tests") {
        let text = fs::read_to_string(&file).expect("a test file");
        // In two parts, so that this file does not find itself.
        let ignored = text.contains(concat!("#[ign", "ore"));
        assert!(!ignored, "{} ignores a test", file.display());
        let polls = ["process.rs", "load.rs", "randomised.rs", "history/writer.rs", "tidy.rs"]
            .iter()
            .any(|name| file.ends_with(name));
        assert!(
            polls || !text.replace("pg_sleep(", "").contains("sleep("),
            "{} sleeps; wait_until waits for a condition",
            file.display()
        );
    }
}

/// The import rule itself must see every way of writing an import
#[test]
fn the_import_rule_sees_through_the_spellings() {
    let text = "use crate::model::Plan;\npub use crate::sqlite;\nuse crate::{engine::tail, config::{Settings, A}};\n\
                let x = crate::postgres::copy::X;\n// crate::cli is only mentioned\npub(crate) use crossfade::observe::Y;";
    let expected = ["config", "engine", "model", "observe", "postgres", "sqlite"];
    assert_eq!(imports(text).into_iter().collect::<Vec<_>>(), expected);
}

/// First path segments after `crate::` or `crossfade::`, comments left out
fn imports(text: &str) -> BTreeSet<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for root in ["crate::", "crossfade::"] {
        for (at, _) in code.match_indices(root) {
            // `$crate::` of a macro and `not_crate::` are other words.
            if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
                continue;
            }
            found.extend(first_segments(&code[at + root.len()..]));
        }
    }
    found
}

/// `model::Plan` gives model; `{a::b, c::{d, e}}` gives a and c
fn first_segments(path: &str) -> Vec<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = path.strip_prefix('{') else {
        return Some(word(path)).filter(|word| word.starts_with(char::is_lowercase)).into_iter().collect();
    };
    let (mut depth, mut start, mut words) = (0, true, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            c if start && !c.is_whitespace() => {
                words.push(word(&group[at..]));
                start = false;
            }
            _ => {}
        }
    }
    words
}

/// `src/sqlite/rows.rs` belongs to sqlite, `src/error.rs` to error
fn part_of(file: &Path) -> String {
    let inside = file.strip_prefix(root().join("src")).expect("a file of src");
    let first = inside.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

fn all_files() -> Vec<PathBuf> {
    ["src", "tests", "benches"].iter().flat_map(|folder| files(folder)).collect()
}

fn files(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
