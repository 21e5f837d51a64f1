//! Random schemas: every key shape, index kind, collation, foreign-key action and trigger that capture must survive

use super::names::Names;
use super::values::{FAMILIES, Family};
use crate::support::pg::quote;
use crate::support::rng::Rng;

/// One generated table
#[derive(Clone, Debug)]
pub struct Table {
    pub name: String,
    pub columns: Vec<Column>,
    pub shape: Shape,
    /// Positions of the primary key's columns; empty for tables without one
    pub key: Vec<usize>,
    pub without_rowid: bool,
    /// Single columns that carry a plain unique index, so that an upsert can name them
    pub unique: Vec<usize>,
}

#[derive(Clone, Debug)]
pub struct Column {
    pub name: String,
    pub family: Family,
    pub not_null: bool,
    /// Keys, unique and foreign-key columns take their values out of a small domain
    pub small: bool,
    /// The definition after the name
    definition: String,
    foreign_key: Option<String>,
}

/// How the rows of a table are identified
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    RowidAlias,
    AutoIncrement,
    /// `INTEGER PRIMARY KEY DESC`: looks like the rowid and is not
    DescendingAlias,
    IntKey,
    TextKey,
    NocaseKey,
    /// No affinity: `1` may become `1.0`
    NumericKey,
    BlobKey,
    MixedKey,
    Composite,
    /// A TEXT PRIMARY KEY that holds NULLs
    NullKey,
    UniqueNotNull,
    NoKey,
}

const SHAPES: [Shape; 13] = [
    Shape::RowidAlias,
    Shape::AutoIncrement,
    Shape::DescendingAlias,
    Shape::IntKey,
    Shape::TextKey,
    Shape::NocaseKey,
    Shape::NumericKey,
    Shape::BlobKey,
    Shape::MixedKey,
    Shape::Composite,
    Shape::NullKey,
    Shape::UniqueNotNull,
    Shape::NoKey,
];

/// A whole schema, and the statements that make it
#[derive(Clone, Debug)]
pub struct Schema {
    pub tables: Vec<Table>,
    pub ddl: Vec<String>,
}

impl Shape {
    fn is_rowid(self) -> bool {
        matches!(self, Shape::RowidAlias | Shape::AutoIncrement)
    }
}

impl Column {
    /// A literal for this column, NULL now and then where that is allowed
    pub fn literal(&self, rng: &mut Rng) -> String {
        if !self.not_null && rng.chance(12) {
            return "NULL".to_owned();
        }
        if self.small { self.family.small(rng) } else { self.family.wide(rng) }
    }
}

impl Table {
    pub fn sql_name(&self) -> String {
        quote(&self.name)
    }

    /// Classes that columns hold outside of their families
    pub fn strangers(&self, connection: &rusqlite::Connection) -> Vec<String> {
        let mut found = Vec::new();
        for column in &self.columns {
            let name = quote(&column.name);
            let sql = format!("SELECT DISTINCT typeof({name}) FROM {} WHERE {name} IS NOT NULL", self.sql_name());
            let mut statement = connection.prepare(&sql).expect("the classes");
            let classes = statement.query_map([], |row| row.get::<_, String>(0)).expect("the classes");
            let strange =
                classes.map(|class| class.expect("a class")).filter(|c| !column.family.classes().contains(&&**c));
            found.extend(strange.map(|class| format!("{class} in {:?} column {name} of {}", column.family, self.name)));
        }
        found
    }

    /// The rowid can be named: no column hides it, and there is one
    pub fn has_rowid(&self) -> bool {
        !self.without_rowid
    }
}

impl Schema {
    /// Draws a schema with that many generated tables
    pub fn generate(rng: &mut Rng, tables: usize) -> Schema {
        let mut names = Names::new();
        let mut schema = Schema { tables: Vec::new(), ddl: Vec::new() };
        let mut shapes = Vec::new();
        for _ in 0..tables {
            // Each shape once before any comes twice: a few seeds see them all.
            if shapes.is_empty() {
                shapes = SHAPES.to_vec();
            }
            let shape = rng.take(&mut shapes);
            let table = generate_table(rng, &mut names, shape, &schema.tables);
            schema.ddl.push(create_table(rng, &table));
            schema.tables.push(table);
        }
        for at in 0..schema.tables.len() {
            add_indexes(rng, &mut names, &mut schema, at);
            if rng.chance(40) {
                add_trigger(rng, &mut names, &mut schema, at);
            }
        }
        schema.ddl.push(format!("CREATE VIEW a_view AS SELECT * FROM {}", schema.tables[0].sql_name()));
        schema
    }
}

