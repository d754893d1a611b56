"""Alembic's entry: always called with an open connection by `Ledger.upgrade`."""

from alembic import context

from stagebridge.ledger import schema

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=schema.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
