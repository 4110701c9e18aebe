"""What went wrong on the way, seen and put right by clicking: deliveries, dead letters, starts."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .conftest import MakeScreen
from .house import House
from .screen import Screen, shown


def test_a_delivery_is_looked_into_and_replayed(screen: Screen, house: House) -> None:
    run = house.harvest("Delivered", "delia-delivered")
    screen.open("/deliveries")
    screen.page.get_by_label("Client run ID").fill(run["clientRunId"])
    screen.button("Show").click()
    screen.main.get_by_role("link", name="Delivery ").first.click()
    number = screen.path.rpartition("/")[2]
    shown(screen.main.get_by_text("ACTOR.RUN.SUCCEEDED"))
    shown(screen.page.get_by_role("heading", name="Headers"))
    assert "Bearer" not in screen.text()
    screen.link("Replay this delivery").click()
    screen.button("Replay").click()
    shown(screen.notice().filter(has_text=f"Delivery {number} is processed again."))
    screen.open("/activity")
    shown(screen.main.get_by_role("row", name="page: Ann").filter(has_text="replay"))


@pytest.mark.parametrize("scripts", [True, False], ids=["JavaScript", "no JavaScript"])
def test_dead_letters_are_replayed_or_discarded(make_screen: MakeScreen, house: House, scripts: bool) -> None:
    mended, given_up = (house.parked(f"{one}-{scripts}", f"{one.lower()}-x") for one in ("Mended", "Lost"))
    screen = make_screen(java_script_enabled=scripts)
    screen.open("/dead-letters")
    row = screen.main.get_by_role("row", name=mended["clientRunId"])
    shown(row.get_by_text("cut off"))
    row.get_by_role("link", name="Replay").click()
    screen.button("Replay").click()
    shown(screen.notice())
    house.until(lambda: house.run(mended["clientRunId"])["metrics"]["postsNew"])

    screen.open("/dead-letters")
    screen.main.get_by_role("row", name=given_up["clientRunId"]).get_by_role("link", name="Discard").click()
    screen.button("Discard").click()
    shown(screen.notice())
    screen.open("/dead-letters")
    for letter in (mended, given_up):
        expect(screen.main.get_by_text(letter["clientRunId"])).to_have_count(0)
    assert house.run(given_up["clientRunId"])["metrics"]["postsNew"] == 0


def test_starts_are_paused_and_every_page_says_so_until_they_go_on(screen: Screen, house: House) -> None:
    client_id = house.agency("Halted", "hanna-halted")
    screen.open("/")
    screen.link("Pause starts").click()
    screen.page.get_by_role("textbox").first.fill("Apify is <i>being</i> changed")
    screen.button("Pause").click()
    shown(screen.notice("warn"))
    try:
        screen.open("/posts")
        held = screen.page.locator(".held")
        expect(held).to_contain_text("Apify is <i>being</i> changed")
        screen.open(f"/clients/{client_id}/kickoff")
        screen.button("Kick off").click()
        shown(screen.notice("warn").filter(has_text="waits"))
        held.get_by_role("link", name="Let starts go on").click()
        screen.button("Let starts go on").click()
        shown(screen.notice())
        expect(held).to_have_count(0)
    finally:
        house.api("POST", "/api/starts/resume", {})
    (run,) = house.rows(f"/api/runs?clientId={client_id}", "runs")
    assert house.ended(run["clientRunId"])["status"] == "Completed"
