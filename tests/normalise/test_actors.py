"""What holds of every actor: one post is one post in whatever shape, and damage is never an exception."""

from __future__ import annotations

import copy
import itertools
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from factories import CLIENT_ID, NOW, make_client, make_run
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from shapes import SHAPES, TOLD, TRUE_POSTS, Shape, Told, TruePost, reposted
from sqlalchemy import func, select
from test_normalise_damage import JSON, check_storable, places

from harvester.apify import Page
from harvester.ledger import Ledger, companions, leads, tables
from harvester.models import Target
from harvester.normalise import ACTORS
from harvester.posts import NameKind, NoPosts, Post, PostForm, PostKind, TimePrecision
from services.attribution import Attribution
from services.reading import read_page
from services.storing import store_page

LEAD = "https://www.linkedin.com/in/odalys-brumfeld"
FIXTURES = Path(__file__).parent / "fixtures"
#: Where they lie, so that each example is parsed once; examples of all actors, for all actors.
EXAMPLES = {
    str(path.relative_to(FIXTURES)): json.loads(path.read_text())
    for path in sorted(FIXTURES.rglob("*.json"))
    if not path.stem.endswith(".expected")
}
PLACES = {name: [path for path in places(item) if path] for name, item in EXAMPLES.items()}
ACTOR_IDS = st.sampled_from(list(ACTORS))
HUGE = st.sampled_from([10**30, -(10**400), 10**4000, 1e308, float("nan"), "9" * 400])
LONE = st.sampled_from(["\ud800", "a\udfffb", "\x00", "https://www.linkedin.com/in/\ud83d"])


def told_by(actor_id: str, item: object) -> Post:
    """Read what must be a post."""
    outcome = ACTORS[actor_id].normalise(item)
    assert isinstance(outcome, Post), outcome
    return outcome


def check_same(post: Post, true: TruePost, told: Told) -> None:
    """Whatever every shape can carry came through it."""
    assert post.text == true.text
    assert post.author.name == true.name
    assert post.author.url in {true.profile, f"{true.profile}/posts"}
    assert (post.likes, post.comments, post.reposts) == (true.likes, true.comments, true.reposts)
    match told.precision, post.posted_precision:
        case TimePrecision.RELATIVE, known:
            assert (known, post.posted_at) == (TimePrecision.RELATIVE, None)
            assert post.extras["posted_ago"] == "2mo"
        case TimePrecision.MILLISECOND, known:
            assert (known, post.posted_at) == (TimePrecision.MILLISECOND, true.moment)
        case _, known:  # told to the second; without its zone that is no better than a day
            assert known in {TimePrecision.SECOND, TimePrecision.DAY}
            assert post.posted_at is not None
            away = post.posted_at - true.moment.replace(microsecond=0)
            assert timedelta(0) <= away <= timedelta(hours=2 if known is TimePrecision.DAY else 0)


@given(TRUE_POSTS, TOLD)
def test_a_post_is_the_same_post_in_every_shape(true: TruePost, told: Told) -> None:
    found = [told_by(actor_id, shape(true, told)) for actor_id, shape in SHAPES]
    for post in found:
        check_same(post, true, told)
        assert post.kind is PostKind.ORIGINAL
        assert post.post_key == post.names[0][1]
        assert {number: kind for kind, number in post.names}.items() <= {
            true.activity: NameKind.ACTIVITY,
            true.number: true.thread,
        }.items()
    shared = set.intersection(*({number for _, number in post.names} for post in found))
    assert shared == {true.activity}


@given(TRUE_POSTS, TRUE_POSTS, TOLD, st.sampled_from(SHAPES))
def test_a_repost_is_the_same_post_whoever_tells_of_it(
    true: TruePost, other: TruePost, told: Told, shape: tuple[str, Shape]
) -> None:
    assume(int(true.activity) < int(other.activity))  # LinkedIn's numbers grow with time
    actor_id, render = shape
    inner = render(true, told)
    item = reposted(actor_id, inner, other, told)
    if item is None:
        return
    post = told_by(actor_id, item)
    check_same(post, true, told)
    assert post.kind is PostKind.REPOST
    assert post.names[0] == (NameKind.ACTIVITY, true.activity)
    assert (NameKind.REPOST, other.activity) in post.names
    assert post.found_under[0] == other.profile
    assert post.extras["reposted_by"] == {"name": other.name, "url": other.profile}


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """An example of any actor with one to four of its parts gone, of another type, or a level deeper."""
    name = draw(st.sampled_from(sorted(EXAMPLES)))
    item = copy.deepcopy(EXAMPLES[name])
    for _ in range(draw(st.integers(1, 4))):
        *way, last = draw(st.sampled_from(PLACES[name]))
        holder = item
        for step in way:
            try:
                holder = holder[step]
            except (KeyError, IndexError, TypeError):
                break
        else:
            _damage(draw, holder, last)
    return item


