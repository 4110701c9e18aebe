"""The browser of the system; Playwright downloads none."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
#: In a container there is no sandbox to be had, and little shared memory; what is shown is our own.
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


class NoChromium(Exception):
    """There is none on this machine."""


def found() -> str:
    """Give the path of the system's Chromium. Raises `NoChromium`."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        raise NoChromium("there is no Chromium: apt-get install chromium")
    return path


@contextmanager
def launched(playwright: Playwright) -> Iterator[Browser]:
    """Start it, and end it afterwards. Raises `NoChromium`."""
    browser = playwright.chromium.launch(executable_path=found(), args=_ARGUMENTS)
    try:
        yield browser
    finally:
        browser.close()
