"""The demo's folder: emptied for each demo, and nothing is ever deleted that no demo made."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harvester.errors import HarvesterError

_MARK = ".made-by-harvester-demo"


@contextmanager
def own_folder(folder: Path) -> Iterator[Path]:
    """Give the folder, empty and absolute, for one demo at a time.

    Raises `HarvesterError` if it holds anything and no demo made it, or if a demo runs in it.
    """
    mark = folder / _MARK
    if folder.is_dir() and any(folder.iterdir()) and not mark.is_file():
        raise HarvesterError(f"{folder} is not empty and no demo made it: name another one with --folder")
    folder.mkdir(parents=True, exist_ok=True)
    with mark.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HarvesterError(
                f"a demo runs in {folder} already: end it, or name another one with --folder"
            ) from None
        _empty(folder, mark)
        yield folder.resolve()


def _empty(folder: Path, mark: Path) -> None:
    for entry in folder.iterdir():
        if entry == mark:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()
