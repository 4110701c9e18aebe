"""What holds of every page that there is: who cannot see, who has a small screen, and who lies in wait."""

from __future__ import annotations

from typing import Any, Final

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, ViewportSize

from .conftest import MakeScreen
from .every_page import Lived
from .house import House

#: The narrowest and a usual width of a screen, in CSS pixels.
NARROW: Final[ViewportSize] = {"width": 360, "height": 740}
WIDE: Final[ViewportSize] = {"width": 1280, "height": 900}
_MOST_BYTES: Final = 100_000


@pytest.fixture(scope="module")
def paths(house: House) -> list[str]:
    """The path of every page."""
    return Lived(house).paths()


def listed(wrong: dict[str, Any]) -> str:
    """Tell what is wrong, a page in a line."""
    return "\n".join(f"{path}: {what}" for path, what in wrong.items())


def seriously(page: Page) -> list[str]:
    """Name what axe-core finds serious or critical."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html'][:120]} {node['failureSummary'][:300]}"
        for one in found
        for node in one["nodes"][:3]
        if one["impact"] in ("serious", "critical")
    ]


def test_nothing_keeps_anybody_from_using_it(make_screen: MakeScreen, paths: list[str]) -> None:
    """As axe-core sees it: wide and light, and narrow and dark, where more scrolls by itself."""
    screen = make_screen(viewport=WIDE)
    screen.never_refreshes()
    wrong: dict[str, list[str]] = {}
    for path in paths:
        screen.page.set_viewport_size(WIDE)
        screen.page.emulate_media(color_scheme="light")
        screen.open(path)
        light = seriously(screen.page)
        screen.page.set_viewport_size(NARROW)
        screen.page.emulate_media(color_scheme="dark")
        dark = [f"narrow and dark: {one}" for one in seriously(screen.page)]
        wrong |= {path: [*light, *dark]} if light or dark else {}
    assert not wrong, listed(wrong)


def test_nothing_is_wider_than_a_small_screen(make_screen: MakeScreen, paths: list[str]) -> None:
    """What is wide scrolls by itself, and the page does not."""
    screen = make_screen(viewport=NARROW)
    wrong: dict[str, Any] = {}
    for path in paths:
        screen.open(path)
        wide = screen.page.evaluate(_TOO_WIDE)
        wrong |= {path: wide} if wide else {}
    assert not wrong, listed(wrong)


_TOO_WIDE = """() => {
  const most = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= most) return [];
  const out = [...document.body.querySelectorAll("*")].filter(
    (one) => one.getBoundingClientRect().right > most + 1 && !one.parentElement.closest(".scroll, pre, svg"));
  return [document.documentElement.scrollWidth, ...out.slice(0, 5).map((one) => one.outerHTML.slice(0, 120))];
}"""


def test_it_is_small_says_where_it_is_and_every_link_leads_somewhere(
    make_screen: MakeScreen, house: House, paths: list[str]
) -> None:
    """Fetched as the browser does, without showing it."""
    screen = make_screen()
    screen.open("/")
    linked: dict[str, str] = {}
    wrong: dict[str, Any] = {}
    for path in paths:
        screen.open(path)
        seen = screen.page.evaluate(_SEEN)
        if seen["headings"] != 1 or seen["unnamed"] or seen["twice"] or seen["bytes"] > _MOST_BYTES:
            wrong[path] = seen
        linked |= dict.fromkeys(seen["links"], path)
    for there, path in linked.items():
        answer = screen.page.request.get(there, headers={"Accept": "text/html"})
        if answer.status != 200:
            wrong[there] = f"{answer.status}, linked from {path}"
        answer.dispose()
    assert not wrong, listed(wrong)


_SEEN = """() => {
  const all = (which) => [...document.querySelectorAll(which)];
  const ids = all("[id]").map((one) => one.id);
  const named = (one) => one.textContent.trim() || one.ariaLabel;
  return {
    headings: all("h1").length,
    bytes: document.documentElement.outerHTML.length,
    unnamed: all("a, button").filter((one) => !named(one)).map((one) => one.outerHTML),
    twice: ids.filter((id, place) => ids.indexOf(id) !== place),
    links: all("a[href]").map((one) => one.href.split("#")[0])
      .filter((href) => href.startsWith(location.origin + "/")),
  };
}"""
