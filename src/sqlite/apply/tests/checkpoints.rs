//! While SQLite follows, its WAL does not grow without end

use super::*;

#[test]
fn i12_the_wal_stays_short_while_we_are_the_only_writer() {
    let (file, mut applier) = following("CREATE TABLE t(id INTEGER PRIMARY KEY, v)");
    let table = file.table("t");
    // Before that release a checkpoint beside another connection could break the file.
    assert!(rusqlite::version_number() >= 3_051_003);
    let wal = file.directory().join("app.db-wal");
    let reader = file.app();
    let mut longest = 0;
    for round in 0..60u8 {
        applier.begin().unwrap();
        for id in 0..100 {
            let text = [b'a' + round % 26; 10_000];
            let (key, row) = ([Value::Integer(id)], [Value::Integer(id), Value::Text(&text)]);
            applier.write(table, &key, Some(&row)).unwrap();
        }
        applier.commit(i64::from(round)).unwrap();
        // A reader that comes and goes neither stops it nor is stopped.
        reader.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, i64>(0)).unwrap();
        longest = longest.max(std::fs::metadata(&wal).unwrap().len());
    }
    assert!(longest < 12_000_000, "60 MB were written, and the WAL has {longest} bytes");
}
