"""What to do about an actor run's error: one sentence or two for each code, in words for people."""

from __future__ import annotations

from typing import Final

_RETRY: Final = "Retry the client run: leads that have an answer are not paid for again."
_WAITS: Final = "Nothing need be done: it is tried again by itself."
_CLIENT: Final = "Nothing more is started for this client until that is put right; then retry the client run."

#: By `error_code` of an actor run.
_REMEDIES: Final = {
    "actor_run_failed": f"Look at its log in Apify Console for why the actor failed. {_RETRY}",
    "actor_run_timed_out": (
        "It was ended by ACTOR_RUN_TIMEOUT_SECONDS. Raise that, or give the client a smaller batch size. "
        f"{_RETRY}"
    ),
    "actor_run_aborted": (
        "Somebody aborted it, here or in Apify Console; what it had found is kept. "
        "Retry the client run if the other leads are wanted."
    ),
    "actor_run_at_cap": (
        "It used up what one actor run may cost. Raise APIFY_MAX_CHARGE_USD, or give the client a smaller "
        "batch size; those that were not looked at are due again."
    ),
    "partial": (
        "Apify's dataset holds items that it does not give out. Look at the dataset in Apify Console; what "
        "is missing here can be exported there."
    ),
    "too_many_items": (
        "The actor brought far more than it was asked for, and the rest was left in its dataset at Apify. "
        "See there what it brings; export the rest from Apify Console if it is wanted."
    ),
    "output_not_understood": (
        "The actor's output has changed, or holds what is no post. Look at the rejects below, and at "
        "harvester drift for what changed; no lead is blamed, and all without posts are due again."
    ),
    "unanswered": (
        "The actor had no word about these profiles. They are due again, apart from the others; who is "
        "silent three times is given up until a person asks for them again."
    ),
    "budget_spent": (
        "The budget of the day or the month is used up. Raise it, or wait for the next day or month: the "
        "leads are due again by themselves."
    ),
    "client_run_cancelled": "A person cancelled it. Retry the client run if it is wanted after all.",
    "client_run_timed_out": (
        "It was not over within CLIENT_RUN_TIMEOUT_SECONDS: see whether starts are paused, Apify is out or "
        f"no worker runs (harvester doctor). {_RETRY}"
    ),
    "client_run_over": "Its client run had ended before it could start. Retry that if it is wanted.",
    "client_gone": "The client is no more; its leads and posts are kept. Nothing can be started for it.",
    "client_inactive": f"The client is not Active. {_CLIENT}",
    "not_entitled": f"The client's service level does not include harvests. {_CLIENT}",
    "client_closed": f"Something is wrong with the client's row or base in Airtable. {_CLIENT}",
    "start_unknown": (
        "A start was sent, and its answer lost. It is searched for at Apify; if its webhook comes, it goes "
        "on. Do not start it there by hand."
    ),
    "worker_died": (
        "A worker died over it again and again, most often for want of memory. Look at the worker's log "
        "and memory, then replay the dead letter."
    ),
    "internal_error": "This is a fault of ours: the log has the details. Replay the dead letter afterwards.",
    "data_gone": (
        f"Apify has this actor run or its dataset no more, for example because it was deleted there. {_RETRY}"
    ),
    "apify_bad_answer": (
        "Apify answered what could not be read. Look at the dataset in Apify Console, then replay the dead "
        "letter."
    ),
    "foreign_actor_run": (
        "Apify describes this actor run as another account's, another actor's or another time's, so nothing "
        "of it is read, and nothing is started in its place. If APIFY_TOKEN or the actor was changed, set "
        "that back. Look at the run in Apify Console: if it is ours, replay the dead letter, and it is taken "
        "for ours. Else discard it: its leads are due again, and are paid for again."
    ),
    "accepted_actor_run": (
        "Apify describes this actor run as somebody else's, and a person has taken it for ours. Nothing is "
        "to be done."
    ),
    "apify_unavailable": f"Apify could not be asked. {_WAITS}",
    "apify_busy": f"Apify takes no starts just now, for want of memory or free runs. {_WAITS}",
    "apify_error": f"Apify refused a call; its own words are beside this. {_RETRY}",
    "discarded": "A person discarded it as a dead letter. Retry the client run if the leads are wanted.",
    # Apify's own words for a start that it refuses.
    "user-or-token-not-found": "Apify does not know APIFY_TOKEN: set the right one, then retry.",
    "not-enough-permissions": "APIFY_TOKEN may not start this actor: see its permissions, then retry.",
    "actor-not-found": "Apify has no such actor: check APIFY_ACTOR_ID, then retry the client run.",
    "record-not-found": "Apify has no such actor: check APIFY_ACTOR_ID, then retry the client run.",
    "actor-is-not-rented": "The actor has to be rented at Apify first, then retry the client run.",
    "not-enough-usage-to-run-paid-actor": (
        "Apify's account has used up its monthly usage: raise its limit at Apify, then retry the client run."
    ),
    "platform-feature-disabled": (
        "Apify has switched a feature of the account off, most often for an unpaid bill: see its billing."
    ),
}
_OTHERWISE: Final = (
    "This is Apify's own word for why it refused: see its documentation for it, and the account in Apify "
    f"Console. {_RETRY}"
)
#: What the result of a webhook call begins with that named an actor run which is not ours; and what to do.
QUARANTINED: Final = "quarantined"
NAMED_ANOTHERS: Final = (
    "If APIFY_TOKEN or the actor was changed, set that back and replay the webhook call. If nobody knows it "
    "here, somebody may have a webhook's token: change WEBHOOK_SECRETS, and see who may use Apify Console"
)
#: Every code that has a remedy of its own.
KNOWN: Final = frozenset(_REMEDIES)


def of(code: str) -> str:
    """Say what to do about an error of this code; any that is not known is a word of Apify's."""
    return _REMEDIES.get(code, _OTHERWISE)


def of_delivery(result: str | None) -> str | None:
    """Say what to do about what came of a webhook call, if anything is to be done."""
    return f"{NAMED_ANOTHERS}." if result is not None and result.startswith(QUARANTINED) else None
