"""The threats that this service is built against: what holds each off, and the tests that prove it.

`docs/security.md` has its table from here. A proof names a test and, in `disarmed.py`, the way to take the
control away that it proves; `test_every_control.py` takes each away, and demands that its tests fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from security import access, hostile_input, money, outgoing, reach, secrets, supply, tenants
from security.rows import Proof, Threat

#: In the order of the table.
THREATS: Final[tuple[Threat, ...]] = tuple(
    sorted(
        (
            *access.THREATS,
            *reach.THREATS,
            *tenants.THREATS,
            *hostile_input.THREATS,
            *money.THREATS,
            *outgoing.THREATS,
            *secrets.THREATS,
            *supply.THREATS,
        ),
        key=lambda threat: int(threat.id.removeprefix("T")),
    )
)


@dataclass(frozen=True, slots=True)
class Trial:
    """A control that is taken away, and the tests that must fail then."""

    without: str
    tests: tuple[str, ...]


def trials() -> Iterator[Trial]:
    """Give each control that can be taken away, once, with all tests that prove it."""
    proofs = [proof for threat in THREATS for proof in threat.proofs]
    for without in dict.fromkeys(proof.without for proof in proofs):
        yield Trial(without, tuple(dict.fromkeys(p.test for p in proofs if p.without == without)))


def table() -> str:
    """Give the table of `docs/security.md`."""
    head = "| | threat | control | proved by |\n|---|---|---|---|\n"
    return head + "".join(f"| {t.id} | {t.name} | {t.control} | {_proofs(t.proofs)} |\n" for t in THREATS)


def _proofs(proofs: tuple[Proof, ...]) -> str:
    return "<br>".join(dict.fromkeys(f"`{proof.test.removeprefix('tests/')}`" for proof in proofs))


if __name__ == "__main__":
    print(table(), end="")
