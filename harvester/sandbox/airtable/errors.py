"""Airtable's answers that are no success, in the shapes that it was seen to use."""

from typing import Any


class ApiError(Exception):
    """An HTTP status and a body. The text is for logs."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body


def typed(status: int, error_type: str, message: str = "") -> ApiError:
    """The usual shape: a type and, most often, a sentence."""
    told = {"message": message} if message else {}
    return ApiError(status, {"error": {"type": error_type, **told}})


def invalid(error_type: str, message: str = "") -> ApiError:
    """422 of this type."""
    return typed(422, error_type, message)


def bad_request(about: str = "") -> ApiError:
    """422 for a request that makes no sense. `about` is ours: Airtable does not say what it dislikes."""
    message = "Invalid request: parameter validation failed. Check your request data."
    return invalid("INVALID_REQUEST_UNKNOWN", f"{message} ({about})" if about else message)


def no_such_model() -> ApiError:
    """403: Airtable does not tell a missing permission from a base or table that does not exist."""
    return typed(
        403,
        "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND",
        "Invalid permissions, or the requested model was not found. Check that both your user and your token "
        "have the required permissions, and that the model names and/or ids are correct.",
    )


def forbidden() -> ApiError:
    """403 for something that this token may not do."""
    return typed(403, "INVALID_PERMISSIONS", "You are not permitted to perform this operation")


def unauthenticated() -> ApiError:
    """401 for a token that is missing or wrong."""
    return typed(401, "AUTHENTICATION_REQUIRED", "Authentication required")


def not_found() -> ApiError:
    """404 for a path that means nothing."""
    return ApiError(404, {"error": "NOT_FOUND"})


def no_such_record() -> ApiError:
    """404 for a record that was named in the path."""
    return typed(404, "MODEL_ID_NOT_FOUND", "Record not found")


def no_such_row(record_id: str) -> ApiError:
    """422 for a record that was named in the body."""
    return invalid("ROW_DOES_NOT_EXIST", f"Record ID {record_id} does not exist in this table")


def unknown_field(name: str) -> ApiError:
    """422 for a field that the table does not have."""
    return invalid("UNKNOWN_FIELD_NAME", f'Unknown field name: "{name}"')


def bad_value(name: str) -> ApiError:
    """422 for a value that does not fit its field."""
    return invalid("INVALID_VALUE_FOR_COLUMN", f'Field "{name}" cannot accept the provided value')


def computed(name: str) -> ApiError:
    """422 for a value for a field that Airtable computes."""
    message = f'Field "{name}" cannot accept a value because the field is computed'
    return invalid("INVALID_VALUE_FOR_COLUMN", message)


def no_such_choice(choice: str) -> ApiError:
    """422 for a choice that a select field does not offer."""
    message = f'Insufficient permissions to create new select option ""{choice}""'
    return invalid("INVALID_MULTIPLE_CHOICE_OPTIONS", message)


def bad_formula(about: str = "Invalid formula. Please check your formula text.") -> ApiError:
    """422 for a formula that cannot be read, or names fields that do not exist."""
    message = f"The formula for filtering records is invalid: {about}"
    return invalid("INVALID_FILTER_BY_FORMULA", message)


def iterator_gone() -> ApiError:
    """422 for an offset that is not known any more: the list is to be read from its beginning."""
    return invalid("LIST_RECORDS_ITERATOR_NOT_AVAILABLE")


def too_fast(observed: bool) -> ApiError:
    """429 for too many requests, in the shape that was observed or in the one that is documented."""
    told = "Rate limit exceeded. Please try again later"
    if observed:
        return ApiError(429, {"errors": [{"error": "RATE_LIMIT_REACHED", "message": told}]})
    return typed(429, "RATE_LIMIT_REACHED", told)


def capped() -> ApiError:
    """429 for a month whose calls are used up."""
    told = "You've reached the maximum number of requests allowed for this month."
    return typed(429, "PUBLIC_API_BILLING_LIMIT_EXCEEDED", f"API billing plan limit exceeded. {told}")


def base_full() -> ApiError:
    """422 for a base that may not have more records. Type and text are ours: none is published."""
    return invalid("RECORD_LIMIT_EXCEEDED", "The base has as many records as its plan allows")


def bad_primary(name: str) -> ApiError:
    """422 for a first field of a type that cannot be one. Type and text are ours: none is published."""
    return invalid("INVALID_FIELD_TYPE_FOR_PRIMARY_FIELD", f"{name} cannot be the primary field")
