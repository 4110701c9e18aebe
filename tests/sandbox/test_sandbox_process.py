"""The sandbox as a process of its own."""

import re
import signal
import subprocess
import sys
import time
from urllib.request import urlopen

import pytest


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_ends_cleanly(how: signal.Signals) -> None:
    command = [
        sys.executable,
        "-m",
        "harvester.sandbox.apify",
        "--port",
        "0",
        "--token",
        "t",
        "--run-seconds",
        "30",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"Sandbox Apify on (http://127\.0\.0\.1:\d+)\n", line)
        assert found, line
        with urlopen(f"{found.group(1)}/v2/users/me?token=t", timeout=10) as response:
            assert response.status == 200
        started = f"{found.group(1)}/v2/acts/harvestapi~linkedin-profile-posts/runs?token=t&method=POST"
        with urlopen(started, timeout=10) as response:
            assert response.status == 201
        began = time.monotonic()
        process.send_signal(how)
        rest, errors = process.communicate(timeout=10)
        assert (process.returncode, rest, errors) == (0, "", "")
        assert time.monotonic() - began < 2.0
