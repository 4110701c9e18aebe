"""What is read at once is what a search would have found."""

from hypothesis import example, given
from hypothesis import strategies as st

from harvester.normalise.urns import any_name, urn_name, urn_or_bare
from harvester.posts import NameKind

NUMBERS = st.integers(0, 10**20).map(str) | st.integers(10**18, 10**19 - 1).map(str)
PIECES = st.sampled_from(
    [
        "urn:li:",
        "activity",
        "ugcPost",
        "share",
        "-activity-",
        "-share-",
        ":",
        "-",
        "/",
        "?",
        "%3A",
        "_gfJ",
        "²",
    ]
)


@given(st.lists(PIECES | NUMBERS, max_size=8).map("".join))
@example(
    "https://www.linkedin.com/posts/a_b-activity-7400000000000000001-_gfJ?x=urn:li:share:7400000000000000002"
)
@example("7400000000000000001")
@example("urn:li:activity:0400000000000000001")
@example("x-activity-7400000000000000001-share-7400000000000000002")
def test_the_short_way_leads_to_the_same_name(text: str) -> None:
    found = any_name(text)
    assert urn_or_bare(text) == found
    assert urn_name(text) == (None if found is None or found[0] is NameKind.OWN else found)
