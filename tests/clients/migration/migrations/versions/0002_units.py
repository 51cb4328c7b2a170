import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    with op.batch_alter_table("readings", recreate="always") as readings:
        readings.add_column(sa.Column("unit", sa.String(8), nullable=False, server_default="C"))
        readings.alter_column("value", existing_type=sa.Float, nullable=False)
