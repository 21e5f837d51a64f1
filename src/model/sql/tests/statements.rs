//! Terms of indexes, computed columns, DEFAULTs, and whole statements

use super::*;

const TERMS: &[(&str, &str)] = &[
    (r#"lower(t)"#, r#"lower("t" COLLATE "C")"#),
    (r#"t / NOCASE"#, r#"lower("t" COLLATE "C")"#),
    (r#""t" / RTRIM"#, r#"rtrim("t", ' ')"#),
    (r#"t"#, r#""t""#),
    (r#"NoCase / BINARY"#, r#""NoCase""#),
    (r#"flag / NOCASE"#, r#""flag""#),
    (r#"uid / NOCASE"#, r#""uid""#),
    (r#"n + m"#, r#"not: integers that may be too large for 64 bits"#),
    (r#"n + m > 0"#, r#"("n"::numeric + "m"::numeric) > 0"#),
    (r#"small + 1"#, r#""small"::bigint + 1::bigint"#),
    (r#"v"#, r#"not: values that PostgreSQL compares in another way"#),
    (r#"j"#, r#"not: values that PostgreSQL compares in another way"#),
    (r#"num"#, r#""num""#),
    (r#"1"#, r#"not: a constant"#),
    (r#"t / GERMAN"#, r#"not: the collation GERMAN"#),
    (r#"json_extract(j, '$.a')"#, r#"not: the function json_extract"#),
    (r#"j -> '$.a'"#, r#"not: a path into JSON"#),
    (r#"substr(t, 1, 3) || '-' || n"#, r#"substr("t", 1, 3) || '-' || "n"::text"#),
    (r#"coalesce(t, '')"#, r#"coalesce("t", '')"#),
    (r#"length(made)"#, r#"char_length("made"::text)"#),
];

#[test]
fn terms_are_translated_for_their_equality() {
    let table = table();
    let translate = |row: &str| {
        let (sql, collation) = row.split_once(" / ").unwrap_or((row, "BINARY"));
        index_term(sql, collation, &Scope::of_table(&table))
    };
    check_rows(TERMS, translate);
}

const PATHS: &[(&str, &str)] = &[
    (r#"json_extract(j, '$.tags')"#, r#""j" -> 'tags'"#),
    (r#"json_extract(j, '$.a."b.c"[3].d')"#, r#""j" -> 'a' -> 'b.c' -> 3 -> 'd'"#),
    (r#"j -> '$[0]'"#, r#""j" -> 0"#),
    (r#"j ->> 'it''s'"#, r#""j" -> 'it''s'"#),
    (r#"(j -> 'a') ->> 2"#, r#""j" -> 'a' -> 2"#),
    (r#"j ->> '0'"#, r#""j" -> '0'"#),
    (r#"json_extract(j, '$')"#, "none"),
    (r#"json_extract(j, '$.')"#, "none"),
    (r#"json_extract(j, '$.a[#-1]')"#, "none"),
    (r#"json_extract(j, '$.a[+1]')"#, "none"),
    (r#"json_extract(j, '$a')"#, "none"),
    (r#"json_extract(j, '$."a\"')"#, "none"),
    (r#"json_extract(j, 'a')"#, "none"),
    (r#"json_extract(j, '$.a', '$.b')"#, "none"),
    (r#"json_extract(t, '$.a')"#, "none"),
    (r#"json_extract(v, '$.a')"#, "none"),
    (r#"json_extract(lower(j), '$.a')"#, "none"),
    (r#"j -> t"#, "none"),
    (r#"j -> -1"#, "none"),
    (r#"j"#, "none"),
];

#[test]
fn parts_of_documents_have_the_same_place_on_both_sides() {
    let table = table();
    let translate = |sql: &str| Ok(document_path(sql, &Scope::of_table(&table))?.unwrap_or_else(|| "none".to_owned()));
    check_rows(PATHS, translate);
}

const GENERATED: &[(&str, &str)] = &[
    (r#"t = lower(u)"#, r#"lower("u" COLLATE "C")"#),
    (r#"t = u || '-' || n"#, r#""u" || '-' || "n"::text"#),
    (r#"t = n"#, r#"not: its values are not certain to be those of a column of type text"#),
    (r#"t = r || ''"#, r#"not: || of values that are no text on both sides"#),
    (r#"t = CASE WHEN n > 0 THEN 'a' ELSE u END"#, r#"CASE WHEN "n" > 0 THEN 'a' ELSE "u" END"#),
    (r#"t = substr(u, 1, 1)"#, r#"substr("u", 1, 1)"#),
    (r#"word = u"#, r#"not: its values are not certain to be those of a column of type text"#),
    (r#"ci = u"#, r#"not: its values are not certain to be those of a column of type citext"#),
    (r#"mood = u"#, r#"not: its column takes fewer values than its type"#),
    (r#"n = m + 1"#, r#"not: its values are not certain to be those of a column of type bigint"#),
    (r#"n = small + 1"#, r#""small"::bigint + 1::bigint"#),
    (r#"n = small > 1"#, r#"("small"::bigint > 1)::integer"#),
    (r#"n = length(t)"#, r#"char_length("t")"#),
    (r#"n = m / 2"#, r#""m" / 2::bigint"#),
    (r#"n = abs(m)"#, r#"not: its values are not certain to be those of a column of type bigint"#),
    (r#"n = coalesce(m, 0)"#, r#"coalesce("m", 0)"#),
    (r#"n = made"#, r#"not: it refers to another computed column, which PostgreSQL forbids"#),
    (r#"n = 5"#, r#"not: a constant"#),
    (r#"n = r"#, r#"not: its values are not certain to be those of a column of type bigint"#),
    (
        r#"n = CAST(r * 100 AS INTEGER)"#,
        r#"not: arithmetic with reals, which PostgreSQL rounds or refuses in other ways"#,
    ),
    (r#"flag = n > 0"#, r#""n" > 0"#),
    (r#"flag = n"#, r#"not: its values are not certain to be those of a column of type boolean"#),
    (r#"r = f"#, r#""f"::double precision"#),
    (r#"r = r * 2"#, r#"not: arithmetic with reals, which PostgreSQL rounds or refuses in other ways"#),
    (r#"num = price"#, r#"not: its values are not certain to be those of a column of type numeric"#),
    (r#"b = coalesce(b, x'00')"#, r#"coalesce("b", '\x00'::bytea)"#),
    (r#"ts = ts"#, r#""ts""#),
    (r#"d = date(ts)"#, r#""ts"::date"#),
    (r#"id = json_extract(j, '$.id')"#, r#"not: the function json_extract"#),
];

#[test]
fn computed_columns_are_translated_where_they_are_certain() {
    let mut table = table();
    let translate = |row: &str| {
        let (name, sql) = row.split_once(" = ").unwrap();
        let column = table.columns.iter().find(|column| column.target_name == name).unwrap();
        generated(sql, column, &Scope::of_table(&table))
    };
    check_rows(GENERATED, translate);
    table.columns[1].generated = Some("5".into());
    let refused = generated("n", &table.columns[2], &Scope::of_table(&table));
    assert_eq!(told(refused), "not: it refers to another computed column, which PostgreSQL forbids");
}

const DEFAULTS: &[(&str, &str)] = &[
    (r#"n = 0"#, r#"0"#),
    (r#"n = -1"#, r#"(-1)"#),
    (r#"n = '5'"#, r#"5"#),
    (r#"n = 1.5"#, r#"not: the default is no value that a column of type bigint takes"#),
    (r#"n = 'abc'"#, r#"not: the default is no value that a column of type bigint takes"#),
    (r#"n = NULL"#, r#"NULL"#),
    (r#"n = unixepoch()"#, r#"floor(extract(epoch FROM now()))::bigint"#),
    (r#"n = strftime('%s', 'now')"#, r#"floor(extract(epoch FROM now()))::bigint"#),
    (r#"n = random()"#, r#"not: the function random"#),
    (r#"n = 1 + 1"#, r#"not: a default that is neither a constant nor the present moment"#),
    (r#"r = 0"#, r#"0::double precision"#),
    (r#"r = 1.5"#, r#"1.5::double precision"#),
    (
        r#"r = 0.12345678901234567"#,
        r#"not: 0.12345678901234567, which not every library reads as the same real number"#,
    ),
    (r#"num = 5"#, r#"5"#),
    (r#"num = 5.0"#, r#"5"#),
    (r#"price = 0.1"#, r#"0.10"#),
    (r#"price = 0.125"#, r#"not: the default is no value that a column of type numeric(10,2) takes"#),
    (r#"dt = '1.5'"#, r#"not: the default is no value that a column of type numeric(10,2) takes"#),
    (r#"dt = '1.50'"#, r#"1.50"#),
    (r#"t = 'null'"#, r#"'null'"#),
    (r#"t = "abc""#, r#"'abc'"#),
    (r#"t = abc"#, r#"'abc'"#),
    (r#"t = 5"#, r#"'5'"#),
    (r#"t = 1.5"#, r#"not: a real number as text"#),
    (r#"t = CURRENT_TIMESTAMP"#, r#"to_char(now() AT TIME ZONE 'utc', 'YYYY-MM-DD HH24:MI:SS')"#),
    (r#"t = date('now')"#, r#"to_char(now() AT TIME ZONE 'utc', 'YYYY-MM-DD')"#),
    (r#"t = strftime('%H:%M:%f', 'now')"#, r#"to_char(now() AT TIME ZONE 'utc', 'HH24:MI:SS.MS')"#),
    (r#"t = strftime('%j', 'now')"#, r#"not: strftime with %j"#),
    (r#"t = strftime('%Y', 'now')"#, r#"to_char(now() AT TIME ZONE 'utc', 'YYYY')"#),
    (r#"word = strftime('%Y', 'now')"#, r#"not: a moment that SQLite stores as a number"#),
    (r#"t = datetime('now', 'localtime')"#, r#"not: the local time of the application's machine"#),
    (r#"t = datetime('now', '+1 day')"#, r#"not: another moment than now"#),
    (r#"t = lower(hex(randomblob(16)))"#, r#"not: the function lower"#),
    (r#"b = x'00ff'"#, r#"'\x00ff'::bytea"#),
    (r#"b = 'a'"#, r#"not: the default is no value that a column of type bytea takes"#),
    (r#"flag = 0"#, r#"false"#),
    (r#"flag = TRUE"#, r#"true"#),
    (r#"flag = 'false'"#, r#"not: the default is no value that a column of type boolean takes"#),
    (r#"flag = 2"#, r#"not: the default is no value that a column of type boolean takes"#),
    (r#"yes = 'false'"#, r#"false"#),
    (r#"yes = 0"#, r#"not: the default is no value that a column of type boolean takes"#),
    (r#"d = '2024-01-02'"#, r#"'2024-01-02'::date"#),
    (r#"d = CURRENT_DATE"#, r#"(now() AT TIME ZONE 'utc')::date"#),
    (r#"d = CURRENT_TIMESTAMP"#, r#"not: a moment that is not written as the column's values"#),
    (r#"ts = CURRENT_TIMESTAMP"#, r#"date_trunc('second', now() AT TIME ZONE 'utc')"#),
    (r#"ts = datetime('now')"#, r#"date_trunc('second', now() AT TIME ZONE 'utc')"#),
    (r#"ts = date('now')"#, r#"not: a moment that is not written as the column's values"#),
    (r#"ts = ''"#, r#"not: the default is no value that a column of type timestamp takes"#),
    (r#"ts = '2024-01-02 03:04:05'"#, r#"'2024-01-02 03:04:05'::timestamp"#),
    (r#"ts = strftime('%Y-%m-%d %H:%M:%f', 'now')"#, r#"not: a moment that is not written as the column's values"#),
    (r#"tz = strftime('%Y-%m-%d %H:%M:%fZ', 'now')"#, r#"not: a moment that is not written as the column's values"#),
    (
        r#"tz = strftime('%Y-%m-%d %H:%M:%SZ', 'now')"#,
        r#"(date_trunc('second', now() AT TIME ZONE 'utc') AT TIME ZONE 'utc')"#,
    ),
    (r#"ep = 0"#, r#"'1970-01-01 00:00:00+00:00'::timestamptz"#),
    (r#"ep = unixepoch()"#, r#"date_trunc('second', now())"#),
    (r#"ep = CURRENT_TIMESTAMP"#, r#"not: the present moment in a column of type timestamptz"#),
    (r#"uid = '123e4567-e89b-12d3-a456-426614174000'"#, r#"'123e4567-e89b-12d3-a456-426614174000'::uuid"#),
    (r#"j = '{}'"#, r#"'{}'::jsonb"#),
    (r#"j = 'nonsense'"#, r#"not: the default is no value that a column of type jsonb takes"#),
    (r#"v = 'x'"#, r#"'"x"'::jsonb"#),
    (r#"ci = 'a'"#, r#"'a'"#),
    (r#"mood = 'ok'"#, r#"'ok'"#),
    (r#"mood = 'sad'"#, r#"not: the default is no value that a column of type "mood" takes"#),
    (r#"f = 0.1"#, r#"not: the default is no value that a column of type real takes"#),
];

#[test]
fn defaults_are_written_as_the_column_has_them() {
    let table = table();
    let translate = |row: &str| {
        let (name, sql) = row.split_once(" = ").unwrap();
        let at = COLUMNS.iter().position(|(column, ..)| *column == name).unwrap();
        default(sql, &table.columns[at], &table.source.columns[at])
    };
    check_rows(DEFAULTS, translate);
}

const VIEWS: &[(&str, &str)] = &[
    (r#"(a, "B b") AS SELECT count(*), max(n) FROM things"#, r#"SELECT count(*), max("things"."n") FROM "things""#),
    (r#"(a) AS SELECT count(*), n FROM things GROUP BY n"#, r#"not: another number of names than columns"#),
    (
        r#"AS SELECT id, t FROM things WHERE n > 0"#,
        r#"SELECT "things"."id" AS "id", "things"."t" AS "t" FROM "things" WHERE "things"."n" > 0"#,
    ),
    (
        r#"AS SELECT F.*, 1 AS one FROM first AS F"#,
        r#"SELECT "F"."id" AS "id", "F"."T x" AS "T x", "F"."big" AS "big", 1::bigint AS "one" FROM "s"."First" AS "F""#,
    ),
    (
        r#"AS SELECT a.id, b.t AS other FROM things a, things b WHERE a.id = b.id"#,
        r#"SELECT "a"."id" AS "id", "b"."t" AS "other" FROM "a" CROSS JOIN "b" WHERE "a"."id" = "b"."id""#,
    ),
    (
        r#"AS SELECT a.id FROM things a LEFT JOIN things b ON a.id = b.n AND b.flag = 1"#,
        r#"SELECT "a"."id" AS "id" FROM "a" LEFT JOIN "b" ON ("a"."id" = "b"."n") AND ("b"."flag" = true)"#,
    ),
    (
        r#"AS SELECT a.id FROM things a LEFT OUTER JOIN things b"#,
        r#"SELECT "a"."id" AS "id" FROM "a" LEFT JOIN "b" ON true"#,
    ),
    (r#"AS SELECT id FROM things a NATURAL JOIN first"#, r#"not: a join that is not inner or left"#),
    (r#"AS SELECT a.id FROM things a JOIN first USING (id)"#, r#"not: USING"#),
    (r#"AS SELECT id FROM things a JOIN things b"#, r#"not: id is in more than one table"#),
    (r#"AS SELECT id, id FROM things"#, r#"not: two columns of the name id"#),
    (r#"AS SELECT n + 1 > 2 FROM things"#, r#"not: an expression without a name of its own"#),
    (r#"AS SELECT n + 1 AS more FROM things"#, r#"not: integers that may be too large for 64 bits"#),
    (r#"AS SELECT DISTINCT t FROM things"#, r#"not: DISTINCT, which compares rows by SQLite's rules"#),
    (
        r#"AS SELECT id FROM things ORDER BY id"#,
        r#"not: ORDER BY or LIMIT: a view on PostgreSQL is best asked for its order"#,
    ),
    (
        r#"AS SELECT id FROM things LIMIT 1"#,
        r#"not: ORDER BY or LIMIT: a view on PostgreSQL is best asked for its order"#,
    ),
    (
        r#"AS SELECT id FROM things UNION SELECT n FROM things"#,
        r#"not: UNION, EXCEPT or INTERSECT, which compare rows by SQLite's rules"#,
    ),
    (
        r#"AS SELECT id FROM things UNION ALL SELECT n FROM things"#,
        r#"SELECT "things"."id" AS "id" FROM "things" UNION ALL SELECT "things"."n" AS "n" FROM "things""#,
    ),
    (
        r#"AS SELECT id FROM things UNION ALL SELECT t FROM things"#,
        r#"not: UNION ALL of columns that are of different types on PostgreSQL"#,
    ),
    (
        r#"AS SELECT ts FROM things UNION ALL SELECT d FROM things"#,
        r#"not: UNION ALL of columns that are of different types on PostgreSQL"#,
    ),
    (r#"AS WITH x AS (SELECT 1) SELECT * FROM x"#, r#"not: WITH"#),
    (r#"AS SELECT * FROM (SELECT 1)"#, r#"not: a subquery"#),
    (r#"AS SELECT * FROM missing"#, r#"not: it reads missing, which PostgreSQL does not get"#),
    (r#"AS SELECT * FROM temp.things"#, r#"not: a table of another database"#),
    (r#"AS VALUES (1)"#, r#"not: VALUES"#),
    (
        r#"AS SELECT "T x" FROM first WHERE id > 5"#,
        r#"SELECT "first"."T x" AS "T x" FROM "s"."First" AS "first" WHERE "first"."id" > 5"#,
    ),
    (r#"AS SELECT * FROM first WHERE big"#, r#"not: a value as a condition that is no number on both sides"#),
    (
        r#"AS SELECT t, count(*) AS c, max(n) AS m FROM things GROUP BY t"#,
        r#"SELECT "things"."t" AS "t", count(*) AS "c", max("things"."n") AS "m" FROM "things" GROUP BY "things"."t""#,
    ),
    (r#"AS SELECT t, count(*) AS c FROM things"#, r#"not: a column beside aggregates that is not grouped by"#),
    (r#"AS SELECT count(DISTINCT t) AS c FROM things"#, r#"not: an aggregate with DISTINCT"#),
    (r#"AS SELECT count(*) AS c FROM things HAVING count(*) > 1"#, r#"not: HAVING or windows"#),
    (r#"AS SELECT sum(r) AS s FROM things"#, r#"not: sum of values that are not counted alike on both sides"#),
    (r#"AS SELECT avg(n) AS s FROM things"#, r#"not: the function avg"#),
    (r#"AS SELECT max(NoCase) AS s FROM things"#, r#"not: max of values that are not counted alike on both sides"#),
    (r#"AS SELECT sum(n) + 1 AS s FROM things"#, r#"not: the function sum"#),
    (
        r#"AS SELECT NoCase, count(*) AS c FROM things GROUP BY NoCase"#,
        r#"not: GROUP BY of values that are not equal alike on both sides"#,
    ),
    (r#"AS SELECT row_number() OVER (ORDER BY id) AS r FROM things"#, r#"not: FILTER, OVER or ORDER BY"#),
    (r#"(a, b) AS SELECT id, t FROM things"#, r#"SELECT "things"."id" AS "id", "things"."t" AS "t" FROM "things""#),
    (r#"(a) AS SELECT id, t FROM things"#, r#"not: another number of names than columns"#),
    (
        r#"AS SELECT strftime('%Y', ts) AS y FROM things"#,
        r#"SELECT lpad(extract(year FROM "things"."ts")::text, 4, '0') AS "y" FROM "things""#,
    ),
];

#[test]
fn views_are_translated_or_the_reason_is_told() {
    let tables = [table()];
    let first =
        view("CREATE VIEW first AS SELECT id, t AS \"T x\", n + 1 > 2 AS big FROM things", &tables, &[], "s").unwrap();
    let earlier = [EarlierView { name: "first", target_name: "First", view: &first }];
    check_rows(VIEWS, |sql| {
        view(&format!("CREATE VIEW v {sql}"), &tables, &earlier, "s")
            .map(|view| view.sql.replace('\n', " ").replace("\"s\".\"Things\" AS ", ""))
    });
}

#[test]
fn declarations_are_found_with_their_names() {
    let sql = "CREATE TABLE \"t\" (id INTEGER PRIMARY KEY, -- CHECK (not this)\n\
               a INT CONSTRAINT positive CHECK (a > 0) CHECK(a<>7), [b c] TEXT DEFAULT 'CHECK (x)' CHECK (length(\"b c\") > 1),\n\
               g INT GENERATED ALWAYS AS (a*2) STORED, h TEXT AS (upper(`b c`)), CHECK (a IN (1,2) OR b IS NOT 'x''y'),\n\
               CONSTRAINT \"last one\" CHECK (NOT a BETWEEN 1 AND -5 AND a COLLATE nocase = x'ab' || 2)) STRICT";
    let found = declared(sql).unwrap();
    let check = |name: Option<&str>, column: Option<&str>, sql: &str| DeclaredCheck {
        name: name.map(str::to_owned),
        column: column.map(str::to_owned),
        sql: sql.to_owned(),
    };
    let expected = [
        check(Some("positive"), Some("a"), "a > 0"),
        check(None, Some("a"), "a <> 7"),
        check(None, Some("b c"), "length (\"b c\") > 1"),
        check(None, None, "a IN (1, 2) OR b IS NOT 'x''y'"),
        check(Some("last one"), None, "NOT a BETWEEN 1 AND - 5 AND a COLLATE nocase = X'ab'|| 2"),
    ];
    assert_eq!(found.checks, expected);
    let generated = [("g", "a * 2"), ("h", "upper (`b c`)")];
    assert_eq!(found.generated, generated.map(|(column, sql)| (column.to_owned(), sql.to_owned())));
}

/// The parser has places that panic, and the machine has a stack that ends
#[test]
fn odd_statements_are_refused_and_nothing_is_said_about_them() {
    let table = table();
    let scope = Scope::of_table(&table);
    let deep = format!("{}n{}", "(".repeat(5000), ")".repeat(5000));
    let nots = format!("{} n", "NOT ".repeat(5000));
    let signs = format!("{} n", "- ".repeat(5000));
    let sums = vec!["n"; 5000].join(" + ");
    let cases = format!("{} n {}", "CASE WHEN n THEN ".repeat(500), " END".repeat(500));
    let long = format!("t = '{}'", "x".repeat(300_000));
    let ors = vec!["n"; 40_000].join(" OR ");
    for sql in [&deep, &nots, &signs, &sums, &cases, &long, &ors] {
        assert!(check(sql, &scope).is_err());
        assert!(declared(&format!("CREATE TABLE t (n INT CHECK ({sql}))")).is_err());
        assert!(view(&format!("CREATE VIEW v AS SELECT {sql} AS x FROM things"), &[], &[], "s").is_err());
    }
    // A long list and a long chain are not deep.
    let list = vec!["1"; 2000].join(", ");
    assert!(check(&format!("n IN ({list})"), &scope).is_ok());
    let chain = vec!["n = 1"; 400].join(" OR ");
    assert!(check(&chain, &scope).is_ok());
    for sql in [
        "", "'", "\"", "n = 'x", "/* n", "n -- x", "[n", "x'0", "0x", "1e", "n = \0", "\u{0}", "n @", "$", "#", "``",
        "[]", "\"\"",
    ] {
        let _ = (check(sql, &scope), declared(sql), view(sql, &[], &[], "s"));
        let _ = declared(&format!("CREATE TABLE t (a CHECK ({sql}), {sql})"));
    }
}
