"""Actors on the page: how their outputs stand; pausing one, and letting it go on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from drift.bringing import ACTOR, OTHER_ITEM, Bringing
from web.asking import Web

from .operator import Operator, text_of

OTHER = "supreme_coder/linkedin-post"


def test_an_output_that_has_changed_is_shown_on_every_page_until_a_person_lets_it_go_on(
    page_web: Web, operator: Operator
) -> None:
    bring = Bringing(page_web.ledger, datetime.now(UTC) - timedelta(minutes=10))  # pages tell of the last day
    for _ in range(4):
        bring(15)
    assert "Paused" not in operator.get("/")
    bring(6, 24, item={**OTHER_ITEM, "<b>new</b>": 1})
    page = operator.get("/actors")
    told = text_of(page)
    for words in (
        "Items that became no post 80 % (24 of 30) 0 % (0 of 60) jumped",
        "content another type text in 100% list in 100%",
        "24 refused as unknown_type",
        "<b>new</b> new not there number in 100%",
    ):
        assert words in told
    assert "<b>" not in page
    board = text_of(operator.get("/"))
    assert f"Starts of actor {ACTOR} are paused since" in board
    assert f"Output of {ACTOR}" in board
    paused = {one["actorId"]: one["paused"] for one in page_web.get("/api/actors").json["actors"]}
    assert [(actor, one["pausedBy"]) for actor, one in paused.items() if one] == [(ACTOR, "drift")]
    assert operator.send(f"/actors/{ACTOR}/resume").status_code == 303
    assert "are paused since" not in text_of(operator.get("/"))


def test_a_person_pauses_one_actor_alone_and_is_asked_first(page_web: Web, operator: Operator) -> None:
    assert f"Pause the starts of actor {OTHER}" in operator.get(f"/actors/{OTHER}/pause")
    assert page_web.get("/api/starts").json["starts"]["pauses"] == []
    answer = operator.send(f"/actors/{OTHER}/pause", {"reason": "<i>dear</i>"})
    assert answer.status_code == 303
    (pause,) = page_web.get("/api/starts").json["starts"]["pauses"]
    assert (pause["actorId"], pause["clientId"], pause["reason"]) == (OTHER, None, "<i>dear</i>")
    page = operator.get("/actors")
    assert f'href="/actors/{OTHER}/resume"' in page
    assert f'href="/actors/{ACTOR}/pause"' in page
    assert "<i>" not in page
    operator.get("/actors/nobody/nothing/pause", status=404)


def test_an_order_names_a_client_or_an_actor(page_web: Web) -> None:
    both = {"actorId": ACTOR, "clientId": "Guy-Wilson"}
    for body, code in ((both, "invalid_body"), ({"actorId": "a/b"}, "unknown_actor"), ({"actorId": 1}, None)):
        answer = page_web.post("/api/starts/pause", body)
        assert answer.status_code == 400, answer.text
        assert code in (None, answer.json["code"])
    assert page_web.post("/api/starts/resume", {"actorId": ACTOR}).json["lifted"] is False
