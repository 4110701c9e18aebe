"""Completion: what the shells are given, and that a real bash completes with it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Harvester
from .processes import HARVESTER, REPOSITORY, environment

#: Asks bash's own completion of a command line, as the Tab key does.
COMPLETE = """
source completion.sh
COMP_WORDS=({words}); COMP_CWORD={last}
$(complete -p harvester | sed "s/.*-F \\([^ ]*\\).*/\\1/") harvester
printf "%s\n" "${{COMPREPLY[@]}}"
"""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script_of_its_own(shell: str, harvester: Harvester) -> None:
    script = harvester("completion", shell).stdout
    assert "_HARVESTER_COMPLETE" in script
    assert f"{shell}_complete" in script


def test_no_other_shell_gets_one(harvester: Harvester) -> None:
    harvester("completion", "tcsh", code=2)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["harvester", "ki"], {"kickoff"}),
        (["harvester", "clients", "d"], {"disable"}),
        (["harvester", "runs", "--status", "Comp"], {"Completed", "Completed with Errors"}),
        (["harvester", "runs", "--wa"], {"--watch"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_real_bash_completes(
    words: list[str], wanted: set[str], tmp_path: Path, harvester: Harvester
) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    command = tmp_path / "bin" / "harvester"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} {" ".join(HARVESTER)} "$@"\n')
    command.chmod(0o755)
    (tmp_path / "completion.sh").write_text(harvester("completion", "bash").stdout)
    environ = environment() | {"PYTHONPATH": str(REPOSITORY), "PATH": f"{command.parent}:/usr/bin:/bin"}
    told = subprocess.run(
        [bash, "--norc", "-c", COMPLETE.format(words=" ".join(words), last=len(words) - 1)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environ,
        timeout=90,
        check=True,
    )
    assert set(told.stdout.splitlines()) == wanted, told.stderr
