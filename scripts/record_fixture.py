"""Turn a page of a real dataset into fixtures of nobody: the shapes stay, words, numbers and days do not.

Writes one item of each shape into a folder, as NAME.json, and with --expect what this version makes of each
as NAME.expected.json: read those, and correct what is not what the item says. A file that is there stays.
Exit codes: 0 written; 1 failed; 2 bad arguments or settings.

Examples:
  python scripts/record_fixture.py --dataset WkzbQMuFYuamGv3YF --to tests/normalise/fixtures/apimaestro
  python scripts/record_fixture.py --file page.json --to tests/normalise/fixtures/mine --expect mine/posts
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import orjson

from harvester.apify import Apify
from harvester.errors import HarvesterError, InvalidInput
from harvester.normalise import actor_of
from harvester.normalise.text import one_line
from harvester.scrubbing import Scrubber, shape_of
from harvester.settings import EXIT_BAD_SETTINGS, SettingsError, describe, load

EXIT_DONE: Final = 0
EXIT_FAILED: Final = 1
EXIT_BAD_ARGUMENTS: Final = 2

_MOST_ITEMS: Final = 1_000
_NAME_CHARS: Final = 40


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the script. Returns its exit code."""
    given = _parser().parse_args(arguments)
    try:
        normalise = actor_of(given.expect).normalise if given.expect else None
        items = _from_file(given.file) if given.file else _from_apify(given.dataset, given.limit)
        given.to.mkdir(parents=True, exist_ok=True)
        for name, item in _fixtures(items[: given.limit], given.most):
            _write(given.to / f"{name}.json", json.dumps(item, indent=1, ensure_ascii=True).encode() + b"\n")
            if normalise is not None:
                _write(given.to / f"{name}.expected.json", _expected(normalise(item)))
    except SettingsError as error:
        print(describe(error), end="", file=sys.stderr)
        return EXIT_BAD_SETTINGS
    except InvalidInput as error:
        return _refused(str(error), EXIT_BAD_ARGUMENTS)
    except (HarvesterError, OSError) as error:
        return _refused(str(error), EXIT_FAILED)
    except KeyboardInterrupt:
        return _refused("interrupted. What was written stays; run it again for the rest", EXIT_FAILED)
    return EXIT_DONE


def _parser() -> argparse.ArgumentParser:
    summary, _, epilog = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=summary,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--dataset", metavar="ID", help="a dataset at Apify, read with the settings' token")
    source.add_argument("--file", type=Path, help="a list of items as JSON, as Apify Console exports it")
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="where the fixtures go")
    parser.add_argument("--expect", metavar="ACTOR", help="write down what its normaliser makes of each, too")
    parser.add_argument("--limit", type=_count, default=100, help="items to look at (1 to 1,000; 100)")
    parser.add_argument("--most", type=_count, default=12, help="fixtures to write at the most (12)")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MOST_ITEMS:
        raise argparse.ArgumentTypeError(f"it must be a whole number from 1 to {_MOST_ITEMS}")
    return int(text)


def _from_file(file: Path) -> list[Any]:
    try:
        found = json.loads(file.read_bytes())  # not orjson: real items hold halves of surrogate pairs
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{file} is no JSON: {error}") from error
    if not isinstance(found, list):
        raise InvalidInput(f"{file} is no list of items")
    return found


def _from_apify(dataset_id: str, limit: int) -> list[Any]:
    settings = load()
    apify = Apify(
        token=settings.apify_token.get_secret_value(),
        api_url=settings.apify_api_url,
        timeout_seconds=settings.apify_timeout_seconds,
        input_seconds=settings.input_lag_seconds,
        answer_bytes=settings.apify_answer_mb * 2**20,
    )
    return apify.items(dataset_id, offset=0, limit=limit).items


def _fixtures(items: list[Any], most: int) -> Iterator[tuple[str, Any]]:
    """Give one scrubbed item of each shape, with a name for it."""
    scrubber = Scrubber()
    seen: set[str] = set()
    for item in items:
        shape = repr(shape_of(item))
        if shape not in seen and len(seen) < most:
            seen.add(shape)
            yield f"{_name(item)}_{len(seen)}", scrubber.item(item)


def _name(item: Any) -> str:
    """Name a fixture by what its item says that it is."""
    if not isinstance(item, dict):
        return "item"
    if item.get("error"):
        return "error"
    told = next((item[key] for key in ("type", "post_type") if item.get(key)), "item")
    return re.sub(r"[^a-z0-9]+", "_", one_line(str(told), _NAME_CHARS).lower()).strip("_") or "item"


def _expected(outcome: Any) -> bytes:
    told = {"outcome": type(outcome).__name__, **asdict(outcome)}
    for one in told.get("companions", ()):
        one["item"] = None  # it is in the post's own
    return orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n"


def _write(file: Path, content: bytes) -> None:
    if file.exists():
        print(f"{file} is there already, and left as it is", file=sys.stderr)
        return
    file.write_bytes(content)
    print(f"wrote {file}")


def _refused(why: str, code: int) -> int:
    print(f"{Path(__file__).name}: {one_line(why, 2_000)}", file=sys.stderr)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
