"""The web process's application, for gunicorn and every other WSGI server: `wsgi:app`."""

from harvester import log
from harvester.settings import load
from routes import create_app
from services import build

settings = load()
log.configure(settings.log_format, settings.log_level)
app = create_app(build(settings))