fn generate_table(rng: &mut Rng, names: &mut Names, shape: Shape, others: &[Table]) -> Table {
    let name = names.table(rng);
    names.start_table();
    let mut table =
        Table { name, columns: Vec::new(), shape, key: Vec::new(), without_rowid: false, unique: Vec::new() };
    add_key(rng, names, &mut table);
    for _ in 0..1 + rng.below(5) {
        let small = rng.chance(50);
        let family = *rng.pick(&FAMILIES);
        table.columns.push(plain_column(rng, names, family, small));
    }
    if let Some(column) = foreign_key(rng, names, others) {
        table.columns.push(column);
    }
    table
}

fn add_key(rng: &mut Rng, names: &mut Names, table: &mut Table) {
    let families: &[(Family, &str)] = match table.shape {
        Shape::NoKey => &[],
        Shape::RowidAlias | Shape::AutoIncrement | Shape::DescendingAlias => &[(Family::Int, "INTEGER")],
        Shape::IntKey => &[(Family::Int, "INT")],
        Shape::TextKey => &[(Family::Text, "TEXT")],
        Shape::NullKey => &[(Family::Text, "VARCHAR(20)")],
        Shape::NocaseKey => &[(Family::Text, "TEXT COLLATE NOCASE")],
        Shape::NumericKey => &[(Family::Numeric, "")],
        Shape::BlobKey => &[(Family::Blob, "BLOB")],
        Shape::MixedKey => &[(Family::Mixed, "")],
        Shape::UniqueNotNull => &[(Family::Text, "TEXT COLLATE RTRIM")],
        Shape::Composite => &[(Family::Text, "TEXT COLLATE NOCASE"), (Family::Int, "INTEGER")],
    };
    for (at, (family, definition)) in families.iter().enumerate() {
        let mut definition = (*definition).to_owned();
        if table.shape == Shape::UniqueNotNull {
            definition.push_str(" NOT NULL UNIQUE");
            table.unique.push(at);
        } else {
            table.key.push(at);
        }
        let not_null = table.shape != Shape::NullKey;
        let name = names.column(rng);
        table.columns.push(Column { name, family: *family, not_null, small: true, definition, foreign_key: None });
    }
    let may_lose_rowid = !table.key.is_empty() && !table.shape.is_rowid() && table.shape != Shape::NullKey;
    table.without_rowid = may_lose_rowid && rng.chance(40);
}

fn plain_column(rng: &mut Rng, names: &mut Names, family: Family, small: bool) -> Column {
    let mut definition = (*rng.pick(family.declared_types())).to_owned();
    let not_null = rng.chance(25);
    if not_null {
        definition.push_str(rng.word(&[" NOT NULL", " NOT NULL ON CONFLICT REPLACE"]));
        // REPLACE puts the default in for a NULL, after the BEFORE triggers have run.
        definition.push_str(&format!(" DEFAULT {}", family.small(rng)));
    }
    if family == Family::Text && rng.chance(40) {
        definition.push_str(rng.word(&[" COLLATE NOCASE", " COLLATE RTRIM"]));
    }
    Column { name: names.column(rng), family, not_null, small, definition, foreign_key: None }
}

/// A column that refers to the key of an earlier table, with any of the actions
fn foreign_key(rng: &mut Rng, names: &mut Names, others: &[Table]) -> Option<Column> {
    let parents: Vec<&Table> = others.iter().filter(|t| t.key.len() == 1).collect();
    if parents.is_empty() || rng.chance(40) {
        return None;
    }
    let parent = rng.pick(&parents);
    let key = &parent.columns[parent.key[0]];
    let actions = ["NO ACTION", "RESTRICT", "CASCADE", "CASCADE", "SET NULL", "SET DEFAULT"];
    let deferred = if rng.chance(30) { " DEFERRABLE INITIALLY DEFERRED" } else { "" };
    let reference = format!(
        " REFERENCES {}({}) ON DELETE {} ON UPDATE {}{deferred}",
        parent.sql_name(),
        quote(&key.name),
        rng.pick(&actions),
        rng.pick(&actions)
    );
    Some(Column {
        name: names.column(rng),
        family: key.family,
        not_null: false,
        small: true,
        definition: key.definition.clone(),
        foreign_key: Some(reference),
    })
}

