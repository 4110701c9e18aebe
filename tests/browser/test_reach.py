"""How the pages are reached: by keyboard alone, in either theme, and while they refresh themselves."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .conftest import MakeScreen
from .house import House
from .screen import Screen, shown
from .test_harvest import run_shown


def tabbed(screen: Screen, name: str, most: int = 60) -> None:
    """Press Tab until what has this name is in focus, and can be seen to be."""
    for _ in range(most):
        screen.page.keyboard.press("Tab")
        focus = screen.page.locator(":is(a, button):focus")
        if focus.count() and name in focus.inner_text():
            expect(focus).to_be_in_viewport()
            assert focus.evaluate("one => getComputedStyle(one).outlineStyle") != "none"
            return
    raise AssertionError(f"{name} is out of a keyboard's reach on {screen.path}")


def test_a_harvest_without_a_mouse(screen: Screen, house: House) -> None:
    client_id = house.agency("Keyed", "kira-keyed")
    screen.open("/")
    tabbed(screen, "Skip to the content", most=1)
    screen.page.keyboard.press("Enter")
    expect(screen.page.locator("#main")).to_be_focused()
    screen.open("/runs")
    tabbed(screen, "Clients")
    screen.page.keyboard.press("Enter")
    shown(screen.page.get_by_role("heading", name="Clients"))
    screen.page.get_by_label("ID or name begins with").focus()
    screen.page.keyboard.type("Keyed")
    screen.page.keyboard.press("Enter")
    screen.page.wait_for_url("**/clients?q=Keyed")
    for name, there in (("Keyed", "/Keyed"), ("Harvest now", "/kickoff"), ("Kick off", "-Keyed")):
        tabbed(screen, name)
        screen.page.keyboard.press("Enter")
        screen.page.wait_for_url(f"**{there}")
    assert house.ended(run_shown(screen))["clientId"] == client_id


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_is_that_of_the_system(make_screen: MakeScreen, theme: str) -> None:
    screen = make_screen(color_scheme=theme)
    screen.open("/")
    colour = "one => getComputedStyle(one).backgroundColor.match(/[0-9]+/g).map(Number)"
    bright = sum(screen.page.locator("body").evaluate(colour)) / 3
    assert (bright > 127) is (theme == "light")


def test_a_page_that_refreshes_itself_keeps_what_is_being_read(screen: Screen, house: House) -> None:
    """The answer to what was done is told once by the server, and a table stays where it was scrolled to."""
    house.sandbox.inject("run-slow", match="rita-read", seconds=300.0)
    client_id = house.agency("Read", "rita-read")
    screen.page.set_viewport_size({"width": 360, "height": 740})
    screen.open(f"/clients/{client_id}/kickoff")
    screen.button("Kick off").click()
    full_id = run_shown(screen)
    table = screen.main.get_by_role("region", name="Actor runs")
    shown(table)
    table.focus()
    table.evaluate("one => { one.scrollLeft = 120; }")
    screen.page.evaluate("document.querySelector('main h1').dataset.mine = 'before'")
    expect(screen.main.locator("h1[data-mine]")).to_have_count(0)
    shown(screen.notice().filter(has_text=f"Client run {full_id} is started."))
    assert table.evaluate("one => [one.scrollLeft, document.activeElement === one]") == [120, True]
    house.api("POST", f"/api/runs/{full_id}/cancel")
    shown(screen.main.locator(".head .state", has_text="Cancelled"))
