"""Take the pictures of the main pages: `make screenshots`. What they show is the demo's day."""

from __future__ import annotations

import re
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from cli.processes import HARVESTER, environment, processes_in
from playwright.sync_api import Browser, sync_playwright

from .chromium import launched
from .screen import Screen, screen_of, shown

_WIDE: Final[dict[str, Any]] = {"viewport": {"width": 1280, "height": 800}}
_PHONE: Final[dict[str, Any]] = {"viewport": {"width": 390, "height": 844}}
_DARK: Final[dict[str, Any]] = {**_WIDE, "color_scheme": "dark"}
_CLIENT: Final = "Fjord-Legal"
_DAY_SECONDS: Final = 240
_ENDING_SECONDS: Final = 30


@contextmanager
def lived_day() -> Iterator[tuple[str, str]]:
    """Live the demo's day, and leave it served. Gives address and password."""
    with tempfile.TemporaryDirectory() as folder, processes_in(Path(folder)) as processes:
        arguments = ("demo", "--day", "--serve", "--folder", f"{folder}/demo")
        demo = processes.start(*HARVESTER, *arguments, environ=environment())
        demo.wait_for("Running until Ctrl-C.", _DAY_SECONDS)
        found = re.search(r"page +(http://\S+) +password: (\S+)", demo.output)
        assert found is not None, demo.output
        yield found.group(1), found.group(2)
        demo.popen.send_signal(signal.SIGINT)
        demo.wait(_ENDING_SECONDS)


def taken(screen: Screen, path: str, picture: Path) -> None:
    """Take the picture of a page, as much of it as fits on the screen."""
    screen.open(path)
    shown(screen.page.get_by_role("heading").first)
    screen.page.screenshot(path=picture)
    print(f"{picture}  {picture.stat().st_size / 1_000:.0f} kB")


def of_all_pages(browser: Browser, url: str, password: str, folder: Path) -> None:
    """Take all pictures."""
    with screen_of(browser, url, **_WIDE) as screen:
        screen.open("/")
        screen.sign_in(password)
        screen.page.wait_for_url(f"{url}/")
        signed_in = screen.page.context.storage_state()
        screen.open(f"/runs?clientId={_CLIENT}")
        run = screen.main.get_by_role("row").get_by_role("link").last.get_attribute("href")
        screen.open("/posts")
        pages = {
            "now": "/",
            "clients": "/clients",
            "client": f"/clients/{_CLIENT}",
            "run": str(run),
            "posts": "/posts?q=customer",
            "deliveries": "/deliveries",
        }
        for name, path in pages.items():
            taken(screen, path, folder / f"{name}.png")
    for name, how in (("now-dark", _DARK), ("now-phone", _PHONE)):
        with screen_of(browser, url, storage_state=signed_in, **how) as screen:
            taken(screen, "/", folder / f"{name}.png")


def main(folder: Path) -> None:
    """Take the pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with lived_day() as (url, password), sync_playwright() as playwright, launched(playwright) as browser:
        of_all_pages(browser, url, password, folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
