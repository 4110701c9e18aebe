"""What our processes leave on disk: where, and for whose eyes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from cli.processes import HARVESTER, Processes, environment, free_port, processes_in, until_ready
from click.testing import CliRunner

from harvester.cli import main

pytestmark = pytest.mark.slow


def _made_in(folder: Path) -> dict[str, int]:
    """Give what is in a folder, but for the output of the processes, and its permissions."""
    found = (path for path in folder.rglob("*") if path.suffix != ".log" and not path.is_socket())
    return {str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode) for path in found}


def _run_all(processes: Processes, environ: dict[str, str]) -> None:
    """Make a ledger, a client and a backup, serve, work, and ask for something."""
    add = ("clients", "add", "Guy-Wilson", "--name", "Guy Wilson")
    for command in (("migrate",), add, ("backup", "var/backup.db")):
        code, output = processes.run(*HARVESTER, *command, environ=environ)
        assert code == 0, output
    port = free_port()
    processes.start(*HARVESTER, "serve", "--port", str(port), environ=environ)
    processes.start(*HARVESTER, "worker", environ=environ)
    until_ready(f"http://127.0.0.1:{port}")


def test_files_are_for_their_own_user_alone_and_nowhere_but_in_var(tmp_path: Path) -> None:
    """The ledger, the queue, a backup, what is counted; the rest of the disk may be read-only."""
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    before = os.umask(0o022)  # what a shell has
    try:
        with processes_in(home) as processes:
            environ = environment(HOME=home, TMPDIR=temporary)
            _run_all(processes, environ)
            made = _made_in(home)
            passing = _made_in(temporary)
    finally:
        os.umask(before)
    assert {"var", "var/harvester.db", "var/backup.db"} <= set(made)
    assert len(made) > 4, "the queue has a file too"
    assert not [name for name in made if not (name + "/").startswith("var/")]
    assert not {name: oct(mode) for name, mode in (made | passing).items() if mode & 0o077}


def test_a_command_leaves_the_mask_of_files_as_it_was() -> None:
    """It is a process of its own but where it is called from Python, as here."""
    before = os.umask(0o027)
    try:
        assert CliRunner().invoke(main, ["hash-password"], input="a password\n").exit_code == 0
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
