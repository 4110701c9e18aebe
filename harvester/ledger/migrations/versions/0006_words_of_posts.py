"""The words of posts, by which they are found; and what deliveries, leads and activity are looked up by."""

import sqlalchemy as sa
from alembic import op

from harvester import search_words

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_AT_ONCE = 500

#: An index without texts of its own (https://www.sqlite.org/fts5.html, external content) that knows which
#: rows have a word, and not where in them: it is told of every change with what was there before. Of new rows
#: `post_index.py` tells it. Beginnings of three characters have entries of their own; the words of longer
#: ones are few enough to be put together.
_ON_SQLITE = (
    "CREATE VIRTUAL TABLE post_search USING fts5"
    "(words, content='posts', content_rowid='id', tokenize='ascii', detail='none', columnsize=0, prefix='3')",
    "INSERT INTO post_search (post_search) VALUES ('rebuild')",
    "CREATE TRIGGER post_search_delete AFTER DELETE ON posts BEGIN "
    "INSERT INTO post_search (post_search, rowid, words) VALUES ('delete', old.id, old.words); END",
    "CREATE TRIGGER post_search_update AFTER UPDATE OF id, words ON posts "
    "WHEN old.words <> new.words OR old.id <> new.id BEGIN "
    "INSERT INTO post_search (post_search, rowid, words) VALUES ('delete', old.id, old.words); "
    "INSERT INTO post_search (rowid, words) VALUES (new.id, new.words); END",
)
_ON_POSTGRESQL = (
    "CREATE INDEX post_search ON posts USING gin "
    "(array_to_tsvector(array_remove(string_to_array(words, ' '), '')))",
)


def upgrade() -> None:
    """Change the schema."""
    op.add_column("posts", sa.Column("words", sa.Text(), server_default=sa.text("''"), nullable=False))
    _find_words()
    for statement in _ON_SQLITE if op.get_bind().dialect.name == "sqlite" else _ON_POSTGRESQL:
        op.get_bind().exec_driver_sql(statement)
    op.create_index("ix_deliveries_apify_run", "deliveries", ["apify_run_id", "id"], unique=False)
    op.create_index("ix_leads_profile", "leads", ["profile_url"], unique=False)
    op.create_index("ix_activity_operation_id", "activity", ["operation", "id"], unique=False)
    op.create_index("ix_activity_ok", "activity", ["ok", "id"], unique=False)


def _find_words() -> None:
    posts = sa.table("posts", *(sa.column(name) for name in ("id", "text", "author_name", "words")))
    read = sa.select(posts.c.id, posts.c.text, posts.c.author_name).order_by(posts.c.id).limit(_AT_ONCE)
    change = sa.update(posts).where(posts.c.id == sa.bindparam("post")).values(words=sa.bindparam("found"))
    after = 0
    while True:
        rows = op.get_bind().execute(read.where(posts.c.id > after)).all()
        if not rows:
            return
        found = [{"post": row.id, "found": search_words.of(row.text, row.author_name)} for row in rows]
        op.get_bind().execute(change, found)
        after = rows[-1].id
