from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from apify_client import ApifyClient

from harvester.sandbox.apify import SandboxApify

from .receiver import Receiver

ACTOR = "harvestapi/linkedin-profile-posts"


@pytest.fixture
def apify() -> Iterator[SandboxApify]:
    """Runs take 0.1 s; an Apify minute takes 0.05 s."""
    with SandboxApify(token="t0ken", seed=7, time_scale=1200.0, run_seconds=0.1) as sandbox:
        yield sandbox


@pytest.fixture
def client(apify: SandboxApify) -> ApifyClient:
    return ApifyClient("t0ken", api_url=apify.url, api_public_url=apify.url, max_retries=0)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


@pytest.fixture
def start(client: ApifyClient) -> Callable[..., Any]:
    """Start a run over some handles."""

    def begin(
        *handles: str, max_posts: int | None = 2, extra: dict[str, Any] | None = None, **how: Any
    ) -> Any:
        given = {
            "targetUrls": [f"https://www.linkedin.com/in/{handle}" for handle in handles],
            **(extra or {}),
        }
        given |= {} if max_posts is None else {"maxPosts": max_posts}
        return client.actor(ACTOR).start(run_input=given, **how)

    return begin


@pytest.fixture
def finish(client: ApifyClient) -> Callable[[str], Any]:
    """The run, once it has ended."""

    def wait(run_id: str) -> Any:
        return client.run(run_id).wait_for_finish()

    return wait


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Count the sandbox's own tests among the slow ones: they wait for its clock."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
