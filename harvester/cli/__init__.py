"""The commands. Thin: each reads its arguments, calls one service, and shows what came of it."""

from __future__ import annotations

import os
from functools import partial

import click

from harvester import __version__
from harvester.cli import (
    adopt,
    airtable,
    airtable_sync,
    alerts,
    backfill,
    canary,
    check,
    clients,
    completion,
    demo,
    doctor,
    drift,
    jobs,
    keeping,
    leads,
    logs,
    money,
    posts,
    processes,
    reconcile,
    repairs,
    run_actions,
    runs,
    schedule,
    tokens,
)
from harvester.cli.exit_codes import finish_help
from harvester.cli.sections import PROGRAM, Commands

_EPILOG = """\b
Something is wrong?
  harvester doctor      settings and dependencies: what is wrong, what to do
  harvester alerts      what waits for a person, since when, what to do
  harvester status      what runs, how the latest ended, what is held up
  harvester logs RUN    what happened to one client run; then harvester retry RUN

\b
Exit codes: 0 done, 1 failed, 2 bad arguments or settings, 3 refused or only
done in part, 130 interrupted. Each command's own: harvester COMMAND --help

Example: harvester clients add Guy-Wilson --name "Guy Wilson"
"""


@click.group(cls=Commands, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name=PROGRAM)
def main() -> None:
    """Harvest the LinkedIn posts of your clients' leads through Apify."""
    # The ledger, the queue, backups, exports: whatever a command makes is for its own user to read.
    click.get_current_context().call_on_close(partial(os.umask, os.umask(0o077)))


airtable.airtable.add_command(adopt.adopt)
airtable.airtable.add_command(airtable_sync.sync)
main.fill(
    {
        "Harvest": {
            runs.kickoff: "Harvest one client now.",
            jobs.process: "Harvest all active clients now.",
            jobs.resume: "Go on with what is missing; --starts lifts a pause.",
            canary.canary: "Try a client with a few leads and one post each.",
            run_actions.cancel: "End a client run; what it has found is kept.",
            run_actions.retry: "Go on with a client run that did not end well.",
            money.pause: "Start nothing more at Apify until a resume --starts.",
            schedule.schedule: "What starts by itself, and when.",
        },
        "Look": {
            runs.status: "What runs now, how the latest ended, what is held up.",
            runs.runs: "Client runs; one with its actor runs and errors.",
            logs.logs: "What happened to one client run, line by line.",
            jobs.jobs: "Job runs; one with what was done for each client.",
            posts.posts: "Posts, to read or to export.",
            posts.deliveries: "Webhook calls that have come.",
            money.costs: "What is spent and left, and what a post costs.",
            alerts.alerts: "What waits for a person, and what to do.",
        },
        "Find out what is wrong, and repair": {
            doctor.doctor: "Every setting and dependency, with what to do.",
            reconcile.reconcile: "Ask Apify about all that is unfinished, now.",
            drift.drift: "What changed in what the actors bring.",
            backfill.backfill: "Read again what was paid for; the difference first.",
            check.check: "Compare ledger and Airtable; --repair puts right.",
            repairs.dead_letters: "What failed again and again: try again, or give up.",
            repairs.replay: "Process a webhook call once more.",
        },
        "Clients, leads, Airtable": {
            clients.clients: "Add, change, list and stop clients.",
            leads.leads: "Import and list the people whose posts are wanted.",
            airtable.airtable: "Check and set up bases; send what they are owed.",
        },
        "Keep the ledger": {
            keeping.backup: "Write the whole ledger to a file, while all go on.",
            keeping.restore: "Fill an empty ledger from a backup.",
            keeping.prune: "Let go of old deliveries and raw items.",
            processes.migrate: "Bring the ledger to the newest schema.",
        },
        "Set up and run": {
            demo.demo: "See a whole harvest, without an account or network.",
            processes.serve: "The web process: kickoffs, webhooks, API, pages.",
            processes.worker: "The worker process: does all the work.",
            tokens.tokens: "Give callers of the API tokens of their own.",
            processes.hash_password: "Make the hash for OPERATOR_PASSWORD_HASH.",
            completion.completion: "Complete commands with Tab: bash, zsh, fish.",
        },
    }
)
finish_help(main)
