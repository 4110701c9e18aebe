"""Who creates client run records, read off the program itself."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent


@cache
def product_files() -> list[tuple[str, ast.Module]]:
    folders = [ROOT / name for name in ("harvester", "services", "routes", "scripts")]
    files = [file for folder in folders for file in folder.rglob("*.py")]
    return [(file.relative_to(ROOT).as_posix(), ast.parse(file.read_text("utf-8"))) for file in files]


def users_of(module: str, function: str) -> set[str]:
    """Name the files that reach `module.function` in any way: as an attribute, or imported by name."""
    found: set[str] = set()
    for path, tree in product_files():
        aliases = {module}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                aliases |= {name.asname for name in node.names if name.asname and name.name.endswith(module)}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").endswith(module):
                found |= {path for name in node.names if name.name in (function, "*")}
            if isinstance(node, ast.Attribute) and node.attr == function:
                owner = (
                    node.value.attr
                    if isinstance(node.value, ast.Attribute)
                    else getattr(node.value, "id", "")
                )
                found |= {path} if owner in aliases else set()
    return found


def test_only_kickoff_and_the_manual_script_create_records() -> None:
    users = users_of("run_records", "create")
    assert "services/kickoff.py" in users
    assert users <= {"services/kickoff.py", "scripts/create_run_record.py"}


def test_only_run_records_reserves_client_runs() -> None:
    assert users_of("client_runs", "reserve") == {"services/run_records.py"}


def test_only_the_ledger_inserts_into_the_table() -> None:
    """No statement elsewhere names the table; within the ledger, only `client_runs.reserve` inserts."""
    inserts = {
        path
        for path, tree in product_files()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", getattr(node.func, "id", ""))
        in ("insert", "upsert", "insert_unless_there")
        and any(isinstance(arg, ast.Name) and arg.id == "client_runs" for arg in node.args)
    }
    assert inserts == {"harvester/ledger/client_runs.py"}
