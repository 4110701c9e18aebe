"""The commands. Thin: each reads its arguments, calls one service, and shows what came of it.

Here is only what they are called and where they are: a command's module is imported when it is called.
"""

from __future__ import annotations

import os
from functools import partial

import click

from harvester import __version__
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


main.fill(
    {
        "Harvest": {
            "kickoff": ("runs", "Harvest one client now."),
            "process": ("jobs", "Harvest all active clients now."),
            "resume": ("jobs", "Go on with what is missing; --starts lifts a pause."),
            "canary": ("canary", "Try a client with a few leads and one post each."),
            "cancel": ("run_actions", "End a client run; what it has found is kept."),
            "retry": ("run_actions", "Go on with a client run that did not end well."),
            "pause": ("money", "Start nothing more at Apify until a resume --starts."),
            "schedule": ("schedule", "What starts by itself, and when."),
        },
        "Look": {
            "status": ("runs", "What runs now, how the latest ended, what is held up."),
            "runs": ("runs", "Client runs; one with its actor runs and errors."),
            "logs": ("logs", "What happened to one client run, line by line."),
            "jobs": ("jobs", "Job runs; one with what was done for each client."),
            "posts": ("posts", "Posts, to read or to export."),
            "deliveries": ("posts", "Webhook calls that have come."),
            "costs": ("money", "What is spent and left, and what a post costs."),
            "alerts": ("alerts", "What waits for a person, and what to do."),
        },
        "Find out what is wrong, and repair": {
            "doctor": ("doctor", "Every setting and dependency, with what to do."),
            "reconcile": ("reconcile", "Ask Apify about all that is unfinished, now."),
            "drift": ("drift", "What changed in what the actors bring."),
            "backfill": ("backfill", "Read again what was paid for; the difference first."),
            "check": ("check", "Compare ledger and Airtable; --repair puts right."),
            "dead-letters": ("repairs", "What failed again and again: try again, or give up."),
            "replay": ("repairs", "Process a webhook call once more."),
        },
        "Clients, leads, Airtable": {
            "clients": ("clients", "Add, change, list and stop clients."),
            "leads": ("leads", "Import and list the people whose posts are wanted."),
            "airtable": ("airtable", "Check and set up bases; send what they are owed."),
        },
        "Keep the ledger": {
            "backup": ("keeping", "Write the whole ledger to a file, while all go on."),
            "restore": ("keeping", "Fill an empty ledger from a backup."),
            "prune": ("keeping", "Let go of old deliveries and raw items."),
            "migrate": ("processes", "Bring the ledger to the newest schema."),
        },
        "Set up and run": {
            "demo": ("demo", "See a whole harvest, without an account or network."),
            "serve": ("serve", "The web process: kickoffs, webhooks, API, pages."),
            "worker": ("processes", "The worker process: does all the work."),
            "tokens": ("tokens", "Give callers of the API tokens of their own."),
            "hash-password": ("processes", "Make the hash for OPERATOR_PASSWORD_HASH."),
            "completion": ("completion", "Complete commands with Tab: bash, zsh, fish."),
        },
    },
    within={"airtable": {"adopt": "adopt", "sync": "airtable_sync"}},
)
