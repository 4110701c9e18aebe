"""What an actor run's end means for its leads, and how one is given up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from harvester import log
from harvester.apify_answers import ApifyRun
from harvester.ledger import Tx, actor_runs, coverage, lead_verdicts, outcomes, run_events
from harvester.models import ActorRun, ActorRunState, LeadAnswer, LeadStatus, Target
from harvester.normalise.text import one_line
from services import run_records

#: The `error_code` of an actor run that succeeded, and had no word about some of its profiles.
UNANSWERED: Final = "unanswered"
#: The `error_code` of one that was not started since its budget was spent.
BUDGET_SPENT: Final = "budget_spent"
#: The `error_code` and reason of one that was not started, because its client run is to end.
CANCELLED: Final = "client_run_cancelled"
CANCELLED_REASON: Final = "not started: its client run was cancelled"
#: The event that the actor charges for each target without posts. It logs the errors of single targets and
#: goes on to the next, so that a target for which it charged nothing was never looked at.
_NO_RESULT: Final = "no-result"
_POST: Final = "post"
#: The `error_code` of an actor run that succeeded because it had used up its cap. Actors are told to end
#: so, and the default one does: what it had not come to is just left out.
AT_CAP: Final = "actor_run_at_cap"
#: What is left of a cap, in millionths of a USD, when it may have kept an event from being charged.
_NEXT_EVENT: Final = 2_000
_SILENCE: Final = "the actor run succeeded, and neither sent nor charged anything for this profile"
#: So many profiles of a client run may be without an answer before the actor is doubted, not they.
_TRUSTED: Final = 3
_NAMED: Final = 5
_NAME_CHARS: Final = 100

_log = log.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one target: its posts, what the actor told (None: it was not asked), and why if known.

    That it has no answer is `proved` where that is this profile's doing: not another's beside it, nor that
    of an actor which answers nobody.
    """

    target: Target
    posts: int
    answer: LeadAnswer | None
    detail: str | None
    proved: bool = True


def hear(tx: Tx, run: ActorRun, *, answered_all: bool, found: ApifyRun | None = None) -> list[Heard]:
    """Say what an actor run has told about each of its targets.

    Posts are an answer, whatever became of the run. Only one that answered for all (`answered_all`) tells
    anything about the others: an error, or that there are no posts. What Apify charged (`found`) may prove
    that somebody got neither. Who of those without a word that was cannot be told, so all are silent; it is
    proved where none of them was charged for, while somebody was answered.
    """
    with_posts = outcomes.posts_by_lead(tx, run.id)
    errors = outcomes.errors_by_lead(tx, run.id)
    targets = actor_runs.targets(tx, run.id)
    quiet = sum(not with_posts.get(one.lead_id) and one.lead_id not in errors for one in targets)
    empty = quiet if found is None else _no_results(run, found, if_untold=quiet)
    silent = not run.is_orphan and quiet > empty
    answer, detail = (LeadAnswer.SILENT, _SILENCE) if silent else (LeadAnswer.NONE, None)
    answers = any(with_posts.values()) or (empty > 0 and quiet > 0) or _is_trusted(tx, run, targets)

    def heard(target: Target) -> Heard:
        posts, error = with_posts.get(target.lead_id, 0), errors.get(target.lead_id)
        if posts:
            return Heard(target, posts, LeadAnswer.POSTS, None)
        if not answered_all or (run.is_orphan and error is not None):
            return Heard(target, 0, None, error)
        if error is not None:
            return Heard(target, 0, LeadAnswer.ERROR, error, proved=answers)
        return Heard(target, 0, answer, detail, proved=answers and empty == 0)

    return [heard(target) for target in targets]


def _is_trusted(tx: Tx, run: ActorRun, targets: list[Target]) -> bool:
    """Say whether the silence of an actor run about its only target is that target's doing.

    Not once several of its client run had no answer, and nobody had one: then it may be the actor's.
    """
    if len(targets) != 1:
        return False
    told, _ = coverage.counts(tx, run.client_run_id)
    answered = told.get(LeadAnswer.POSTS, 0) + told.get(LeadAnswer.NONE, 0)
    return answered > 0 or told.get(LeadAnswer.SILENT, 0) + told.get(LeadAnswer.ERROR, 0) < _TRUSTED


def _no_results(run: ActorRun, found: ApifyRun, *, if_untold: int) -> int:
    """Count the targets that were found to have no posts, by what was charged for them.

    Counts that do not fit the dataset prove nothing about it: they are as good as untold.
    """
    fits = found.charged.get(_POST, 0) <= run.cursor
    return found.charged.get(_NO_RESULT, if_untold) if fits else if_untold


