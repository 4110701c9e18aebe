"""An actor of one profile a run: whose an item is that names nobody, and whom it cannot be asked for."""

from factories import NOW

from harvester.apify import Page
from harvester.ledger import leads
from harvester.models import Target
from services.attribution import Attribution
from services.reading import PageRead, read_page

from .conftest import MakeStage

ACTOR = "apimaestro/linkedin-profile-posts"


def test_a_company_is_given_up_without_a_call(make_any_stage: MakeStage) -> None:
    stage = make_any_stage(apify_actor_id=ACTOR)
    client_id = stage.agency()
    url = "https://www.linkedin.com/company/vell-orchards"
    with stage.ledger.write() as tx:
        row: dict[str, object] = {
            "profile_url": url,
            "given_url": url,
            "name": None,
            "extra": {},
            "created_at": NOW,
        }
        leads.add(tx, client_id, [row])
    run = stage.finish(stage.kickoff(client_id))
    assert run["status"] == "Failed"
    assert [error["code"] for error in run["errors"]] == ["not_a_member"]
    assert (stage.row()["state"], stage.row()["apify_run_id"]) == ("failed", None)
    assert sum(stage.sandbox.ledger().runs_by_status.values()) == 0


def read_of(*handles: str) -> PageRead:
    """Read one error item that names nobody, in an actor run of these profiles."""
    targets = [
        Target(number, f"https://www.linkedin.com/in/{handle}", None, 0)
        for number, handle in enumerate(handles, start=7)
    ]
    return read_page(Page([{"error": "Failed to fetch the posts"}], 0, 1), ACTOR, Attribution(targets))


def test_an_error_item_that_names_nobody_is_of_the_only_profile() -> None:
    assert [refused.lead_id for refused in read_of("ann").refused] == [7]
    assert [refused.lead_id for refused in read_of("ann", "bob").refused] == [None]
