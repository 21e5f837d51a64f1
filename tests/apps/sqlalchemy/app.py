"""app.py migrate | fill SEED | write SEED | dump | ask, on the database that DATABASE_URL names."""

import json
import os
import random
import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import ARRAY, JSON, Numeric, PickleType, create_engine, event, inspect, select
from sqlalchemy.orm import Session

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

from commands import canonical, show, write_until_told  # noqa: E402
from models import Base, membership  # noqa: E402
from questions import questions  # noqa: E402
from writing import Writer, fill  # noqa: E402


def engine():
    url = os.environ["DATABASE_URL"]
    if not url.startswith("sqlite:"):
        return create_engine(url.replace("postgres://", "postgresql+psycopg://", 1), native_inet_types=False)
    made = create_engine(url, connect_args={"timeout": 20})

    @event.listens_for(made, "connect")
    def connected(connection, record):
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(made, "begin")
    def begin(connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return made


def migrate(engine):
    config = Config()
    config.set_main_option("script_location", str(HERE / "migrations"))
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            # Rebuilding a table drops the old one, which must not touch the rows that point at it.
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.commit()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def value(column, found):
    if isinstance(column.type, (JSON, ARRAY, PickleType)):
        return "json " + json.dumps(found, sort_keys=True)
    if isinstance(column.type, Numeric) and not column.type.asdecimal:
        # SQLite gives whole numbers of a NUMERIC column as integers.
        return canonical(None if found is None else float(found))
    return canonical(getattr(found, "name", found))


def dump(session):
    shown = {}
    for mapper in Base.registry.mappers:
        rows = list(session.scalars(select(mapper.class_)).unique())
        attributes = [inspect(mapper.class_).attrs[key] for key in mapper.column_attrs.keys()]
        keys = mapper.primary_key
        rows.sort(key=lambda row: [value(*pair) for pair in zip(keys, mapper.primary_key_from_instance(row))])
        rows = [{a.key: value(a.columns[0], getattr(row, a.key)) for a in attributes} for row in rows]
        shown[mapper.class_.__name__] = rows
    pairs = session.execute(select(membership)).all()
    shown["membership"] = sorted(({"account": a, "group": str(g)} for a, g in pairs), key=str)
    show(shown)


def main(verb, seed=0):
    database, rng = engine(), random.Random(int(seed))
    if verb == "migrate":
        return migrate(database)
    if verb == "write":
        return write_until_told(rng, Writer(rng, database).transaction)
    if verb == "fill":
        return fill(rng, database)
    with Session(database) as session:
        dump(session) if verb == "dump" else show(dict(questions(session)))


if __name__ == "__main__":
    main(*sys.argv[1:])