fn create_table(rng: &mut Rng, table: &Table) -> String {
    let mut parts = Vec::new();
    for (at, column) in table.columns.iter().enumerate() {
        let mut part = format!("{} {}", quote(&column.name), column.definition);
        if table.key == [at] {
            part.push_str(" PRIMARY KEY");
            part.push_str(match table.shape {
                Shape::AutoIncrement => " AUTOINCREMENT",
                Shape::DescendingAlias => " DESC",
                _ if table.shape != Shape::RowidAlias && rng.chance(15) => " ON CONFLICT REPLACE",
                _ => "",
            });
        }
        part.push_str(column.foreign_key.as_deref().unwrap_or(""));
        parts.push(part);
    }
    if table.key.len() > 1 {
        let names: Vec<String> = table.key.iter().map(|at| quote(&table.columns[*at].name)).collect();
        parts.push(format!("PRIMARY KEY ({})", names.join(", ")));
    }
    let tail = if table.without_rowid { " WITHOUT ROWID" } else { "" };
    format!("CREATE TABLE {} ({}){tail}", table.sql_name(), parts.join(", "))
}

/// Up to three indexes: unique ones of every kind, and plain ones
fn add_indexes(rng: &mut Rng, names: &mut Names, schema: &mut Schema, at: usize) {
    // A table that is to have no key must not get one by an index over a NOT NULL column.
    let table = &schema.tables[at];
    let small: Vec<usize> =
        (0..table.columns.len()).filter(|c| table.columns[*c].small && !table.key.contains(c)).collect();
    if small.is_empty() {
        return;
    }
    for _ in 0..rng.below(4) {
        let column = *rng.pick(&small);
        let (terms, predicate, plain) = index_terms(rng, &schema.tables[at], column);
        let unique = if rng.chance(70) { "UNIQUE " } else { "" };
        let name = quote(&names.index(rng));
        schema
            .ddl
            .push(format!("CREATE {unique}INDEX {name} ON {} ({terms}){predicate}", schema.tables[at].sql_name()));
        if plain && !unique.is_empty() {
            schema.tables[at].unique.push(column);
        }
    }
}

/// Terms, predicate, and whether an upsert may name the column as its conflict target
fn index_terms(rng: &mut Rng, table: &Table, column: usize) -> (String, String, bool) {
    let name = quote(&table.columns[column].name);
    let other = quote(&rng.pick(&table.columns).name);
    match rng.below(6) {
        0 => (format!("{name}, {other}"), String::new(), false),
        1 => (name.clone(), format!(" WHERE {name} > 3"), false),
        2 => (name, format!(" WHERE {other} IS NOT NULL"), false),
        3 => (format!("lower({name})"), String::new(), false),
        4 => (format!("{name} COLLATE NOCASE DESC"), String::new(), false),
        _ => (name, String::new(), true),
    }
}

/// A trigger of the application's own
fn add_trigger(rng: &mut Rng, names: &mut Names, schema: &mut Schema, at: usize) {
    let table = &schema.tables[at];
    let target = rng.pick(&schema.tables);
    let name = quote(&names.index(rng));
    let on = table.sql_name();
    let event = *rng.pick(&["INSERT", "UPDATE", "DELETE"]);
    let moment = *rng.pick(&["BEFORE", "AFTER"]);
    let audit = format!("INSERT INTO audit(what) VALUES('{event}')");
    let ddl = match rng.below(4) {
        // Touches its own row. Only after an INSERT: with recursive_triggers an UPDATE would fire itself.
        0 if event == "INSERT" && table.has_rowid() => {
            let column = rng.pick(&table.columns[table.key.len()..]);
            let set = format!("UPDATE OR IGNORE {on} SET {} = {}", quote(&column.name), column.literal(rng));
            format!("CREATE TRIGGER {name} AFTER INSERT ON {on} BEGIN {set} WHERE rowid = NEW.rowid; END")
        }
        // Deletes elsewhere. Never in a BEFORE UPDATE trigger: that corrupts SQLite by itself (capture.md section 4).
        1 if target.name != table.name && !target.key.is_empty() => {
            let key = &target.columns[target.key[0]];
            let delete = format!("DELETE FROM {} WHERE {} = {}", target.sql_name(), quote(&key.name), key.literal(rng));
            format!("CREATE TRIGGER {name} AFTER {event} ON {on} BEGIN {delete}; END")
        }
        _ => format!("CREATE TRIGGER {name} {moment} {event} ON {on} BEGIN {audit}; END"),
    };
    schema.ddl.push(ddl);
}