def _damage(draw: st.DrawFn, holder: Any, last: Any) -> None:
    """Do one of the damages to one part, where that part is still there."""
    if not isinstance(holder, dict if isinstance(last, str) else list):
        return
    if isinstance(holder, list) and last >= len(holder):
        return
    how = draw(st.sampled_from(["gone", "other", "deeper", "huge", "lone"]))
    if how == "gone" and isinstance(holder, dict):
        holder.pop(last, None)
    elif how == "deeper" and isinstance(holder, dict) and last in holder:
        holder[last] = draw(st.sampled_from([{last: holder[last]}, [holder[last]]]))
    else:
        holder[last] = draw({"huge": HUGE, "lone": LONE}.get(how, JSON))


@given(ACTOR_IDS, damaged() | JSON)
@example(
    "apimaestro/linkedin-post-detail", {"post": {"id": 10**5000, "text": 10**5000}, "error": {"\ud800": 1}}
)
@example(
    "supreme_coder/linkedin-post", {"urn": 7.5, "shareUrn": 1e30, "text": "x", "authorType": ["Company"]}
)
@example("apimaestro/linkedin-profile-posts", {"urn": {"activity_urn": True}, "stats": [], "media": [[], {}]})
def test_any_damage_has_an_outcome_whoever_reads_it(actor_id: str, item: Any) -> None:
    before = copy.deepcopy(item)
    check_storable(ACTORS[actor_id].normalise(item))
    assert item == before, "reading changes nothing"


def test_data_nested_deeper_than_python_recurses_has_an_outcome() -> None:
    for key in (
        "reshared_post",
        "resharedPost",
        "repost",
        "media",
        "stats",
        "error",
        "text",
        "author",
        "urn",
    ):
        nested: Any = "end"
        for _ in range(5_000):
            nested = {key: nested, "x": [nested]}
        for actor in ACTORS.values():
            for name in ("apimaestro/quote.json", "apimaestro/detail.json", "supreme_coder/quote.json"):
                assert actor.normalise({**EXAMPLES[name], key: nested}) is not None


def test_whatever_comes_out_can_be_stored(ledger: Ledger) -> None:
    """Pages of damaged items of every actor, on either database: every item is accounted for."""
    make_client(ledger)
    with ledger.write() as tx:
        person: dict[str, Any] = {
            "profile_url": LEAD,
            "given_url": LEAD,
            "name": None,
            "extra": {},
            "created_at": NOW,
        }
        leads.add(tx, CLIENT_ID, [person])
        (lead,) = leads.by_urls(tx, CLIENT_ID, [LEAD])
    (run,) = make_run(ledger, [[lead]])
    attribution = Attribution([Target(lead.id, LEAD, None, 0)])
    places_so_far = itertools.count(step=100)
    rejects = 0

    @given(ACTOR_IDS, st.lists(damaged() | JSON, min_size=1, max_size=20))
    @settings(max_examples=30, deadline=None)
    def stored(actor_id: str, items: list[Any]) -> None:
        nonlocal rejects
        read = read_page(Page(items, next(places_so_far), None), actor_id, attribution)
        within = sum(len(found.post.companions) for found in read.found)
        told = sum(isinstance(ACTORS[actor_id].normalise(item), NoPosts) for item in items)
        assert len(read.found) + len(read.companions) - within + len(read.refused) + told == len(items)
        rejects += len(read.refused)
        keys = {found.post.post_key for found in read.found}
        with ledger.write() as tx:
            store_page(tx, run, read, now=NOW)
            assert set(companions.posts_named(tx, run.client_id, keys)) == keys
            counted = select(func.count()).select_from(tables.rejects)
            assert tx.execute(counted).scalar_one() == rejects

    stored()


@pytest.mark.parametrize(
    ("actor_id", "item"),
    [
        (
            "harvestapi/linkedin-profile-posts",
            {"type": "post", "id": "7401000000000000610", "article": {"link": "http://plain.example/a"}},
        ),
        (
            "apimaestro/linkedin-profile-posts",
            {"urn": "urn:li:activity:7401000000000000610", "article": {"url": "http://plain.example/a"}},
        ),
        (
            "supreme_coder/linkedin-post",
            {"urn": "urn:li:activity:7401000000000000610", "article": {"url": "http://plain.example/a"}},
        ),
    ],
)
def test_an_article_need_not_be_encrypted(actor_id: str, item: dict[str, Any]) -> None:
    post = ACTORS[actor_id].normalise(item)
    assert isinstance(post, Post)
    assert post.extras["article"] == {"url": "http://plain.example/a"}
    assert post.form is PostForm.ARTICLE
