"""`docs/adding-an-actor.md`, carried out to the letter in a copy of this repository."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cli.processes import environment
from gateway import TOKEN, ended, start

from harvester.apify import Apify
from harvester.sandbox.apify import SandboxApify

ROOT = Path(__file__).parents[2]
RECIPE = (ROOT / "docs" / "adding-an-actor.md").read_text()
ACTOR = "acme/linkedin-feed"
COPIED = ("harvester", "services", "routes", "scripts", "tests", ".ci")
_BLOCK = re.compile(r"```\w+ file=(\S+)\n(.*?)```", re.DOTALL)

pytestmark = pytest.mark.slow


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the repository, with everything in it that the recipe says to write."""
    for name in COPIED:
        skipped = shutil.ignore_patterns("__pycache__", ".hypothesis")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=skipped)
    (tmp_path / "docs").mkdir()
    for name in ("pyproject.toml", "docs/adding-an-actor.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    written = dict(_BLOCK.findall(RECIPE))
    registry = tmp_path / "harvester" / "normalise" / "__init__.py"
    import_line, entry = written.pop("harvester/normalise/__init__.py").splitlines()
    for name, content in written.items():
        (tmp_path / name).write_text(content)
    registry.write_text(registered(registry.read_text(), import_line, entry))
    return tmp_path


def registered(source: str, import_line: str, entry: str) -> str:
    """Put the recipe's two lines where it says: an import beside the others, the actor first in `ACTORS`."""
    imported = source.replace(
        "\nfrom harvester.normalise.actor", f"\n{import_line}\nfrom harvester.normalise.actor", 1
    )
    found = re.sub(r"(?s)(ACTORS = .*?for actor in \()", rf"\1{entry} ", imported, count=1)
    assert found.count(entry) == found.count(import_line) == 1
    return found


def carried_out(copy: Path, *arguments: str, **settings: str) -> str:
    """Run a command of the recipe in the copy."""
    environ = environment(PYTHONPATH=str(copy), **settings) | {"PATH": os.environ["PATH"]}
    ran = subprocess.run(
        [sys.executable, *arguments], cwd=copy, env=environ, capture_output=True, text=True, timeout=110
    )
    assert ran.returncode == 0, ran.stdout[-4_000:] + ran.stderr[-4_000:]
    return ran.stdout


def test_the_recipe_adds_an_actor(copy: Path) -> None:
    folder = copy / "tests" / "normalise" / "fixtures" / "acme"
    written = ("scripts/record_fixture.py", "--file", "page.json", "--to", str(folder), "--expect", ACTOR)
    carried_out(copy, *written)
    post, refused = (json.loads(path.read_text()) for path in sorted(folder.glob("*.expected.json")))
    original, _ = json.loads((copy / "page.json").read_text())
    assert (refused["outcome"], refused["reason"]) == ("Reject", "error_item")
    assert post["outcome"] == "Post"
    assert [kind for kind, _ in post["names"]] == ["activity", "ugcPost"]
    assert (post["likes"], post["comments"], post["reposts"]) == (41, 6, None)
    assert (post["form"], post["posted_precision"]) == ("images", "second")
    assert len(post["text"].split()) == len(original["body"].split())
    said = carried_out(
        copy,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/normalise",
        "-m",
        "not slow",
        "-k",
        "acme",
    )
    assert re.search(r"\b[1-9][0-9]* passed", said), said


def test_the_new_actor_s_dataset_is_read_without_paying(copy: Path, sqlite_url: str) -> None:
    with SandboxApify(token=TOKEN, time_scale=1000) as sandbox:
        apify = Apify(token=TOKEN, api_url=sandbox.url, timeout_seconds=5)
        run = ended(apify, start(apify, "odalys-brumfeld"))
        sandbox.put_items(run.id, json.loads((copy / "page.json").read_text()))
        settings = {"DATABASE_URL": sqlite_url, "APIFY_API_URL": sandbox.url, "APIFY_TOKEN": TOKEN}

        def harvester(*arguments: str) -> str:
            return carried_out(copy, "-m", "harvester.cli", *arguments, **settings)

        harvester("clients", "add", "Guy-Wilson", "--name", "Guy Wilson")
        (copy / "leads.csv").write_text("linkedin_profile_url\nhttps://www.linkedin.com/in/odalys-brumfeld\n")
        harvester("leads", "import", "leads.csv", "--client", "Guy-Wilson")
        harvester("clients", "set", "Guy-Wilson", "--actor", ACTOR)
        asked = ("backfill", "--dataset", run.dataset_id or "", "--client", "Guy-Wilson", "--actor", ACTOR)
        harvester(*asked)
        assert json.loads(harvester("posts", "--format", "json")) == []
        harvester(*asked, "--apply")
        (post,) = json.loads(harvester("posts", "--format", "json"))
        assert post["postKey"] == "7400000000000000123"
        assert len(sandbox.ledger().starts) == 1
