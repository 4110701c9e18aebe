"""Each promise of `SECURITY.md` names rows of the table of threats, and each row serves a promise."""

from __future__ import annotations

import re

from harvester.cli import main

from . import supply, threats


def section(title: str) -> str:
    """The text under a heading of `SECURITY.md`."""
    return supply.text("SECURITY.md").split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_every_promise_names_its_rows_and_every_row_is_promised() -> None:
    promises = re.findall(r"^- (?:.|\n(?!-|\n))+", section("What is promised"), re.MULTILINE)
    assert len(promises) > 8
    named = [set(re.findall(r"\bT\d+\b", promise)) for promise in promises]
    assert all(named)
    assert set().union(*named) == {threat.id for threat in threats.THREATS}


def test_links_and_commands_lead_somewhere() -> None:
    text = supply.text("SECURITY.md")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links
    for link in links:
        file, _, anchor = link.partition("#")
        headings = re.findall(r"^#+ (.+)$", supply.text(file), re.MULTILINE)
        assert not anchor or anchor in {re.sub(r"\W+", "-", heading.lower()) for heading in headings}
    commands = set(re.findall(r"`harvester ([a-z][a-z-]*)`", text))
    assert commands
    assert commands <= set(main.commands)
    targets = set(re.findall(r"`make ([a-z]+)`", text))
    assert targets <= set(re.findall(r"^([a-z]+):", supply.text("Makefile"), re.MULTILINE))
