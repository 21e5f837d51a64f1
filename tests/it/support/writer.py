"""Writes to every table of a SQLite database without knowing it: argv is the file and a seed.

Values only ever move between rows of the same column, so no column gets a storage class that it did not have.
It writes until a number comes on stdin, then does that many more transactions, and prints how many it did in all.
"""

import random
import select
import sqlite3
import sys
import time


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


class Table:
    def __init__(self, db, name):
        info = db.execute(f"PRAGMA table_info({quoted(name)})").fetchall()
        self.name = quoted(name)
        self.columns = [quoted(row[1]) for row in info]
        self.key = [quoted(row[1]) for row in sorted(info, key=lambda r: r[5]) if row[5]]
        self.others = [c for c in self.columns if c not in self.key]


def tables(db):
    sql = "SELECT name FROM sqlite_schema WHERE type='table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
    names = [row[0] for row in db.execute(sql)]
    names = [n for n in names if not n.startswith(("sqlite_", "_crossfade_"))]
    return [Table(db, n) for n in names if db.execute(f"SELECT count(*) FROM {quoted(n)}").fetchone()[0]]


def any_row(db, table, rng):
    count = db.execute(f"SELECT max(rowid) FROM {table.name}").fetchone()[0] or 0
    row = db.execute(
        f"SELECT rowid, * FROM {table.name} WHERE rowid >= ? ORDER BY rowid LIMIT 1", (rng.randint(0, max(count, 1)),)
    ).fetchone()
    return row


def fresh_key(rng, value):
    if isinstance(value, int):
        return rng.randint(10**6, 10**9)
    if isinstance(value, str):
        return value + "~" + str(rng.randint(0, 10**6))
    return value


def change(db, table, rng):
    row = any_row(db, table, rng)
    if row is None:
        return
    rowid, values = row[0], list(row[1:])
    marks = ",".join("?" * len(values))
    kind = rng.randrange(8)
    if kind <= 2 and table.others:
        column = rng.choice(table.others)
        other = any_row(db, table, rng)
        db.execute(f"UPDATE {table.name} SET {column} = (SELECT {column} FROM {table.name} WHERE rowid = ?) WHERE rowid = ?",
                   (other[0], rowid))
    elif kind == 3:
        db.execute(f"DELETE FROM {table.name} WHERE rowid = ?", (rowid,))
        if rng.random() < 0.7:
            db.execute(f"INSERT INTO {table.name} VALUES({marks})", values)
    elif kind == 4:
        db.execute(f"INSERT OR REPLACE INTO {table.name} VALUES({marks})", values)
    elif kind == 5 and table.key:
        at = table.columns.index(rng.choice(table.key))
        values[at] = fresh_key(rng, values[at])
        db.execute(f"INSERT OR IGNORE INTO {table.name} VALUES({marks})", values)
    elif kind == 6 and table.key:
        column = rng.choice(table.key)
        value = fresh_key(rng, values[table.columns.index(column)])
        db.execute(f"UPDATE OR REPLACE {table.name} SET {column} = ? WHERE rowid = ?", (value, rowid))
    else:
        db.execute(f"INSERT OR IGNORE INTO {table.name} VALUES({marks})", values)


def main():
    rng = random.Random(int(sys.argv[2]))
    db = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
    db.execute("PRAGMA synchronous=NORMAL")
    known, done, goal = tables(db), 0, None
    while goal is None or done < goal:
        if goal is None and select.select([sys.stdin], [], [], 0)[0]:
            line = sys.stdin.readline()
            if not line:
                return
            goal = done + int(line)
        db.execute("BEGIN IMMEDIATE")
        for _ in range(rng.randint(1, 6)):
            try:
                change(db, rng.choice(known), rng)
            except sqlite3.IntegrityError:
                pass
        db.execute("ROLLBACK" if rng.random() < 0.1 else "COMMIT")
        done += 1
        time.sleep(rng.random() * 0.004)
    print(done)


main()
