"""So that a bare `gunicorn wsgi:app` is configured too."""

from harvester.web_server import *  # noqa: F403
