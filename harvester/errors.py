"""Errors of this project. Each knows whether trying again can help, and what its reader should do."""


class HarvesterError(Exception):
    """Base of every error that this project raises on purpose."""

    #: True when the same call will fail again however often it is repeated.
    permanent = True


class InvalidInput(HarvesterError, ValueError):
    """Input from outside was refused. `code` is the stable word that the HTTP API answers with."""

    def __init__(self, message: str, *, code: str = "invalid_body") -> None:
        super().__init__(message)
        self.code = code


class InvalidRunId(InvalidInput):
    """A string that is no run ID was given where a run ID is accepted."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="invalid_run_id")


class LedgerUnavailable(HarvesterError):
    """The ledger cannot be read or cannot commit now; nothing was written. Try again later."""

    permanent = False


class LostLease(HarvesterError):
    """Another process took this row over; whatever this one still holds must not be written."""

    permanent = False
