"""One Chromium and one house for all tests here; each test has a window of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from .chromium import NoChromium, found, launched
from .house import PATIENCE, House, house_in
from .screen import Screen, screen_of

MakeScreen = Callable[..., Screen]
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that is here starts processes, and may take its time."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """The browser of the system."""
    try:
        found()
    except NoChromium as error:
        pytest.skip(str(error))
    expect.set_options(timeout=PATIENCE * 1_000)
    with sync_playwright() as playwright, launched(playwright) as browser:
        yield browser


@pytest.fixture(scope="package")
def house(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Iterator[House]:
    """The processes; on SQLite, as the demo is."""
    folder = tmp_path_factory.mktemp("house")
    ledger = shutil.copyfile(migrated_file, folder / "ledger.db")
    with house_in(folder, f"sqlite:///{ledger}") as found:
        yield found


@pytest.fixture(scope="package")
def signed_in(chromium: Browser, house: House) -> Any:
    """What a browser keeps of an operator who has signed in."""
    with screen_of(chromium, house.url) as screen:
        screen.open("/")
        screen.sign_in()
        screen.page.wait_for_url(house.url + "/")
        return screen.page.context.storage_state()


@pytest.fixture
def make_screen(chromium: Browser, house: House, signed_in: Any) -> Iterator[MakeScreen]:
    """Open windows of an operator who is signed in; the arguments are those of `screen_of`."""
    with ExitStack() as stack:

        def make(**how: Any) -> Screen:
            return stack.enter_context(screen_of(chromium, house.url, **{"storage_state": signed_in, **how}))

        yield make


@pytest.fixture
def screen(make_screen: MakeScreen) -> Screen:
    """A window of an operator who is signed in."""
    return make_screen()
