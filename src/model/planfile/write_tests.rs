//! Whatever people make of the file survives, and what they leave alone stays up to date

use proptest::prelude::*;

use super::*;
use crate::model::planfile::read::PlanFile;

const TYPES: &[(&str, Option<&str>)] = &[
    ("bigint", None),
    ("text", None),
    ("boolean", Some("t or f")),
    ("timestamp", Some("%Y-%m-%d %H:%M:%S.6?")),
    ("numeric(10,2)", None),
    ("jsonb", Some("any value")),
];
const NAMES: &[&str] = &["id", "name", "created at", "a.b", "\"q\"", "ünï", "", "planned", "columns"];

fn choice((type_sql, form): (&str, Option<&str>)) -> ColumnChoice {
    ColumnChoice { type_sql: Some(type_sql.into()), form: form.map(str::to_owned), ..ColumnChoice::default() }
}

fn own_column(name: &str, kind: usize, words: &str) -> OwnColumn {
    OwnColumn { name: name.into(), choice: choice(TYPES[kind]), words: words.into() }
}

fn own_of(table: &str, summary: &str, columns: Vec<OwnColumn>) -> Own {
    let known = columns.iter().map(|column| column.name.clone()).collect();
    Own { table: table.into(), summary: summary.into(), columns, known }
}

/// Tables of the source as the planner sees them at one time
fn sources() -> impl Strategy<Value = Vec<Own>> {
    let column = (0..TYPES.len(), "[ -~]{0,12}");
    let table = prop::collection::vec(prop::option::weighted(0.7, column), NAMES.len());
    prop::collection::vec(prop::option::weighted(0.8, table), 4).prop_map(|tables| {
        let tables = tables.into_iter().enumerate().filter_map(|(at, columns)| Some((at, columns?)));
        tables.map(|(at, columns)| own_table(NAMES[at], columns)).collect()
    })
}

fn own_table(name: &str, columns: Vec<Option<(usize, String)>>) -> Own {
    let columns = NAMES.iter().zip(columns).filter_map(|(name, column)| {
        let (kind, words) = column?;
        Some(own_column(name, kind, &words))
    });
    own_of(name, "2 rows, key id", columns.collect())
}

/// The file for these tables, over the one that there is
fn written(old: Option<&str>, own: &[Own]) -> String {
    let choices = old.map(|text| PlanFile::parse(text).unwrap_or_else(|e| panic!("{e:?}\n{text}")).choices());
    let skipped = |name: &str| choices.as_ref().and_then(|c| c.tables.get(name)).is_some_and(|table| table.skip);
    let planned: Vec<Own> = own.iter().filter(|own| !skipped(&own.table)).cloned().collect();
    let known: Vec<String> = own.iter().map(|own| own.table.clone()).collect();
    let warning = |own: &Own| Notice { object: own.table.clone(), message: "odd".into(), remedy: None };
    let warnings: Vec<Notice> = own.iter().take(1).map(warning).collect();
    let content = Content {
        title: "a plan".into(),
        source: Some("app.db".into()),
        existing: false,
        identifiers: None,
        own: &planned,
        known: &known,
        warnings: &warnings,
        refusals: &[],
    };
    write(old.zip(choices.as_ref()), &content).unwrap()
}

