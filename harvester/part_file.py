"""A file that appears under its name when it is whole, or not at all."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from harvester.errors import HarvesterError

#: What SQLite keeps beside a file while it is in use, or after a crash.
_BESIDE: Final = ("-journal", "-wal", "-shm")
#: They wait until a part that was made can be removed again.
_STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Refused(HarvesterError):
    """A file is in the way. It was left as it is."""


class CannotMake(HarvesterError):
    """A file cannot be made where it was asked for."""


@contextmanager
def whole_or_not_at_all(file: Path, *, force: bool = False) -> Iterator[Path]:
    """Lend an empty file `FILE.part`, for its owner's eyes alone, that takes the name `file` at the end.

    Whatever is raised meanwhile removes it. After a kill it stays, and the next one takes it over. Raises
    `CannotMake`, and `Refused` if there is a file already and no `force`, or another process is at the same.
    """
    file = _led_to(file)
    part = file.with_name(f"{file.name}.part")
    _refuse(file, force=force)
    held: int | None = None
    try:
        with _not_stopped():
            held = _held(part)
        _refuse(file, force=force)  # once more, now that nobody else is at it
        _emptied(part, held)
        yield part
        os.fsync(held)
        part.replace(file)
        _remember_name(file.parent)
    except BaseException:
        if held is not None:
            _removed(part)
        raise
    finally:
        if held is not None:
            # Not before SQLite is done with the file: closing any descriptor of it lets go of SQLite's locks.
            os.close(held)


@contextmanager
def _not_stopped() -> Iterator[None]:
    """Let signals that stop us wait. A mask would not do: of several threads, another may be told."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    with ExitStack() as after:
        after.callback(_stopped_by, came)
        for number in _STOPPING:
            before = signal.getsignal(number)
            after.callback(signal.signal, number, before if before is not None else signal.SIG_DFL)
            signal.signal(number, lambda number, _frame: came.append(number))
        yield


def _stopped_by(came: list[int]) -> None:
    for number in came:
        signal.raise_signal(number)


def _led_to(file: Path) -> Path:
    """Follow a link: what it leads to is replaced, and the link stays."""
    try:
        found = file.resolve() if file.is_symlink() else file
    except RuntimeError:  # what Python before 3.13 raises
        raise CannotMake(f"{file} is a link that leads back to itself") from None
    if not found.name:  # an empty path, or the root
        raise CannotMake(f"{str(file)!r} names no file")
    return found


def _held(part: Path) -> int:
    """Open the part for this process alone, and make sure that it still has its name."""
    while True:
        held = _made(part)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if part.exists() and os.path.samestat(os.fstat(held), part.stat()):
                return held
        except BlockingIOError:
            os.close(held)
            raise Refused(f"another process is writing {part}") from None
        os.close(held)


def _made(part: Path) -> int:
    try:
        return os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise CannotMake(f"{part} cannot be made: {error.strerror}") from error


def _refuse(file: Path, *, force: bool) -> None:
    if file.exists() and not file.is_file():
        raise Refused(f"{file} is no regular file: name another")
    if file.exists() and not force:
        raise Refused(f"{file} exists: name another file, or give --force to replace it")
    for ending in ("-journal", "-wal"):
        if (beside := file.with_name(file.name + ending)).exists():
            raise Refused(
                f"{beside} belongs to what is or was {file.name}, and would spoil the new one: "
                "end whoever uses it, or name another file"
            )


def _emptied(part: Path, held: int) -> None:
    os.ftruncate(held, 0)
    os.fchmod(held, 0o600)
    _removed_beside(part)


def _removed(part: Path) -> None:
    part.unlink(missing_ok=True)
    _removed_beside(part)


def _removed_beside(part: Path) -> None:
    for ending in _BESIDE:
        part.with_name(part.name + ending).unlink(missing_ok=True)


def _remember_name(folder: Path) -> None:
    """Have the new name on disk, too."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
