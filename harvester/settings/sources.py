"""Where values come from: the environment, then `.env`, and files named by `X_FILE` for a secret `X`.

pydantic-settings would read `.env` with `${...}` filled in from the environment, which damages secrets, and
would pass over lines that it cannot parse; here a line that counts for nothing is a problem.
"""

from __future__ import annotations

import difflib
import io
from collections.abc import Collection, Mapping
from pathlib import Path

from dotenv.parser import Binding, parse_stream

from harvester.settings.problems import Problem

#: More than any secret has; reading stops there, whatever `X_FILE` names.
_MAX_FILE_BYTES = 65_536
#: Of `difflib`: near enough to find APIFY_API_TOKEN for APIFY_TOKEN, not to mistake DATABASE_URL_TEST.
_NEAR_MISS = 0.84


class Sources:
    """Gathers what is given for `names`; `problems` tells of what cannot be read. Empty counts as unset."""

    def __init__(self, names: Collection[str], secrets: Collection[str]) -> None:
        self.problems: list[Problem] = []
        self._secrets = secrets
        self._known = [*names, *(f"{name}_FILE" for name in secrets)]
        self._given: dict[str, str] = {}

    def add_env_file(self, path: Path) -> None:
        """Add the assignments of a `.env` file; one that does not exist has none."""
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            self._complain(
                str(path), f"it cannot be read: {_reason(error)}", "Make it a readable file in UTF-8."
            )
            return
        for binding in parse_stream(io.StringIO(text)):
            self._add_binding(path, binding)

    def add_environment(self, environ: Mapping[str, str]) -> None:
        """Add the environment, which beats what was added before; it is shared, so unknown names pass."""
        self._given |= {
            name: value.strip() for name in self._known if (value := environ.get(name, "")).strip()
        }

    def values(self) -> dict[str, str]:
        """Return the value of each setting that is given, secrets from their files included."""
        values = {name: value for name, value in self._given.items() if name in self._known}
        for secret in self._secrets:
            path = values.pop(f"{secret}_FILE", None)
            if path is not None and secret in values:
                self._complain(secret, f"it is set, and so is {secret}_FILE", "Set one of the two.")
            elif path is not None and (text := self._read_secret(secret, path)):
                values[secret] = text
        return values

    def _add_binding(self, path: Path, binding: Binding) -> None:
        name, value = binding.key, (binding.value or "").strip()
        if binding.error or (name and binding.value is None):
            remedy = "Write NAME=value, with quotes closed on the same line."
            self._complain(f"{path} line {_line(binding)}", "it is no assignment", remedy)
        elif name in self._known:
            self._given |= {name: value} if value else {}
        elif name and (near := difflib.get_close_matches(name.upper(), self._known, n=1, cutoff=_NEAR_MISS)):
            self._complain(
                name,
                f"it stands in {path} and is no setting",
                f"Did you mean {near[0]}? If not, remove the line.",
            )

    def _read_secret(self, secret: str, path: str) -> str:
        name, remedy = f"{secret}_FILE", "Name a readable text file that holds the secret alone."
        try:
            with Path(path).open("rb") as file:
                text = file.read(_MAX_FILE_BYTES).decode().strip()
        except (OSError, ValueError) as error:
            self._complain(name, f"it names a file that cannot be read: {_reason(error)}", remedy)
            return ""
        if not text:
            self._complain(name, "it names an empty file", remedy)
        return text

    def _complain(self, name: str, problem: str, remedy: str) -> None:
        self.problems.append(Problem(name, problem, remedy))


def _line(binding: Binding) -> int:
    """The parser counts from the blank lines that come before, which it takes to belong to the binding."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _reason(error: OSError | ValueError) -> str:
    """Without the path, which is the secret itself where someone put it into `X_FILE` by mistake."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    return (isinstance(error, OSError) and error.strerror) or "its name is no path"
