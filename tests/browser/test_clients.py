"""Clients in a browser: made, given leads from a file, and all of a stream harvested in one click."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from .conftest import MakeScreen
from .house import House
from .screen import Screen, shown

_STREAM = "77"
_GOOD = "linkedin_profile_url,name\nhttps://www.linkedin.com/in/marta-made-{0},Marta\n"
_ODD = "https://example.org/nobody,<b>Nobody</b>\n"


def given(screen: Screen, text: str) -> None:
    """Choose a file with this text, and send it."""
    file: Any = {"name": "leads.csv", "mimeType": "text/csv", "buffer": text.encode()}
    screen.page.get_by_label("File").set_input_files(file)
    screen.button("Import").click()


@pytest.mark.parametrize("scripts", [True, False], ids=["JavaScript", "no JavaScript"])
def test_a_client_is_made_given_leads_and_harvested_with_its_stream(
    make_screen: MakeScreen, house: House, scripts: bool
) -> None:
    client_id, screen = f"Made-{scripts}", make_screen(java_script_enabled=scripts)
    screen.open("/clients")
    screen.link("New client").click()
    for label, value in {"Client ID": client_id, "Name": "Made & Sons", "Time zone": "Mars/Olympus"}.items():
        screen.page.get_by_label(re.compile(f"^{label}")).fill(value)
    screen.page.get_by_label(re.compile("^Stream")).fill(_STREAM)
    screen.button("Add").click()
    zone = screen.page.get_by_label(re.compile("^Time zone"))
    expect(zone).to_have_attribute("aria-invalid", "true")
    screen.forgive(400)
    zone.fill("Europe/London")
    screen.button("Add").click()
    expect(screen.page).to_have_url(f"{house.url}/clients/{client_id}")
    shown(screen.page.get_by_role("heading", name="Made & Sons"))

    screen.link("Import leads").click()
    given(screen, _GOOD.format(scripts) + _ODD)
    shown(screen.main.get_by_text("1 lead added, 0 known before, 1 row refused"))
    shown(screen.main.get_by_role("region", name="Rows that were refused").get_by_text("3"))
    given(screen, _GOOD.format(scripts))
    shown(screen.notice().filter(has_text="0 leads added, 1 known before"))

    screen.open("/")
    screen.link("Harvest all clients").click()
    screen.page.get_by_label("Only this stream").fill(_STREAM)
    screen.button("Look again").click()
    expect(screen.page).to_have_url(re.compile(f"stream={_STREAM}"))
    screen.button("Process").click()
    shown(screen.notice())
    (run,) = house.rows(f"/api/runs?clientId={client_id}", "runs")
    assert house.ended(run["clientRunId"])["status"] == "Completed"
    screen.open(f"/jobs/{run['runId']}")
    screen.link(run["clientRunId"]).click()
    shown(screen.main.locator(".head .state", has_text="Completed"))
