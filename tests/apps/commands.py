"""What both applications do from the command line: write until told to stop, and print values canonically."""

import datetime
import decimal
import json
import select
import sys
import time
import uuid


def write_until_told(rng, transaction):
    """Runs `transaction` until a number comes on stdin, then that many times more; prints how often it ran."""
    done, goal = 0, None
    while goal is None or done < goal:
        if goal is None and select.select([sys.stdin], [], [], 0)[0]:
            line = sys.stdin.readline()
            if not line:
                return
            goal = done + int(line)
        transaction()
        done += 1
        time.sleep(rng.random() * 0.02)
    print(done)


def canonical(value):
    """One text per value, with its Python type; equal texts for equal values only."""
    if value is None:
        return None
    if isinstance(value, (bytes, bytearray, memoryview)):
        return "bytes " + bytes(value).hex()
    if isinstance(value, datetime.datetime):
        aware = value.tzinfo is not None
        return "datetime " + (value.astimezone(datetime.timezone.utc) if aware else value).isoformat()
    if isinstance(value, (datetime.date, datetime.time)):
        return f"{type(value).__name__} {value.isoformat()}"
    if isinstance(value, datetime.timedelta):
        return f"timedelta {value // datetime.timedelta(microseconds=1)}"
    if isinstance(value, decimal.Decimal):
        # How many zeros follow is the column's business: 1.50 == 1.5.
        return f"Decimal {value.normalize():f}"
    if isinstance(value, uuid.UUID):
        return f"UUID {value}"
    if isinstance(value, (list, dict, tuple)):
        return "json " + json.dumps(value, sort_keys=True)
    if isinstance(value, float):
        # SQLite stores no negative zero in a column of REAL affinity, whoever writes it.
        return f"float {value + 0.0!r}"
    if isinstance(value, (bool, int, str)):
        return f"{type(value).__name__} {value!r}"
    raise TypeError(f"no canonical form for {value!r}")


def show(document):
    json.dump(document, sys.stdout, indent=1, sort_keys=True)
    print()
