"""close the circle, and add two columns: SQLite's tables are rebuilt for it, and the columns' order differs then"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    with op.batch_alter_table("account") as batch:
        batch.add_column(sa.Column("favourite_id", sa.Integer(), nullable=True))
        batch.create_foreign_key("fk_account_favourite", "post", ["favourite_id"], ["id"], ondelete="SET NULL")
    with op.batch_alter_table("sample", recreate="always" if on_sqlite else "never") as batch:
        after = {"insert_after": "words"} if on_sqlite else {}
        batch.add_column(sa.Column("changed", sa.DateTime(timezone=True), nullable=True), **after)
        batch.add_column(sa.Column("waits", sa.Interval(), nullable=True), **after)
        batch.alter_column("label", existing_type=sa.Unicode(20), type_=sa.Unicode(30))
    op.create_index("ix_sample_lower_name", "sample", [sa.text("lower(name)")])
