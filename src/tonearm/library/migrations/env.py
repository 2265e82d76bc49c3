"""Runs the migrations on the connection that the library hands over."""

from alembic import context

from tonearm.library.indexes import complete_metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=complete_metadata, render_as_batch=True)
context.run_migrations()