#[derive(Clone, Debug)]
enum Edit {
    /// Another value in the line
    Value(usize),
    /// A comment of one's own above the line, or at its end
    Above,
    Behind,
    Deleted,
    Blank,
    /// A line under the table's name
    Table(&'static str),
}

fn edits() -> impl Strategy<Value = Vec<(usize, Edit)>> {
    let table = prop::sample::select(vec!["skip = true", "rename = \"other\"", "policy = \"merge\""]);
    let edit = prop_oneof![
        4 => (0..TYPES.len()).prop_map(Edit::Value),
        2 => Just(Edit::Above),
        2 => Just(Edit::Behind),
        1 => Just(Edit::Deleted),
        1 => Just(Edit::Blank),
        1 => table.prop_map(Edit::Table),
    ];
    prop::collection::vec((0..60usize, edit), 0..6)
}

/// The file as somebody saves it; each comment is another one
fn edited(text: &str, edits: &[(usize, Edit)]) -> (String, Vec<String>) {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let (mut comments, mut used) = (Vec::new(), Vec::new());
    for (number, (at, edit)) in edits.iter().enumerate() {
        let is_column = |line: &&String| !line.starts_with('#') && line.contains(" = ") && line.contains(OURS);
        let candidates: Vec<String> = match edit {
            // Not the columns of that name
            Edit::Table(_) => {
                let pairs =
                    lines.windows(2).filter(|two| two[0].starts_with("[tables") && two[1].starts_with("planned"));
                pairs.map(|two| two[1].clone()).collect()
            }
            _ => lines.iter().filter(is_column).skip(2).cloned().collect(),
        };
        let Some(line) = candidates.get(at % candidates.len().max(1)).filter(|line| !used.contains(*line)) else {
            continue;
        };
        let place = lines.iter().position(|other| other == line).unwrap();
        let (said, comment) = line.split_once(OURS).unwrap_or((line, ""));
        let own = format!("# note {number}");
        match edit {
            Edit::Value(kind) => {
                let name = said.rsplit_once(" = {").or_else(|| said.rsplit_once(" = ")).unwrap().0;
                let name = name.split_once(" = ").map_or(name, |(name, _)| name);
                lines[place] = format!("{name} = {} {OURS} {comment}", value_of(&choice(TYPES[*kind])));
            }
            Edit::Above => {
                lines.insert(place, own.clone());
                comments.push(own);
            }
            Edit::Behind => {
                lines[place] = format!("{said}{own}");
                comments.push(own);
            }
            Edit::Deleted => {
                lines.remove(place);
            }
            Edit::Blank => lines.insert(place, String::new()),
            Edit::Table(said) if lines.get(place + 1).is_none_or(|line| line != said) => {
                lines.insert(place + 1, (*said).to_owned());
            }
            Edit::Table(_) => {}
        }
        used.push(lines.get(place).cloned().unwrap_or_default());
    }
    (lines.join("\n") + "\n", comments)
}

fn tables(text: &str) -> BTreeMap<String, TableChoice> {
    PlanFile::parse(text).unwrap_or_else(|e| panic!("{e:?}\n{text}")).choices().tables
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_stays(own in sources()) {
        let once = written(None, &own);
        prop_assert_eq!(written(Some(&once), &own), once.clone());
        for table in &own {
            let read = &tables(&once)[&table.table];
            prop_assert!(read.is_untouched() && read.columns == table.choice().columns, "{}", once);
        }
    }

    #[test]
    fn edits_survive(own in sources(), edits in edits()) {
        let (mine, comments) = edited(&written(None, &own), &edits);
        let again = written(Some(&mine), &own);
        prop_assert_eq!(written(Some(&again), &own), again.clone(), "no fixed point");
        prop_assert!(comments.iter().all(|comment| again.matches(comment.as_str()).count() == 1), "{}\n{:?}", again, comments);
        let (before, after) = (tables(&mine), tables(&again));
        for table in own.iter().filter(|own| !before[&own.table].skip) {
            let mut expected = before[&table.table].clone();
            for column in &table.columns {
                // A line that was deleted is the planner's again.
                expected.columns.entry(column.name.clone()).or_insert(column.choice.clone());
            }
            expected.planned = Some(table.choice().mark());
            prop_assert_eq!(&after[&table.table], &expected, "{}", again);
        }
    }

    #[test]
    fn edits_survive_another_source(own in sources(), later in sources(), edits in edits()) {
        let (mine, comments) = edited(&written(None, &own), &edits);
        let again = written(Some(&mine), &later);
        prop_assert_eq!(written(Some(&again), &later), again.clone(), "no fixed point");
        prop_assert!(comments.iter().all(|comment| again.contains(comment.as_str())), "{}\n{:?}", again, comments);
        let (before, after) = (tables(&mine), tables(&again));
        for table in &later {
            let Some(edited) = before.get(&table.table).filter(|edited| !edited.skip) else { continue };
            let now = &after[&table.table];
            for column in &table.columns {
                let kept = edited.columns.get(&column.name).filter(|_| !edited.is_untouched());
                prop_assert_eq!(&now.columns[&column.name], kept.unwrap_or(&column.choice), "{}", again);
            }
            prop_assert_eq!(now.columns.len(), table.columns.len());
            prop_assert_eq!((&now.rename, now.policy), (&edited.rename, edited.policy));
        }
        prop_assert!(after.keys().all(|name| later.iter().any(|own| own.table == *name)));
    }
}

#[test]
fn a_file_reads_like_this() {
    let column = |name, kind, words| own_column(name, kind, words);
    let columns = vec![column("id", 0, "2 integers, 1 to 2"), column("at", 3, "2 texts"), column("old", 1, "empty")];
    let own = [own_of("t", "2 rows, key id", columns)];
    let mark = own[0].choice().mark();
    let text = written(None, &own);
    let body = text.split_once("planned` tells it which tables nobody has edited.\n").unwrap().1;
    let expected = format!(
        "source = \"app.db\"

[defaults]
json = \"jsonb\"  #: jsonb | json | text
varchar = false  #: true: varchar(n) where it is declared, and the texts are no longer

#: WARNING odd
[tables.t] #: 2 rows, key id
planned = \"{mark}\"

[tables.t.columns]
id = \"bigint\"                                               #: 2 integers, 1 to 2
at = {{ type = \"timestamp\", form = \"%Y-%m-%d %H:%M:%S.6?\" }}  #: 2 texts
old = \"text\"                                                #: empty
"
    );
    assert_eq!(body, expected);
    let mine = text.replace("id = \"bigint\"", "# mine\nid = \"integer\"").replace("[defaults]", "# top\n[defaults]");
    let columns = vec![column("id", 0, "3 integers, 1 to 3"), column("at", 3, "2 texts"), column("new", 1, "1 text")];
    let later = [own_of("t", "3 rows, key id", columns)];
    let again = written(Some(&mine), &later);
    for line in [
        "# top\n[defaults]",
        "[tables.t] #: 3 rows, key id\n",
        "# mine\nid = \"integer\"                                              #: kept; the evidence \
         would choose bigint (3 integers, 1 to 3)\n",
        "\n# gone from the source: old = \"text\"\n[tables.t.columns]\n",
        "#: 2 texts\nnew = \"text\"                                                #: 1 text\n",
    ] {
        assert!(again.contains(line), "{line}\n{again}");
    }
}

#[test]
fn settings_that_were_there_stay_and_get_company() {
    let own = [own_of("t", "empty", vec![own_column("id", 0, "empty")])];
    let text = written(Some("# our server\ntarget = \"postgres://u@h/d\" # ask Ann\nworkers = 3\n"), &own);
    assert!(
        text.contains("# our server\ntarget = \"postgres://u@h/d\" # ask Ann\nworkers = 3\n\n[defaults]"),
        "{text}"
    );
    assert!(text.contains("[tables.t]") && !text.contains("source ="), "{text}");
    assert_eq!(written(Some(&text), &own), text);
}

#[test]
fn tables_and_columns_may_be_written_in_any_way() {
    let own = |words: &str| {
        let columns = vec![own_column("id", 0, words), own_column("name", 1, words)];
        [own_of("t", "empty", columns)]
    };
    for mine in [
        "[tables.t.columns.id]\ntype = \"integer\"\n",
        "[tables.t]\ncolumns = { id = \"integer\" }\n",
        "tables.t.columns.id = \"integer\"\n",
        "[tables]\nt = { columns = { id = \"integer\" } }\n",
        "[tables.t.columns]\r\nid = \"integer\"\r\n",
    ] {
        let again = written(Some(mine), &own("empty"));
        assert_eq!(tables(&again)["t"].columns["id"].type_sql.as_deref(), Some("integer"), "{again}");
        assert_eq!(written(Some(&again), &own("empty")), again, "{mine}");
        assert_eq!(written(Some(&written(Some(&again), &own("1 text"))), &own("empty")), again, "{mine}");
    }
    let content = Content {
        title: String::new(),
        source: None,
        existing: true,
        identifiers: None,
        own: &own("x"),
        known: &[],
        warnings: &[],
        refusals: &[],
    };
    let inline = "tables = { t = { skip = true } }";
    let choices = PlanFile::parse(inline).unwrap().choices();
    assert!(write(Some((inline, &choices)), &content).unwrap_err().contains("in one line"));
}

/// Wherever a formatter or an editor has moved our comments to, each stands once
#[test]
fn our_comments_are_moved_back_and_not_repeated() {
    let own = [own_of("t", "7 rows, key id", vec![own_column("id", 0, "x"), own_column("name", 1, "y")])];
    let first = written(None, &own);
    let without = |line: &str| first.lines().filter(|l| !l.starts_with(line)).collect::<Vec<_>>().join("\n") + "\n";
    for edited in [
        first.replace("[tables.t] #:", "[tables.t]\n#:"),
        first.replace("[tables.t] #:", "#: 7 rows, key id\n[tables.t]\n\n  #: x\n#:"),
        first.replace("[tables.t.columns]", "#: 7 rows, key id\n[tables.t.columns]\n#: WARNING odd"),
        without("[tables.t] ")
            .replace("[tables.t.columns]", "#: x\n[tables.t.columns]")
            .replace("planned", "# planned"),
        without("planned"),
    ] {
        let again = written(Some(&edited), &own);
        for ours in ["7 rows, key id", "#: WARNING odd", "#: x"] {
            assert_eq!(again.matches(ours).count(), 1, "{ours}: {edited}\nbecame\n{again}");
        }
        assert_eq!(written(Some(&again), &own), again);
    }
}
