"""Writes numbered entries in one style until it is refused: argv is the file, the style and the writer's name.

It opens its connection and prepares its statements once, and ends with the test that started it. When refused it prints
how many of its transactions were acknowledged, and what it was refused with.
"""

import json
import os
import sqlite3
import sys
import time

path, style, name = sys.argv[1:4]
parent = os.getppid()
db = sqlite3.connect(path, timeout=60, isolation_level=None)
INSERT = "INTO entry(writer, n) VALUES (?, ?)"


def transaction(number):
    row = (name, number)
    if style == "many":
        db.execute("BEGIN IMMEDIATE")
        db.executemany(f"INSERT {INSERT}", [row])
        db.executemany("UPDATE entry SET changes = changes + 1 WHERE writer = ? AND n = ?", [row, row])
        db.execute("COMMIT")
    elif style == "deferred":
        db.execute("BEGIN")
        db.execute(f"INSERT {INSERT}", row)
        db.execute("COMMIT")
    elif style == "upsert":
        db.execute(f"INSERT {INSERT} ON CONFLICT(writer, n) DO UPDATE SET changes = changes + 1", row)
    else:
        db.execute(f"INSERT {style} {INSERT}", row)


done = 0
try:
    while os.getppid() == parent:
        transaction(done + 1)
        done += 1
        # At full speed SQLite's own way of waiting keeps some of the others out for minutes.
        time.sleep(0.002)
except sqlite3.Error as error:
    if db.in_transaction:
        db.execute("ROLLBACK")
    print(json.dumps({"done": done, "error": str(error)}))
