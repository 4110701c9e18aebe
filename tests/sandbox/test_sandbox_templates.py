"""The webhook template engine, by its rules."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvester.sandbox.apify.templates import DEFAULT_PAYLOAD, TemplateError, check, render, render_headers

scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner)
)


@given(values)
def test_a_bare_variable_becomes_its_json_and_falsehood_becomes_null(value: Any) -> None:
    rendered = render('{"a": {{ resource.deep.a }}}', {"resource": {"deep": {"a": value}}}, interpolate=False)
    empty_scalar = not value and not isinstance(value, dict | list)
    assert rendered == {"a": None if empty_scalar else value}


@given(values)
def test_a_string_that_is_one_variable_becomes_the_exact_value(value: Any) -> None:
    template = '{"a": "{{resource.a}}"}'
    assert render(template, {"resource": {"a": value}}, interpolate=True) == {"a": value}
    assert render(template, {"resource": {"a": value}}, interpolate=False) == {"a": "{{resource.a}}"}


@given(st.text(max_size=20).filter(lambda text: "{" not in text and "}" not in text), st.text(max_size=20))
def test_text_is_put_into_text(around: str, value: str) -> None:
    template = json.dumps({"a": f"{around}{{{{eventType}}}}{around}|"})
    assert render(template, {"eventType": value}, interpolate=True) == {"a": f"{around}{value}{around}|"}


def test_the_default_payload_passes_its_own_check() -> None:
    assert list(check(DEFAULT_PAYLOAD, interpolate=False)) == [
        "userId", "createdAt", "eventType", "eventData", "resource",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "template", ['{"a": {{nobody}}}', '{"a": {{}}}', '{"a": }', "", '{"a": "{{eventType}}']
)
def test_what_cannot_render_is_refused(template: str) -> None:
    with pytest.raises(TemplateError):
        check(template, interpolate=False)


def test_unknown_variables_inside_strings_matter_only_when_they_are_filled() -> None:
    assert check('{"a": "{{nobody}}"}', interpolate=False) == {"a": "{{nobody}}"}
    with pytest.raises(TemplateError):
        check('{"a": "{{nobody}}"}', interpolate=True)


@pytest.mark.parametrize("template", ['["a"]', '{"a": 1}', '{"a": {{resource}}}', "null"])
def test_headers_must_be_an_object_of_strings(template: str) -> None:
    with pytest.raises(TemplateError):
        render_headers(template, {"resource": {}}, interpolate=False)
