"""Why Airtable lets us not at a base, in words for people: whose fault it may be, and what to do.

Airtable's own words name neither the base nor the setting, and never the token.
"""

from __future__ import annotations

from typing import Final

from harvester.airtable_errors import NotAllowed

#: Types of a 401, whose body need not have one. Any other error of this kind is about one base.
_UNKNOWN_TOKEN: Final = frozenset({"AUTHENTICATION_REQUIRED", "UNAUTHORIZED", "HTTP_401"})
_MAKE_ANEW: Final = "make a new token at https://airtable.com/create/tokens, and set AIRTABLE_API_KEY to it"


def explained(error: NotAllowed, base: str, *, master: bool) -> tuple[str, str]:
    """Give what is wrong, and what to do. `master`: it is the master base, and not a client's."""
    if error.type in _UNKNOWN_TOKEN:
        return f"Airtable does not take the token in AIRTABLE_API_KEY ({error})", _MAKE_ANEW
    named = "MASTER_CLIENTS_BASE_ID" if master else "its Airtable Base ID in Clients"
    what = f"base {base} is not there for the token in AIRTABLE_API_KEY ({error})"
    return what, f"see that {named} is right, that the token has access to this base, and all its scopes"


def in_words(error: Exception, base: str, *, master: bool) -> str:
    """Say an error of a base for people; what is not about access says enough by itself."""
    return ": ".join(explained(error, base, master=master)) if isinstance(error, NotAllowed) else str(error)
