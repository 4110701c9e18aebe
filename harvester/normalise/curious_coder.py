"""The items of curious_coder/linkedin-post-search-scraper: posts as supreme_coder's, with flat authors.

It tells no profile that it was given: who wrote a post is whose activity it was in. Counts come only where
`deepScrape` was on.
"""

from __future__ import annotations

from typing import Final

from harvester.normalise import supreme_coder
from harvester.normalise.actor import Actor

POST_SEARCH: Final = Actor(
    "curious_coder/linkedin-post-search-scraper",
    supreme_coder.normalise,
    None,
    "it needs the cookie of a LinkedIn account, which is never asked for here; "
    "its past runs can be read in with harvester backfill",
)
