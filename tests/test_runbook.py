"""The runbook has every alert that the code can raise, and no other; its commands exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
import yaml

from harvester.cli import main

ROOT = Path(__file__).parent.parent
RUNBOOK = (ROOT / "docs/runbook.md").read_text()
RULES = ROOT / "docs/observability/alerts.yml"
VARIES = "…"


class Keys:
    """The keys under which one module raises alerts, as its source has them: `…` for what varies."""

    def __init__(self, path: Path) -> None:
        self._tree = ast.parse(path.read_text())
        self._path = path

    def __iter__(self) -> Iterator[str]:
        for function in ast.walk(self._tree):
            if isinstance(function, ast.FunctionDef):
                for call in ast.walk(function):
                    if isinstance(call, ast.Call) and getattr(call.func, "id", None) == "raise_alert":
                        yield from self._text(call.args[1], function)

    def _text(self, key: ast.expr, function: ast.FunctionDef) -> Iterator[str]:
        """Read an expression: a text, a constant, a variable, what a function of the module returns."""
        if isinstance(key, ast.Constant):
            yield str(key.value)
        elif isinstance(key, ast.JoinedStr):
            first, *rest = key.values
            yield "".join([*self._part(first, function), *map(_varies, rest)])
        elif isinstance(key, ast.Name):
            yield from self._text(self._assigned(key.id, function), function)
        elif isinstance(key, ast.Call) and isinstance(key.func, ast.Attribute):  # a constant's format()
            yield from (text.replace("{}", VARIES) for text in self._text(key.func.value, function))
        elif isinstance(key, ast.Call) and isinstance(key.func, ast.Name):
            made_by = self._function(key.func.id)
            returned = next(node for node in ast.walk(made_by) if isinstance(node, ast.Return))
            assert returned.value is not None
            yield from self._text(returned.value, made_by)
        else:
            yield from self._of_budgets(key)

    def _part(self, part: ast.expr, function: ast.FunctionDef) -> Iterator[str]:
        """Read how a formatted text begins: a constant of the module stands in it as it is."""
        if isinstance(part, ast.FormattedValue):
            name = part.value.id if isinstance(part.value, ast.Name) else ""
            constant = isinstance(part.value, ast.Name) and name.isupper() and self._is_ours(name)
            yield from self._text(part.value, function) if constant else [VARIES]
        else:
            yield from self._text(part, function)

    def _of_budgets(self, key: ast.expr) -> Iterator[str]:
        """A budget carries its key, the fourth of what it is made of."""
        assert isinstance(key, ast.Attribute), f"{self._path}: {ast.dump(key)} is not understood"
        assert key.attr == "key", f"{self._path}: {ast.dump(key)} is not understood"
        for function in self._tree.body:
            if isinstance(function, ast.FunctionDef):
                for made in ast.walk(function):
                    if isinstance(made, ast.Call) and getattr(made.func, "id", None) == "Budget":
                        yield from self._text(made.args[3], function)

    def _assigned(self, name: str, function: ast.FunctionDef) -> ast.expr:
        for node in (*ast.walk(function), *self._tree.body):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            value = getattr(node, "value", None)
            if any(getattr(target, "id", None) == name for target in targets) and value is not None:
                assert isinstance(value, ast.expr)
                return value
        raise AssertionError(f"{self._path}: {name} is not assigned here")

    def _is_ours(self, name: str) -> bool:
        return any(getattr(getattr(node, "target", None), "id", None) == name for node in self._tree.body)

    def _function(self, name: str) -> ast.FunctionDef:
        found = (node for node in self._tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
        return next(found)


def _varies(part: ast.expr) -> str:
    return str(part.value) if isinstance(part, ast.Constant) else VARIES


def _headings(section: str) -> list[str]:
    told = re.search(rf"^## {section}$(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL)
    assert told is not None
    return re.findall(r"^### `(.+)`$", told[1], re.MULTILINE)


def test_every_alert_of_the_code_has_its_chapter_and_no_other() -> None:
    raised = {key.replace("{}", VARIES) for path in (ROOT / "services").glob("*.py") for key in Keys(path)}
    headings = _headings("Alerts")
    assert len(raised) > 20
    assert sorted(raised) == sorted(headings)


def test_each_chapter_says_how_to_see_it_what_to_do_and_when_it_is_over() -> None:
    chapters = re.split(r"^### ", RUNBOOK, flags=re.MULTILINE)[1:]
    of_ours = [one for one in chapters if one.split("\n")[0].strip("`") in _headings("Alerts")]
    for chapter in of_ours:
        assert re.findall(r"^- \*\*(\w+):\*\*", chapter, re.MULTILINE) == ["See", "Do", "Over"], chapter


def test_every_rule_of_prometheus_has_its_chapter_and_no_other() -> None:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    assert sorted(rule["alert"] for rule in group["rules"]) == sorted(_headings("What Prometheus watches"))


def test_every_command_that_it_names_exists() -> None:
    told = re.findall(r"`harvester ([^`]*)`", RUNBOOK)
    assert len(told) > 40
    for line in told:
        command: click.Command = main
        for word in line.split():
            if isinstance(command, click.Group):
                assert word in command.commands, line
                command = command.commands[word]
            elif word.startswith("--"):
                assert any(word in one.opts for one in command.params), line


def test_the_first_table_is_one_a_tired_person_can_read() -> None:
    rows = [line for line in RUNBOOK.split("\n") if line.startswith("| ")]
    assert all(line.count("|") == 4 for line in rows)
    assert max(map(len, rows)) < 260
