"""Webhook templates: JSON with `{{variables}}`, filled in the way Apify does it, quirks and all."""

import json
import re
from collections.abc import Mapping
from typing import Any

DEFAULT_PAYLOAD = """{
    "userId": {{userId}},
    "createdAt": {{createdAt}},
    "eventType": {{eventType}},
    "eventData": {{eventData}},
    "resource": {{resource}}
}"""

_ROOTS = frozenset({"userId", "createdAt", "eventType", "eventData", "resource", "globals"})
_VARIABLE = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
# A JSON string, or a variable outside of one.
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|\{\{\s*([^{}]*?)\s*\}\}', re.DOTALL)


class TemplateError(ValueError):
    """A template that Apify refuses: unknown variable, or no JSON."""


def render(template: str, variables: Mapping[str, Any], *, interpolate: bool) -> Any:
    """The template's JSON value. Raises `TemplateError`.

    Outside strings a variable becomes its JSON, but every value that JavaScript calls false (0, false, "")
    becomes null there: a known defect of Apify's engine. Inside strings variables stay as they are, unless
    `interpolate` is set: then a string that is one variable becomes the value, and any other gets it as text.
    """
    filled = _TOKEN.sub(lambda found: _bare(found, variables), template)
    try:
        value = json.loads(filled)
    except ValueError as error:
        raise TemplateError(f"Template is not valid JSON: {error}") from error
    return _interpolated(value, variables) if interpolate else value


def check(template: str, *, interpolate: bool) -> Any:
    """Refuse what can never render, and return a trial rendering. Raises `TemplateError`."""
    return render(template, {root: {} for root in _ROOTS}, interpolate=interpolate)


def render_headers(template: str, variables: Mapping[str, Any], *, interpolate: bool) -> dict[str, str]:
    """The headers of a `headersTemplate`. Raises `TemplateError` unless it gives an object of strings."""
    value = render(template, variables, interpolate=interpolate)
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise TemplateError("Headers template must be an object whose values are strings.")
    return value


def _bare(found: re.Match[str], variables: Mapping[str, Any]) -> str:
    if found.group(1) is None:
        return found.group(0)
    value = _lookup(found.group(1), variables)
    return json.dumps(value) if value or isinstance(value, dict | list) else "null"


def _lookup(name: str, variables: Mapping[str, Any]) -> Any:
    root, *rest = name.split(".")
    if root not in _ROOTS:
        raise TemplateError(f"Invalid payload template: variable {name!r} is not known.")
    value = variables.get(root)
    for part in rest:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _interpolated(value: Any, variables: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _interpolated(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [_interpolated(item, variables) for item in value]
    return _string(value, variables) if isinstance(value, str) else value


def _string(text: str, variables: Mapping[str, Any]) -> Any:
    whole = _VARIABLE.fullmatch(text)
    if whole:
        return _lookup(whole.group(1), variables)
    return _VARIABLE.sub(lambda found: _as_text(_lookup(found.group(1), variables)), text)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
