"""every table, the circle still open"""

import models
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

LEVELS = ("low", "middle_of", "high")


def upgrade():
    on_postgres = op.get_bind().dialect.name == "postgresql"
    native = postgresql.ENUM(*LEVELS, name="level", create_type=False)
    if on_postgres:
        native.create(op.get_bind(), checkfirst=False)

    def level():
        return sa.Enum(*LEVELS, name="level", create_constraint=True).with_variant(native, "postgresql")

    op.create_table(
        "account",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("boss_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["boss_id"], ["account.id"], name="fk_account_boss_id_account", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
    )
    op.create_table(
        "group",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("order", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_group"),
    )
    op.create_table(
        "room",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("night", sa.Date(), nullable=False),
        sa.Column("level", level(), nullable=False),
        sa.PrimaryKeyConstraint("number", "night", name="pk_room"),
    )
    op.create_table(
        "sample",
        sa.Column("id", models.Number, sa.Identity(always=True), nullable=False),
        sa.Column("yes", sa.Boolean(create_constraint=True, name="yes_is_boolean"), nullable=False),
        sa.Column("perhaps", sa.Boolean(), nullable=True),
        sa.Column("level", level(), nullable=False),
        sa.Column("mood", sa.Enum("happy", "so-so", "can't say", name="mood", create_constraint=True), nullable=True),
        sa.Column(
            "colour", sa.Enum("RED", "GREEN", name="colour", native_enum=False, create_constraint=True), nullable=False
        ),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("label", sa.Unicode(20), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("letters", sa.UnicodeText(), nullable=True),
        sa.Column("small", sa.SmallInteger(), nullable=False),
        sa.Column("integer", sa.Integer(), nullable=True),
        sa.Column("big", sa.BigInteger(), nullable=False),
        sa.Column("floating", sa.Float(), nullable=False),
        sa.Column("double", sa.Double(), nullable=True),
        sa.Column("single", sa.REAL(), nullable=True),
        sa.Column("price", sa.Numeric(14, 4), nullable=False),
        sa.Column("rate", sa.Numeric(6, 3), nullable=True),
        sa.Column("measured", sa.Numeric(12, 3, asdecimal=False), nullable=True),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("clock", sa.Time(), nullable=True),
        sa.Column("local", sa.DateTime(), nullable=False),
        sa.Column("moment", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lasts", sa.Interval(), nullable=False),
        sa.Column("token", sa.Uuid(), nullable=False),
        sa.Column("partner", sa.String(36), nullable=True),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.Column("pickled", sa.PickleType(), nullable=True),
        sa.Column("plain", sa.JSON(), nullable=False),
        sa.Column("document", models.Document, nullable=True),
        sa.Column("numbers", models.Integers, nullable=True),
        sa.Column("tags", models.Words, nullable=True),
        sa.Column("address", models.Address, nullable=True),
        sa.CheckConstraint("price >= 0", name="price_positive"),
        sa.PrimaryKeyConstraint("id", name="pk_sample"),
        sa.UniqueConstraint("name", name="uq_sample_name"),
        sa.UniqueConstraint("token", name="uq_sample_token"),
    )
    if on_postgres:
        op.create_index("ix_sample_document", "sample", ["document"], postgresql_using="gin")
    op.create_index(
        "ix_sample_yes_day", "sample", ["day"], sqlite_where=sa.text("yes = 1"), postgresql_where=sa.text("yes")
    )
    op.create_table(
        "plot",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("width", sa.Integer(), server_default=sa.text("2"), nullable=False),
        sa.Column("height", sa.Integer(), server_default="3", nullable=False),
        sa.Column("area", sa.BigInteger(), sa.Computed("width * height", persisted=True), nullable=True),
        sa.Column("made", sa.DateTime(), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_plot"),
    )
    op.create_table(
        "booking",
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("level", level(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("night", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(
            ["number", "night"], ["room.number", "room.night"], name="fk_room", initially="DEFERRED", deferrable=True
        ),
        sa.PrimaryKeyConstraint("at", "level", name="pk_booking"),
        sa.UniqueConstraint("number", "night", "level", name="uq_booking_number"),
    )
    op.create_table(
        "membership",
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("group_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_membership_account_id_account", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["group_id"], ["group.id"], name="fk_membership_group_id_group", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("account_id", "group_id", name="pk_membership"),
    )
    op.create_table(
        "post",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("author_id", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["account.id"], name="fk_post_author_id_account", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_post"),
    )
    op.create_index("ix_post_author_id", "post", ["author_id"])
    op.create_table(
        "picture",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["id"], ["post.id"], name="fk_picture_id_post", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_picture"),
    )
