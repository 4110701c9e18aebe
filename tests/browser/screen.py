"""One browser window, and what went wrong in it without anybody seeing it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pages.operator import PASSWORD
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Locator,
    Page,
    Request,
    expect,
)

from .house import PATIENCE


class Screen:
    """A window on the operations page, with an operator in front of it.

    `complaints` are errors and warnings of the console, which is where Chromium tells of violations of the
    content security policy too; exceptions of scripts; dialogs; and requests to anywhere else.
    """

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.url = url
        self.complaints: list[str] = []
        context.on("request", self._asked)
        self.page: Page = context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        self.page.on("dialog", self._dialog)

    def open(self, path: str, *, status: int = 200) -> None:
        """Go to a page, and see it answered so."""
        answer = self.page.goto(self.url + path)
        assert answer is not None
        assert answer.status == status, f"{path}: {answer.status} {self.text()}"

    def sign_in(self, password: str = PASSWORD, name: str = "Ann") -> None:
        """Fill in the form that is there, and send it."""
        self.page.get_by_label("Your name").fill(name)
        self.page.get_by_label("Password").fill(password)
        self.button("Sign in").click()

    @property
    def path(self) -> str:
        """Where the window is, without the host."""
        return self.page.url.removeprefix(self.url)

    @property
    def main(self) -> Locator:
        """The part of the page that is no frame."""
        return self.page.locator("main")

    def text(self) -> str:
        """Give what the page says."""
        return self.page.locator("body").inner_text()

    def button(self, name: str, **how: Any) -> Locator:
        """Find a button."""
        return self.page.get_by_role("button", name=name, **how)

    def link(self, name: str, **how: Any) -> Locator:
        """Find a link in the main part."""
        return self.main.get_by_role("link", name=name, **how)

    def notice(self, category: str = "good") -> Locator:
        """Find what the page answers to what was done."""
        return self.page.locator(f".notice.{category}")

    def never_refreshes(self) -> None:
        """Keep pages as they came, for who looks at them for longer."""
        self.page.route("**/page.js*", lambda route: route.fulfill(content_type="text/javascript", body=""))

    def forgive(self, status: int) -> None:
        """Forgive Chromium that it complains of an answer with this status, which is right here."""
        self.complaints = [one for one in self.complaints if f"a status of {status} " not in one]

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text} at {self.path}")

    def _dialog(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self.url}/", "data:")):
            self.complaints.append(f"request: {request.url}")


@contextmanager
def screen_of(browser: Browser, url: str, **how: Any) -> Iterator[Screen]:
    """Open a window; `how` is as Playwright's `new_context` takes it. Nothing may have been complained of."""
    context = browser.new_context(**how)
    context.set_default_timeout(PATIENCE * 1_000)
    try:
        screen = Screen(context, url)
        yield screen
        assert screen.complaints == []
    finally:
        context.close()


def shown(locator: Locator) -> None:
    """Wait until something is seen."""
    expect(locator.first).to_be_visible()
