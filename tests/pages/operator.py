"""An operator's browser without a browser: Flask's test client, sending forms as the pages make them."""

from __future__ import annotations

import re
from functools import cache
from html import unescape
from typing import Any

from argon2 import PasswordHasher
from web.asking import Web

PASSWORD = "correct horse battery staple"
SECRET_KEY = "a-key-of-sessions-that-is-long-enough"
_FIELD = re.compile("<input[^>]*>")
_ATTRIBUTE = re.compile('(name|value|type)="([^"]*)"')


@cache
def password_hash() -> str:
    """Hash the password, cheaply."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


def page_settings() -> dict[str, Any]:
    """Give the settings that the operations page needs."""
    return {"operator_password_hash": password_hash(), "secret_key": SECRET_KEY}


class Operator:
    """One browser."""

    def __init__(self, web: Web, name: str = "Ann") -> None:
        self.web = web
        self.name = name
        self.http = web.app.test_client()

    def get(self, path: str, *, status: int = 200) -> str:
        """Open a page, following redirects; give its HTML."""
        answer = self.http.get(path, headers={"Accept": "text/html"}, follow_redirects=True)
        assert answer.status_code == status, (path, answer.status_code, answer.text)
        return answer.text

    def sign_in(self, password: str = PASSWORD) -> Any:
        """Sign in by the form."""
        return self.send("/login", {"name": self.name, "password": password})

    def send(self, path: str, fields: dict[str, str] | None = None, *, form: str | None = None) -> Any:
        """Open the page that has a form (by default at the address it is sent to), and send it."""
        page = self.http.get(form or path, headers={"Accept": "text/html"}).text
        inputs = [dict(_ATTRIBUTE.findall(found)) for found in _FIELD.findall(page)]
        hidden = {one["name"]: unescape(one["value"]) for one in inputs if one.get("type") == "hidden"}
        return self.http.post(path, data={**hidden, **(fields or {})}, headers={"Accept": "text/html"})


def text_of(page: str) -> str:
    """Give what a page says, without its marks, each blank once."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())
