"""The way in and out, in a browser."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, expect

from .conftest import MakeScreen
from .house import House
from .screen import Screen, screen_of, shown


@pytest.mark.parametrize("scripts", [True, False], ids=["JavaScript", "no JavaScript"])
def test_in_to_the_page_that_was_asked_for_and_out_again(
    chromium: Browser, house: House, scripts: bool
) -> None:
    with screen_of(chromium, house.url, java_script_enabled=scripts) as screen:
        screen.open("/?of=Ann")
        expect(screen.page).to_have_title("Sign in · post-harvester")
        screen.sign_in("wrong")
        shown(screen.page.get_by_role("alert").filter(has_text="That is not the password"))
        expect(screen.page.get_by_label("Your name")).to_have_value("Ann")
        screen.forgive(401)
        screen.sign_in()
        expect(screen.page).to_have_url(house.url + "/?of=Ann")
        shown(screen.page.get_by_text("Ann", exact=True))
        screen.button("Sign out").click()
        shown(screen.page.get_by_role("heading", name="Sign in"))
        screen.open("/")
        expect(screen.page).to_have_url(house.url + "/login?next=/")


def test_a_page_that_there_is_not_leads_back(screen: Screen) -> None:
    screen.open("/no/such/page", status=404)
    screen.forgive(404)
    screen.page.get_by_role("link", name="post-harvester").click()
    shown(screen.page.get_by_role("heading", name="Now"))


def test_a_session_that_was_ended_elsewhere_is_asked_for_the_password_again(
    chromium: Browser, house: House, make_screen: MakeScreen
) -> None:
    with screen_of(chromium, house.url) as screen:
        screen.open("/login")
        screen.sign_in()
        shown(screen.button("Sign out"))
        same = make_screen(storage_state=screen.page.context.storage_state())
        same.open("/")
        same.button("Sign out").click()
        shown(same.page.get_by_role("heading", name="Sign in"))
        screen.page.reload()
        shown(screen.page.get_by_role("heading", name="Sign in"))


def test_a_window_complains_of_what_would_go_unseen(chromium: Browser, house: House) -> None:
    """What all other tests here rely on: the policy is in force, and whatever breaks it is told."""
    with screen_of(chromium, house.url) as screen:
        screen.open("/login")
        screen.page.evaluate("document.body.insertAdjacentHTML('beforeend', '<p onclick=alert(1)>x</p>')")
        screen.page.evaluate(
            "document.body.append(Object.assign(new Image(), {src: 'http://127.0.0.1:9/x'}))"
        )
        screen.page.evaluate("console.warn('odd')")
        screen.page.evaluate("alert('a dialog')")
        told = "\n".join(screen.complaints)
        screen.complaints.clear()
    for part in (
        "inline event handler",
        "Loading the image 'http://127.0.0.1:9/x'",
        "odd",
        "dialog: a dialog",
    ):
        assert part in told, told
