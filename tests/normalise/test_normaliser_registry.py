"""Which normaliser reads which actor's items."""

import pytest

from harvester.errors import InvalidInput
from harvester.normalise import ACTORS, actor_of
from harvester.normalise.harvestapi import normalise


@pytest.mark.parametrize(
    "actor_id",
    [
        "harvestapi/linkedin-profile-posts",
        "harvestapi~linkedin-profile-posts",
        " HarvestAPI/linkedin-profile-posts",
    ],
)
def test_an_actor_is_known_by_either_form_of_its_name(actor_id: str) -> None:
    assert actor_of(actor_id).normalise is normalise


@pytest.mark.parametrize("actor_id", ["", "harvestapi", "somebody/else", "harvestapi~linkedin~profile-posts"])
def test_an_unknown_actor_is_refused_with_those_that_are_known(actor_id: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        actor_of(actor_id)
    assert refusal.value.code == "unknown_actor"
    assert all(known in str(refusal.value) for known in ACTORS)
