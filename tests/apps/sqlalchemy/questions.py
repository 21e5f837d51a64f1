"""What the application asks its database, in the ORM's words."""

import datetime

from commands import canonical
from models import Account, Booking, Colour, Group, Level, Picture, Plot, Post, Room, Sample, UTC, membership
from sqlalchemy import extract, func, select
from sqlalchemy.orm import aliased, joinedload

YEAR = datetime.datetime(2024, 1, 1)


def questions(session):
    def count(*conditions):
        return session.scalar(select(func.count(Sample.id)).where(*conditions))

    boss = aliased(Account)
    yield "booleans", count(Sample.yes, Sample.perhaps.is_not(None))
    yield "levels", count(Sample.level == Level.middle_of)
    yield "moods", count(Sample.mood.in_(["can't say", "happy"]))
    yield "red", count(Sample.colour == Colour.RED)
    yield "cheap", count(Sample.price < 1)
    yield "dearest", canonical(session.scalar(select(func.max(Sample.price))))
    yield "days", count(Sample.day >= YEAR.date())
    yield "mornings", count(Sample.clock < datetime.time(12))
    yield "local", count(Sample.local >= YEAR)
    yield "later", count(Sample.moment > YEAR.replace(tzinfo=UTC))
    yield "years", count(extract("year", Sample.day) == 2024)
    yield "changed", count(Sample.changed <= datetime.datetime.now(UTC))
    yield "long", count(Sample.lasts > datetime.timedelta(days=1))
    yield "tokens", count(Sample.token.in_(session.scalars(select(Sample.token).order_by(Sample.id).limit(4)).all()))
    yield "empty", count(Sample.payload == b"")
    yield "areas", session.scalar(select(func.max(Plot.area)))
    yield "addresses", count(Sample.address == "0.0.0.1")
    yield "bosses", session.scalar(select(func.count()).select_from(Account).join(boss, Account.boss))
    circle = select(func.count(Account.id)).join(Post, Account.favourite).join(Post.author.of_type(boss))
    yield "circle", session.scalar(circle)
    yield "pictures", sorted(p.kind for p in session.scalars(select(Post).options(joinedload(Post.author))))
    yield "bytes", session.scalar(select(func.count(Picture.id)).where(func.length(Picture.data) > 1))
    yield "groups", sorted([str(g.id), len(g.members)] for g in session.scalars(select(Group)))
    yield "memberships", session.scalar(select(func.count()).select_from(membership))
    yield "bookings", session.scalar(select(func.count(Booking.number)).join(Room, Room.night == Booking.night))
