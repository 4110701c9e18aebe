"""Packages are pinned, named for a reason, used, and come from no place that a file here names."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from . import supply

OURS = ("harvester/", "services/", "routes/", "wsgi.py", "gunicorn.conf.py")
#: What is used without an import: a file and the words there.
USED_AS = {
    "bandit": ("Makefile", "/bandit "),
    "build": (".ci/wheel", "-m build "),
    "cyclonedx-bom": (".ci/bill.py", '"cyclonedx_py"'),
    "import-linter": ("Makefile", "/lint-imports"),
    "isal": ("harvester/packed.py", "from isal import "),
    "mypy": ("Makefile", "/mypy"),
    "pip-audit": (".ci/audit.py", '"pip_audit"'),
    "pytest-timeout": ("pyproject.toml", "timeout = "),
    "ruff": ("Makefile", "/ruff check"),
    "setuptools": ("pyproject.toml", "setuptools.build_meta"),
    "tzdata": ("harvester/cron.py", "zoneinfo"),
}
#: Where packages come from, and files that say so for others.
HOSTS = (
    r"https?://\S*(pypi|pythonhosted|anaconda|npmjs|unpkg|jsdelivr|crates\.io)"
    r"|--(extra-)?index-url[ =]|find-links"
)
LOCKS = (
    "poetry.lock",
    "uv.lock",
    "Pipfile.lock",
    "pylock.toml",
    "package-lock.json",
    "yarn.lock",
    "pip.conf",
    ".npmrc",
)
PLANTED = """
import hashlib, pickle, subprocess
def open_door(text, cursor):
    subprocess.run(text, shell=True)
    cursor.execute("select * from posts where id = '%s'" % text)
    return pickle.loads(text), hashlib.md5(text)
"""


def project() -> dict[str, Any]:
    return tomllib.loads(supply.text("pyproject.toml"))


def groups() -> dict[str, list[Requirement]]:
    """What `pyproject.toml` asks for: by extra, `` for the product itself, `build` for what builds it."""
    found = project()
    named = {"": found["project"]["dependencies"], "build": found["build-system"]["requires"]}
    named |= found["project"]["optional-dependencies"]
    return {group: [Requirement(one) for one in ones] for group, ones in named.items()}


def named() -> set[str]:
    from installed import canonical

    return {canonical(one.name) for ones in groups().values() for one in ones}


def brought_along() -> dict[str, str]:
    """What is installed because `pyproject.toml` asks for it, directly or by way of others: its version."""
    from installed import canonical

    found: dict[str, str] = {}
    waiting = [one for group, ones in groups().items() if group != "build" for one in ones]
    seen: set[str] = set()
    while waiting:
        wanted = waiting.pop()
        if str(wanted) in seen or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        seen.add(str(wanted))
        try:
            there = distribution(wanted.name)
        except PackageNotFoundError:  # an extra that has an environment of its own
            continue
        found[canonical(wanted.name)] = there.version
        for one in map(Requirement, there.requires or []):
            extras = [
                extra for extra in wanted.extras if one.marker and one.marker.evaluate({"extra": extra})
            ]
            if one.marker is None or extras or one.marker.evaluate({"extra": ""}):
                one.marker = None
                waiting.append(one)
    return found


def test_every_package_is_pinned_at_the_version_that_is_tested() -> None:
    from installed import pins, unpinned

    found = brought_along()
    assert len(found) > 80
    assert unpinned(found, supply.text("constraints.txt")) == []
    assert named() <= set(pins(supply.text("constraints.txt")))


def test_whoever_installs_takes_the_pinned_versions() -> None:
    """A `pip install` has the constraints on its line or, in a script, exported above it."""
    places = [
        "Makefile",
        ".ci/wheel",
        ".ci/environments",
        *(p for p in supply.tracked() if p.startswith("deploy/")),
    ]
    looked_at = 0
    for place in places:
        lines = supply.text(place).replace("\\\n", " ").splitlines()
        exported = any(line.startswith("export PIP_CONSTRAINT=") for line in lines)
        for line in lines:
            installs = (
                [] if line.startswith("#") else re.split(r"pip install (?=\S)|\binstall --quiet", line)[1:]
            )
            looked_at += len(installs)
            constrained = exported or re.search(r"PIP_CONSTRAINT=|-c \S*constraints\.txt", line)
            assert not installs or constrained or "the same `pip install`" in line, (place, line)
    assert looked_at >= 7


def test_no_file_says_where_packages_come_from() -> None:
    tracked = supply.tracked()
    assert len(tracked) > 500
    assert not [path for path in tracked if Path(path).name in LOCKS]
    own = {"tests/security/supply.py", "tests/security/test_supply_dependencies.py"}
    assert not [path for path in tracked if path not in own and re.search(HOSTS, supply.text(path))]


def test_every_dependency_has_its_reason_and_every_reason_a_dependency() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|(.+)\|$", supply.text("docs/dependencies.md"), re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(named())
    assert all(len(cell.strip()) > 3 for _, cells in rows for cell in cells.split("|")[-2:])


@cache
def _imports_of(path: str) -> frozenset[str]:
    """The top-level modules that a file imports, but for what it can do without (`except ImportError`)."""
    tree = ast.parse((supply.ROOT / path).read_text())
    tries = [
        n
        for n in ast.walk(tree)
        if isinstance(n, ast.Try) and "ImportError" in str(list(map(ast.unparse, n.handlers)))
    ]
    optional = {id(node) for one in tries for part in one.body for node in ast.walk(part)}
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and id(node) not in optional:
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and id(node) not in optional:
            found.add(str(node.module))
    return frozenset(name.partition(".")[0] for name in found)


def _packages(paths: list[str], whose: dict[str, set[str]]) -> set[str]:
    """The packages that these files import. A module that no package has is ours, or Python's."""
    modules = {name for path in paths for name in _imports_of(path)} - sys.stdlib_module_names
    return {name for module in modules for name in whose.get(module, set())}


