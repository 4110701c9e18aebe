"""What the doctor says of one thing that it has looked at, and how a look says that it is not well."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harvester import log
from harvester.errors import HarvesterError

#: Tells what it found, or raises what is wrong.
Look = Callable[[], str]
#: What is looked at by its name, each with what to do when it is not well.
Looks = dict[str, tuple[Look, str]]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `remedy` is empty when it is well."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


class NotWell(HarvesterError):
    """What was looked at is not as it should be. `remedy`, if there is one, goes before that of the look."""

    def __init__(self, detail: str, remedy: str = "") -> None:
        super().__init__(detail)
        self.remedy = remedy


def looked(name: str, look: Look, remedy: str) -> Finding:
    """Look, and say what was found; whatever goes wrong is a finding, too."""
    try:
        return Finding(name, True, _told(look()))
    except NotWell as error:
        return Finding(name, False, _told(str(error)), error.remedy or remedy)
    except Exception as error:  # whatever it is, it is what the reader wants to know
        detail = str(error) if isinstance(error, HarvesterError) else f"{type(error).__name__}: {error}"
        return Finding(name, False, _told(detail), remedy)


def _told(text: str) -> str:
    """Others wrote some of it: one line, and no token."""
    return log.redact(log.one_line(text))[:500]
