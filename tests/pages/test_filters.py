"""Which addresses of posts and profiles become links."""

from __future__ import annotations

import pytest

from routes.pages.filters import linkedin


@pytest.mark.parametrize(
    "url",
    [
        "https://www.linkedin.com/in/ann",
        "https://linkedin.com/posts/x-1",
        "https://uk.linkedin.com/in/bj%C3%B6rn?x=1#y",
    ],
)
def test_an_address_of_linkedins_is_a_link(url: str) -> None:
    assert linkedin(url) == url


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "javascript:alert(1)//https://www.linkedin.com",
        "data:text/html,<script>",
        "http://www.linkedin.com/in/ann",
        "https://evil.com\\.linkedin.com/in/x",
        "https://evil.com/.linkedin.com",
        "https://evil.com;.linkedin.com/",
        "https://linkedin.com.evil.com/",
        "https://notlinkedin.com/",
        "https://www.linkedin.com@evil.com/",
        "https://ann@www.linkedin.com/",
        "https://www.linkedin.com\n.evil.com/",
        "https://[::1/",
        "//www.linkedin.com/in/ann",
    ],
)
def test_nothing_else_is(url: str | None) -> None:
    assert linkedin(url) is None
