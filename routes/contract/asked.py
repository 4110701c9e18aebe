"""What a request asks, read with a model; what it cannot be read as is refused with the code of its field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from harvester.errors import InvalidInput

_NAME_CHARS: Final = 40
_DIGITS: Final = re.compile(r"[0-9]{1,18}")


class Asked(BaseModel):
    """Part of a request: query, headers or body. Names that are none of it are passed over."""

    model_config = ConfigDict(alias_generator=to_camel, strict=True, frozen=True)


class Narrow(Asked):
    """Part of a request that holds nothing else.

    What narrows an order to somebody, misspelt and passed over, would have it done for all.
    """

    model_config = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True)
class Must:
    """What a field must do, to follow its name in a sentence, and the code where it does not."""

    do: str
    code: str = "invalid_body"


M = TypeVar("M", bound=Asked)


def read(model: type[M], given: Mapping[str, Any], where: str) -> M:
    """Read the part of a request that `where` names (query, headers, body). Raises `InvalidInput`."""
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden":
        known = ", ".join(sorted(names(model)))
        raise InvalidInput(
            f"the {where} may hold {known}, not {name[:_NAME_CHARS]!r}", code=f"invalid_{where}"
        )
    must = musts(model)[name]
    raise InvalidInput(f"{name} must {must.do}", code=must.code)


def names(model: type[Asked]) -> set[str]:
    """Give the names that a model's fields have in a request."""
    return {field.alias or name for name, field in model.model_fields.items()}


def musts(model: type[Asked]) -> dict[str, Must]:
    """Give what each field must do, by its name in a request. One that says nothing takes everything."""
    return {
        field.alias or name: next((one for one in field.metadata if isinstance(one, Must)), Must("be right"))
        for name, field in model.model_fields.items()
    }


def codes(model: type[Asked], where: str) -> set[str]:
    """Give the codes that reading this model can refuse with."""
    found = {
        must.code
        for field in model.model_fields.values()
        for must in field.metadata
        if isinstance(must, Must)
    }
    return found | ({f"invalid_{where}"} if model.model_config.get("extra") == "forbid" else set())


def _number(given: object) -> object:
    """Make a number of ASCII digits, which is how a query has one; `int` takes far more for a number."""
    return int(given) if isinstance(given, str) and _DIGITS.fullmatch(given) else given


#: Lets a field that is a whole number be written in a query.
DIGITS: Final = BeforeValidator(_number)
