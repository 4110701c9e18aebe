"""What a request finds of this process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

from flask import current_app

from services import Services

STATE: Final = "harvester"
#: Who asks over the API, as the activity log has it.
BY: Final = "api"


@dataclass(frozen=True, slots=True)
class State:
    """Everything that the routes share."""

    services: Services


def services() -> Services:
    """Give the services of the application that answers."""
    return cast(State, current_app.extensions[STATE]).services
