"""`python -m harvester.cli`."""

from harvester.cli import main

main(prog_name="harvester")
