"""How much memory this process may take, held by the kernel."""

from __future__ import annotations

import resource


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