def cut_by_cap(tx: Tx, run: ActorRun, found: ApifyRun) -> str | None:
    """Say in a sentence that an actor run met its cap, and may not have come to all of its targets.

    None if it did not meet it, or if everybody was looked at: what is charged for those without posts proves
    that.
    """
    cost = latest_cost(run, found) or 0
    if run.cap_micros is None or run.cap_micros - cost >= _NEXT_EVENT:
        return None
    quiet = sum(one.answer is LeadAnswer.NONE for one in hear(tx, run, answered_all=True))
    if quiet <= _no_results(run, found, if_untold=0):
        return None
    told = f"{cost / 1e6:.4f} of at most {run.cap_micros / 1e6:.4f} USD"
    return f"the actor run cost {told} and ended; {quiet} profiles without posts may not have been looked at"


def silence(heard: list[Heard]) -> str | None:
    """Say in a sentence which targets of an actor run got no answer; None if none did not."""
    silent = [one.target.target_url for one in heard if one.answer is LeadAnswer.SILENT]
    if not silent:
        return None
    named = ", ".join(one_line(url, _NAME_CHARS) for url in silent[:_NAMED])
    more = f" and {len(silent) - _NAMED} more" if len(silent) > _NAMED else ""
    return f"{len(silent)} of {len(heard)} profiles got no answer, they are due again: {named}{more}"


def decide_leads(tx: Tx, run: ActorRun, heard: list[Heard], *, now: datetime) -> None:
    """Write what came of each lead of a batch, as it was `heard`.

    Posts make a lead `Done`, whatever became of its actor run. Without posts it has `No Posts` only if the
    actor run told so; else it is due again.
    """
    outcomes.decide(tx, run.id, [_outcome(run, one) for one in heard], now=now)
    # An orphan's batch has another actor run, which answers for the others.
    ours = [one for one in heard if not run.is_orphan or _status(one) is not LeadStatus.PENDING]
    lead_verdicts.decide(tx, [_verdict(one) for one in ours], client_run_id=run.client_run_id, now=now)
    run_events.add(tx, run.client_run_id, "outcome", _in_words(heard), now=now, batch=run.batch)


def _in_words(heard: list[Heard]) -> str:
    counts = Counter(one.answer for one in heard)
    told = ", ".join(f"{counts[answer]} {words}" for answer, words in _ANSWERS.items() if counts[answer])
    return f"Of {len(heard)} profiles: {told or 'none'}"


_ANSWERS: Final = {
    LeadAnswer.POSTS: "with posts",
    LeadAnswer.NONE: "without posts",
    LeadAnswer.ERROR: "with an error",
    LeadAnswer.SILENT: "without a word",
    None: "not answered",
}


_STATUS: Final = {LeadAnswer.POSTS: LeadStatus.DONE, LeadAnswer.NONE: LeadStatus.NO_POSTS}


def _status(heard: Heard) -> LeadStatus:
    return LeadStatus.PENDING if heard.answer is None else _STATUS.get(heard.answer, LeadStatus.PENDING)


def _outcome(run: ActorRun, heard: Heard) -> outcomes.Outcome:
    detail = heard.detail or (None if run.error_code == UNANSWERED else run.error)
    return outcomes.Outcome(heard.target.lead_id, _status(heard), heard.posts, detail, heard.answer)


def _verdict(heard: Heard) -> lead_verdicts.Verdict:
    status, before = _status(heard), heard.target.answer
    return lead_verdicts.Verdict(
        heard.target.lead_id,
        status,
        posts_found=None if status is LeadStatus.PENDING else heard.posts,
        answer=heard.answer,
        proved=heard.proved,
        before=LeadAnswer(before) if before else None,
    )


def latest_cost(run: ActorRun, found: ApifyRun) -> int | None:
    """Give what an actor run has cost as last told, in millionths of a USD: not every answer tells it."""
    return run.cost_micros if found.cost_micros is None else found.cost_micros


def ended_anew(run: ActorRun, found: ApifyRun) -> bool:
    """Say whether Apify tells of a later end than the one that we know: the run was resurrected.

    Or of the first that we hear of, where a row was given up before its run had ended.
    """
    if found.resurrections > run.resurrections or run.apify_finished_at is None:
        return True
    return found.finished_at is not None and found.finished_at > run.apify_finished_at


def give_up(tx: Tx, run: ActorRun, *, code: str, reason: str, now: datetime, **parked: Any) -> None:
    """End a claimed actor run as failed, with the reason; its leads without posts are due again."""
    failed = actor_runs.move(
        tx,
        run,
        ActorRunState.FAILED,
        now=now,
        next_check_at=None,
        error_code=code,
        error=reason,
        **parked,
    )
    decide_leads(tx, failed, hear(tx, failed, answered_all=False), now=now)
    run_records.update(tx, run.client_run_id, run.client_id, source="advance", now=now)
    told = _log.info if code == CANCELLED else _log.error  # a person wanted that
    tx.after_commit(lambda: told("Actor run given up: %s", reason, code=code))
