"""A harvest by clicking: started, watched, cancelled, failed and mended, with JavaScript and without."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from .conftest import MakeScreen
from .house import House
from .screen import Screen, shown

scripts = pytest.mark.parametrize("scripts", [True, False], ids=["JavaScript", "no JavaScript"])
RUN = re.compile(r"/runs/(\d{6}-\d{6}-[\w-]+)$")


def status(screen: Screen, wanted: str) -> None:
    """Wait until the page of a client run shows this status."""
    shown(screen.main.locator(".head .state", has_text=re.compile(f"^{wanted}$")))


def run_shown(screen: Screen) -> str:
    """Give the ID of the client run whose page is shown."""
    expect(screen.page).to_have_url(RUN)
    found = RUN.search(screen.path)
    assert found is not None
    return found.group(1)


@scripts
def test_kickoff_through_its_preview_to_completed(
    make_screen: MakeScreen, house: House, scripts: bool
) -> None:
    """With JavaScript the page refreshes itself; without it is loaded again by hand."""
    client_id = house.agency(f"Clicked-{scripts}", f"klara-{scripts}", f"no-posts-{scripts}", batch_size=1)
    screen = make_screen(java_script_enabled=scripts)
    screen.open("/clients")
    screen.page.get_by_label("ID or name begins with").fill(client_id)
    screen.button("Search").click()
    screen.link(client_id.replace("-", " ")).click()
    screen.link("Harvest now").click()
    shown(screen.main.get_by_text("Costs at most"))
    shown(screen.link(f"/in/klara-{scripts}"))
    screen.button("Kick off").click()
    full_id = run_shown(screen)
    shown(screen.notice().filter(has_text=f"Client run {full_id} is started."))
    if not scripts:
        house.ended(full_id)
        screen.page.reload()
    status(screen, "Completed")
    run = house.run(full_id)
    expect(screen.main.locator(".figure", has_text="Of them new")).to_contain_text(
        str(run["metrics"]["postsNew"])
    )
    assert run["metrics"]["postsNew"] > 0
    assert run["source"] == "orchestrator"


def test_a_double_click_starts_one_harvest(screen: Screen, house: House) -> None:
    client_id = house.agency("Twice", "tilda-twice")
    screen.open(f"/clients/{client_id}/kickoff")
    screen.button("Kick off").dblclick()
    full_id = run_shown(screen)
    screen.page.reload()
    assert house.ended(full_id)["status"] == "Completed"
    assert len(house.rows(f"/api/runs?clientId={client_id}", "runs")) == 1


@scripts
def test_cancel(make_screen: MakeScreen, house: House, scripts: bool) -> None:
    house.sandbox.inject("run-slow", match=f"sloth-{scripts}", seconds=300.0)
    full_id = house.begun(f"Slow-{scripts}", f"sloth-{scripts}")
    house.until(lambda: house.run(full_id)["actorRuns"][0]["state"] == "running")
    screen = make_screen(java_script_enabled=scripts)
    screen.open(f"/runs/{full_id}")
    status(screen, "Running")
    screen.link("Cancel").click()
    shown(screen.main.get_by_text("what is at work at Apify is aborted"))
    screen.button("Cancel this run").click()
    shown(screen.notice())
    if not scripts:
        house.ended(full_id)
        screen.page.reload()
    status(screen, "Cancelled")
    screen.open(f"/runs/{full_id}/cancel")
    shown(screen.main.get_by_text("There is nothing to cancel"))


@scripts
def test_a_failed_run_says_why_and_is_mended_from_its_page(
    make_screen: MakeScreen, house: House, scripts: bool
) -> None:
    # Not the list that reconcile asks for, at the same path.
    odd = {"status": 400, "type": "invalid-input", "message": "Input is odd"}
    house.sandbox.inject("refused", path="/v2/actors/*/runs", method="POST", **odd)
    failed = house.harvest(f"Failing-{scripts}", f"fiona-{scripts}")
    screen = make_screen(java_script_enabled=scripts)
    screen.open("/")
    matter = screen.main.locator("li", has=screen.page.get_by_role("heading", name=failed["clientId"]))
    matter.get_by_role("link", name="What happened").click()
    status(screen, "Failed")
    why = screen.main.locator(".attention")
    shown(why.get_by_text("What went wrong, and what to do"))
    shown(why.get_by_text("Input is odd"))
    screen.link("Retry").click()
    screen.button("Retry").click()
    shown(screen.notice())
    if not scripts:
        house.ended(failed["clientRunId"])
        screen.page.reload()
    status(screen, "Completed")
    assert house.run(failed["clientRunId"])["metrics"]["postsNew"] > 0
    screen.open("/")
    expect(matter).to_have_count(0)


def test_of_an_actor_run_that_failed_the_page_leads_to_where_its_log_is(screen: Screen, house: House) -> None:
    house.sandbox.inject("run-fail", match="gesa-failed")
    (error,) = house.harvest("Failed-There", "gesa-failed")["errors"]
    screen.open("/runs?status=Completed+with+Errors")
    screen.main.get_by_role("link", name="Failed-There").click()
    there = screen.main.locator(".attention").get_by_role("link", name=error["actorRunId"])
    expect(there).to_have_attribute("href", re.compile(f"^https://console.apify.com/.*{error['actorRunId']}"))
    expect(there).to_have_attribute("rel", "noopener noreferrer")
