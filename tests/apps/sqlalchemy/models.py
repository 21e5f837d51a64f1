"""Types and relations as projects with SQLAlchemy declare them for SQLite and PostgreSQL alike."""

import datetime
import decimal
import enum
import uuid

from sqlalchemy import (
    ARRAY,
    JSON,
    REAL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    DateTime,
    Double,
    Enum,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Interval,
    LargeBinary,
    MetaData,
    Numeric,
    PickleType,
    SmallInteger,
    String,
    Table,
    Text,
    Time,
    TypeDecorator,
    Unicode,
    UnicodeText,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import INET, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

UTC = datetime.timezone.utc


class UtcDateTime(TypeDecorator):
    """Moments with a zone: SQLite's DateTime drops it, so projects bring a type like this one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value, dialect):
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value, dialect):
        return None if value is None else value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)


class Level(enum.Enum):
    low = "low"
    middle_of = "middle of"
    high = "high"


class Colour(enum.Enum):
    RED = 1
    GREEN = 2


# Rows of SQLite tables are numbered only by a column that is declared INTEGER.
Number = BigInteger().with_variant(Integer, "sqlite")
Document = JSON().with_variant(JSONB, "postgresql")
Address = INET().with_variant(String(43), "sqlite")
# Without none_as_null an absent list would be the document null on SQLite, and NULL on PostgreSQL.
Integers = ARRAY(Integer).with_variant(JSON(none_as_null=True), "sqlite")
Words = ARRAY(Text).with_variant(JSON(none_as_null=True), "sqlite")


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Sample(Base):
    """A column of every type."""

    __tablename__ = "sample"
    id: Mapped[int] = mapped_column(Number, Identity(always=True), primary_key=True)
    yes: Mapped[bool] = mapped_column(Boolean(create_constraint=True, name="yes_is_boolean"))
    perhaps: Mapped[bool | None]
    level: Mapped[Level] = mapped_column(Enum(Level, name="level", create_constraint=True))
    mood: Mapped[str | None] = mapped_column(Enum("happy", "so-so", "can't say", name="mood", create_constraint=True))
    colour: Mapped[Colour] = mapped_column(Enum(Colour, name="colour", native_enum=False, create_constraint=True))
    name: Mapped[str] = mapped_column(String(60), unique=True)
    label: Mapped[str | None] = mapped_column(Unicode(30))
    words: Mapped[str] = mapped_column(Text)
    letters: Mapped[str | None] = mapped_column(UnicodeText)
    small: Mapped[int] = mapped_column(SmallInteger)
    integer: Mapped[int | None] = mapped_column(Integer)
    big: Mapped[int] = mapped_column(BigInteger)
    floating: Mapped[float] = mapped_column(Float)
    double: Mapped[float | None] = mapped_column(Double)
    single: Mapped[float | None] = mapped_column(REAL)
    price: Mapped[decimal.Decimal] = mapped_column(Numeric(14, 4))
    rate: Mapped[decimal.Decimal | None] = mapped_column(Numeric(6, 3))
    measured: Mapped[float | None] = mapped_column(Numeric(12, 3, asdecimal=False))
    day: Mapped[datetime.date | None] = mapped_column(Date)
    clock: Mapped[datetime.time | None] = mapped_column(Time)
    local: Mapped[datetime.datetime] = mapped_column(DateTime)
    moment: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime)
    changed: Mapped[datetime.datetime | None] = mapped_column(UtcDateTime, onupdate=lambda: datetime.datetime.now(UTC))
    lasts: Mapped[datetime.timedelta] = mapped_column(Interval)
    waits: Mapped[datetime.timedelta | None] = mapped_column(Interval)
    token: Mapped[uuid.UUID] = mapped_column(Uuid, unique=True)
    partner: Mapped[str | None] = mapped_column(String(36))
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    pickled: Mapped[object | None] = mapped_column(PickleType)
    plain: Mapped[object] = mapped_column(JSON)
    document: Mapped[object | None] = mapped_column(Document)
    numbers: Mapped[list[int] | None] = mapped_column(Integers)
    tags: Mapped[list[str] | None] = mapped_column(Words)
    address: Mapped[str | None] = mapped_column(Address)
    __table_args__ = (
        CheckConstraint("price >= 0", name="price_positive"),
        Index("ix_sample_yes_day", "day", sqlite_where=text("yes = 1"), postgresql_where=text("yes")),
        Index("ix_sample_document", "document", postgresql_using="gin").ddl_if(dialect="postgresql"),
        Index("ix_sample_lower_name", text("lower(name)")),
    )


class Plot(Base):
    """Columns that the database fills: by defaults, and computed."""

    __tablename__ = "plot"
    id: Mapped[int] = mapped_column(primary_key=True)
    width: Mapped[int] = mapped_column(Integer, server_default=text("2"))
    height: Mapped[int] = mapped_column(Integer, server_default="3")
    area: Mapped[int | None] = mapped_column(BigInteger, Computed("width * height", persisted=True))
    made: Mapped[datetime.datetime] = mapped_column(DateTime, server_default=func.now())


class Account(Base):
    """One half of a circle: its favourite post is written by some account."""

    __tablename__ = "account"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40))
    boss_id: Mapped[int | None] = mapped_column(ForeignKey("account.id", ondelete="SET NULL"))
    favourite_id: Mapped[int | None] = mapped_column(
        ForeignKey("post.id", ondelete="SET NULL", use_alter=True, name="fk_account_favourite")
    )
    boss: Mapped["Account | None"] = relationship(remote_side=id)
    favourite: Mapped["Post | None"] = relationship(foreign_keys=favourite_id, post_update=True)
    groups: Mapped[list["Group"]] = relationship(secondary=lambda: membership, back_populates="members")


class Post(Base):
    """The other half; the parent of joined tables."""

    __tablename__ = "post"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(10))
    author_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    title: Mapped[str] = mapped_column(String(200))
    author: Mapped[Account] = relationship(foreign_keys=author_id)
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "post"}


class Picture(Post):
    """Joined-table inheritance."""

    __tablename__ = "picture"
    id: Mapped[int] = mapped_column(ForeignKey("post.id", ondelete="CASCADE"), primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)
    __mapper_args__ = {"polymorphic_identity": "picture"}


class Group(Base):
    """A word of SQL as the name, keyed by a UUID."""

    __tablename__ = "group"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    order: Mapped[int] = mapped_column(SmallInteger)
    members: Mapped[list[Account]] = relationship(secondary=lambda: membership, back_populates="groups")


membership = Table(
    "membership",
    Base.metadata,
    Column("account_id", ForeignKey("account.id", ondelete="CASCADE"), primary_key=True),
    Column("group_id", ForeignKey("group.id", ondelete="CASCADE"), primary_key=True),
)


class Room(Base):
    """A key of two columns, one of them a date."""

    __tablename__ = "room"
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    night: Mapped[datetime.date] = mapped_column(primary_key=True)
    level: Mapped[Level] = mapped_column(Enum(Level, name="level", create_constraint=True))


class Booking(Base):
    """A foreign key of two columns, checked at commit; its own key is a moment and an enum."""

    __tablename__ = "booking"
    at: Mapped[datetime.datetime] = mapped_column(UtcDateTime, primary_key=True)
    level: Mapped[Level] = mapped_column(Enum(Level, name="level", create_constraint=True), primary_key=True)
    number: Mapped[int]
    night: Mapped[datetime.date]
    __table_args__ = (
        ForeignKeyConstraint(
            ["number", "night"], ["room.number", "room.night"], deferrable=True, initially="DEFERRED", name="fk_room"
        ),
        UniqueConstraint("number", "night", "level"),
    )