def test_what_is_imported_is_named_and_what_is_named_is_used() -> None:
    from installed import canonical

    wanted = groups()
    whose = {
        module: {canonical(name) for name in names} for module, names in packages_distributions().items()
    }
    files = [path for path in supply.tracked() if path.endswith(".py")]
    assert len(files) > 400
    shared = {name for names in whose.values() if len(names) > 1 for name in names}  # namespace packages
    product = _packages([path for path in files if path.startswith(OURS)], whose)
    everything = _packages(files, whose)
    ships = {canonical(one.name) for group in ("", "postgres", "redis", "otel") for one in wanted[group]}
    assert product - shared - {"post-harvester"} <= ships
    assert everything - shared - {"post-harvester"} <= named()
    not_imported = named() - everything
    assert not_imported - set(USED_AS) - _fuzzing() == set()
    assert all(words in supply.text(file) for file, words in USED_AS.values())


def _fuzzing() -> set[str]:
    """What is installed on its own, so that its module cannot be told here."""
    return {one.name for one in groups().get("fuzz", [])}


def test_bandit_finds_what_is_planted(tmp_path: Path) -> None:
    """Our own configuration leaves the looking in it that finds these."""
    (tmp_path / "pyproject.toml").write_text(supply.text("pyproject.toml"))
    (tmp_path / "planted.py").write_text(PLANTED)
    command = ["-m", "bandit", "--quiet", "--configfile", "pyproject.toml", "planted.py"]
    done = subprocess.run(
        [sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1, done.stderr
    assert set(re.findall(r"Issue: \[(B\d+)", done.stdout)) >= {"B301", "B602", "B324", "B608"}


@pytest.mark.slow
def test_bandit_finds_nothing_in_what_we_wrote() -> None:
    (folders,) = re.findall(r"^OURS := (.+)$", supply.text("Makefile"), re.MULTILINE)
    command = ["-m", "bandit", "--quiet", "--configfile", "pyproject.toml", "--recursive", *folders.split()]
    done = subprocess.run(
        [sys.executable, *command], cwd=supply.ROOT, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_what_bandit_passes_over_has_a_reason() -> None:
    """On the same line, behind the last of what it is told to pass over."""
    ours = [path for path in supply.tracked() if path.endswith(".py") and not path.startswith("tests/")]
    lines = [line for path in ours for line in supply.text(path).splitlines()]
    silenced = [line for line in lines if re.search(r"# (nosec|noqa: S\d)", line)]
    assert len(silenced) > 10
    said = [re.split(r"(?:noqa: S\d+(?:, S\d+)*|nosec B\d+)", line)[-1] for line in silenced]
    assert [
        line for line, reason in zip(silenced, said, strict=True) if not re.search(r"\w{4,}", reason)
    ] == []
