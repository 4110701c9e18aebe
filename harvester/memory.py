"""How much memory this process may take, held by the kernel, and what of it is looked through for garbage."""

from __future__ import annotations

import gc
import resource
from typing import Final

#: New objects between two looks for garbage. A page of a dataset is some 60,000; each look stops everything.
_NEW_OBJECTS: Final = 20_000


def settled() -> None:
    """Take what is there now for lasting. For a process that has made all that it needs, and begins its work.

    Python would look through all of it again and again: a fifth of the processor time of an ingest.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, 20, 20)


def limit(megabytes: int) -> None:
    """Let this process have so much memory of its own at the most, in megabytes; 0 for as much as there is.

    Beyond, Python raises `MemoryError`. It counts what the process may write to: a worker at rest has some
    200 MB, a third of which is stacks of threads that nobody has touched. `RLIMIT_AS` would not do: it counts
    a gigabyte of the same worker, for glibc reserves 64 MB of addresses for each thread. A limit that was
    set from outside, and is lower, stays.
    """
    if megabytes == 0:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = [megabytes * 2**20, *(bound for bound in (soft, hard) if bound != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_DATA, (min(wanted), hard))
