"""messages that wait and messages that are dead are found without reading all that were sent"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, columns, where in (
        ("ix_post_queued", ["endpoint", "id"], "state = 'queued'"),
        ("ix_post_dead", ["id"], "state = 'dead'"),
    ):
        op.create_index(name, "post", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
