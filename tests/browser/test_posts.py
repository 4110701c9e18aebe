"""Posts in a browser: found, exported, and however hostile their text, nothing but text."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from playwright.sync_api import expect

from .conftest import MakeScreen
from .house import FOUND, FOUND_TEXT, HOSTILE, HOSTILE_TEXT, House
from .screen import Screen, shown


def saved(screen: Screen, link: str) -> Path:
    """Click what downloads a file, and give the file."""
    with screen.page.expect_download() as found:
        screen.link(link).click()
    return found.value.path()


def test_a_post_is_searched_and_what_is_found_is_exported(screen: Screen, house: House) -> None:
    run = house.harvest("Searched", FOUND, "sören-searched")
    screen.open("/posts")
    screen.page.get_by_label("Words of text or author").fill("ostrich CREPES")
    screen.page.get_by_label("Client ID").fill("Searched")
    screen.button("Search").click()
    (post,) = screen.main.get_by_role("article").all()
    expect(post).to_contain_text(FOUND_TEXT)
    expect(post.get_by_role("link", name=run["clientRunId"])).to_be_visible()

    with saved(screen, "Export these as CSV").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row["text"] == f"'{FOUND_TEXT}", "a formula is none where a spreadsheet opens it"
    (line,) = saved(screen, "as JSON lines").read_text().splitlines()
    assert json.loads(line)["text"] == FOUND_TEXT

    post.get_by_role("link").first.click()
    shown(screen.main.get_by_text(FOUND_TEXT))
    screen.link(run["clientRunId"]).first.click()
    shown(screen.main.get_by_text("Record made by"))


def test_a_search_that_finds_nothing_and_one_that_cannot_be_say_so(screen: Screen) -> None:
    screen.open("/posts?q=there-is-no-such-word-zzz")
    shown(screen.main.get_by_text("No post fits this search."))
    screen.open("/posts?lead=https://example.org/nobody", status=400)
    screen.forgive(400)
    shown(screen.page.get_by_role("alert"))
    expect(screen.page.get_by_label("Lead, by profile URL")).to_have_value("https://example.org/nobody")


def test_hostile_text_is_shown_as_it_is_and_does_nothing(make_screen: MakeScreen, house: House) -> None:
    """Dialogs, requests to elsewhere and what the policy refused are complaints, of which there are none."""
    client_id = house.agency("Hostile", HOSTILE, name="<script>alert('a name')</script>")
    house.ended(house.api("POST", "/api/apify/process-client", {"clientId": client_id}).json["clientRunId"])
    screen = make_screen()
    screen.open(f"/posts?clientId={client_id}")
    text = screen.main.get_by_role("article").locator(".text")
    assert text.text_content() == HOSTILE_TEXT
    screen.main.get_by_role("article").get_by_role("link").first.click()
    expect(screen.page).to_have_title("Post of <script>alert('of a post')</sc · post-harvester")
    assert screen.main.locator(".text").first.text_content() == HOSTILE_TEXT
    for path in ("/", "/clients", f"/clients/{client_id}", f"/clients/{client_id}/kickoff", "/runs"):
        screen.open(path)
        assert screen.page.locator("main script, main img, main style").count() == 0
    screen.open(f"/clients/{client_id}")
    shown(screen.page.get_by_role("heading", name="<script>alert('a name')</script>"))
