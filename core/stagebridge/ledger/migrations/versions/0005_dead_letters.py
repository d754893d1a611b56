"""dead letters are found without reading everything that is well"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, table, columns, where in (
        ("ix_link_blocked", "link", ["id"], "blocked != '{}'"),
        ("ix_delivery_dead", "delivery", ["id"], "state IN ('dead', 'unknown')"),
    ):
        op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
