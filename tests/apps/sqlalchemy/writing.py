"""Random transactions through the session: unit of work, upserts, bulk statements, deletes."""

import datetime

from models import (
    UTC,
    Account,
    Base,
    Booking,
    Colour,
    Group,
    Level,
    Picture,
    Plot,
    Post,
    Room,
    Sample,
)
from sqlalchemy import delete, func, null, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from values import LONG, Values

TABLE_LIMIT = 150


class Writer:
    def __init__(self, rng, engine):
        self.rng = rng
        self.values = Values(rng)
        self.engine = engine
        self.deeds = [
            self.sample, self.sample, self.change, self.change, self.plot, self.upsert, self.in_sql, self.account,
            self.post, self.favourite, self.group, self.join, self.room, self.booking, self.remove,
        ]

    def transaction(self, deeds=None):
        """Some deeds; what a constraint refuses is rolled back alone, or with all when only the commit refuses it."""
        with Session(self.engine) as session:
            for _ in range(deeds or self.rng.randint(1, 6)):
                try:
                    with session.begin_nested():
                        self.rng.choice(self.deeds)(session)
                except IntegrityError:
                    pass
            try:
                session.rollback() if deeds is None and self.rng.random() < 0.1 else session.commit()
            except IntegrityError:
                session.rollback()

    def any(self, session, entity):
        rows = select(entity).order_by(*entity.__table__.primary_key)
        count = session.scalar(select(func.count()).select_from(entity))
        return session.scalars(rows.offset(self.rng.randrange(count)).limit(1)).first() if count else None

    def fields(self):
        v = self.values
        return {
            "yes": self.rng.random() < 0.5,
            "perhaps": self.rng.choice([None, True, False]),
            "level": self.rng.choice(list(Level)),
            "mood": self.rng.choice([None, "happy", "so-so", "can't say"]),
            "colour": self.rng.choice(list(Colour)),
            "label": v.maybe(self.rng.choice([v.full(30), v.text(30)])),
            "words": v.text(),
            "letters": v.maybe(v.text()),
            "small": v.integer(-(2**15), 2**15 - 1),
            "integer": v.maybe(v.integer(-(2**31), 2**31 - 1)),
            "big": v.integer(-LONG - 1, LONG),
            "floating": v.real(),
            "double": v.maybe(v.real()),
            "single": v.maybe(self.rng.randint(-9999, 9999) / 8),
            "price": v.decimal(14, 4, low=0),
            "rate": v.maybe(v.decimal(6, 3)),
            "measured": v.maybe(self.rng.randint(-(10**9), 10**9) / 8),
            "day": v.maybe(v.day()),
            "clock": v.maybe(v.clock()),
            "local": v.moment(),
            "moment": v.maybe(v.moment(UTC)),
            "lasts": v.span(),
            "waits": v.maybe(v.span()),
            "partner": v.maybe(str(v.uuid())),
            "payload": v.blob(),
            "pickled": v.maybe(v.document()),
            "plain": v.document(),
            "document": self.rng.choice([v.document(), null()]),
            "numbers": v.maybe([v.integer(-(2**31), 2**31 - 1) for _ in range(self.rng.randint(0, 4))]),
            "tags": v.maybe([v.text(20) for _ in range(self.rng.randint(0, 4))]),
            "address": v.maybe(v.address()),
        }

    def plot(self, session):
        session.add(Plot(width=self.values.integer(0, 30_000)))
        session.add(Plot(height=self.rng.randint(0, 9)))

    def sample(self, session):
        session.add(Sample(name=self.values.name(60), token=self.values.uuid(), **self.fields()))

    def change(self, session):
        row = self.any(session, Sample)
        if row:
            for name, value in self.rng.sample(list(self.fields().items()), self.rng.randint(1, 8)):
                setattr(row, name, value)

    def upsert(self, session):
        insert = (sqlite if self.engine.dialect.name == "sqlite" else postgresql).insert(Sample)
        row = self.any(session, Sample)
        name = row.name if row and self.rng.random() < 0.6 else self.values.name(60)
        insert = insert.values(name=name, token=self.values.uuid(), **self.fields())
        changed = {"big": insert.excluded.big, "words": insert.excluded.words, "lasts": insert.excluded.lasts}
        session.execute(insert.on_conflict_do_update(index_elements=["name"], set_=changed))

    def in_sql(self, session):
        """Statements over many rows, without loading them."""
        level = self.rng.choice(list(Level))
        session.execute(update(Sample).where(Sample.level == level).values(yes=~Sample.yes, words=Sample.words + "."))
        session.execute(update(Plot).where(Plot.height < 1000).values(height=Plot.height + 1))

    def account(self, session):
        session.add(Account(name=self.values.text(40), boss=self.values.maybe(self.any(session, Account))))

    def post(self, session):
        author = self.any(session, Account)
        if author and self.rng.random() < 0.5:
            session.add(Post(author=author, title=self.values.text(200)))
        elif author:
            session.add(Picture(author=author, title=self.values.text(200), data=self.values.blob()))

    def favourite(self, session):
        """Both halves of the circle, made in one flush too."""
        account = self.any(session, Account)
        if account and self.rng.random() < 0.5:
            account.favourite = self.any(session, Post)
        else:
            account = Account(name=self.values.text(40))
            account.favourite = Post(author=account, title="about myself")
            session.add(account)

    def group(self, session):
        session.add(Group(id=self.values.uuid(), order=self.rng.randint(0, 9)))

    def join(self, session):
        account, group = self.any(session, Account), self.any(session, Group)
        if account and group:
            change = account.groups.remove if group in account.groups else account.groups.append
            change(group)

    def room(self, session):
        number, night = self.rng.randint(1, 20), datetime.date(2024, 1, 1) + self.values.days()
        session.add(Room(number=number, night=night, level=self.rng.choice(list(Level))))

    def booking(self, session):
        room = self.any(session, Room)
        if room:
            at = self.values.moment(UTC)
            session.add(Booking(at=at, level=self.rng.choice(list(Level)), number=room.number, night=room.night))

    def remove(self, session):
        row = self.any(session, self.rng.choice([Sample, Account, Post, Group, Room, Booking]))
        if row:
            session.delete(row)
        entity = self.rng.choice([Sample, Plot])
        if session.scalar(select(func.count(entity.id))) > TABLE_LIMIT:
            old = session.scalars(select(entity.id).order_by(entity.id).limit(30)).all()
            session.execute(delete(entity).where(entity.id.in_(old)))


def fill(rng, engine):
    """Something of everything to begin with."""
    writer = Writer(rng, engine)
    for _ in range(10):
        writer.transaction(deeds=40)
    with Session(engine) as session:
        for table in Base.metadata.sorted_tables:
            assert session.scalar(select(func.count()).select_from(table)) > 0, f"nothing in {table.name}"
