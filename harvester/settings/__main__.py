"""`python -m harvester.settings` prints the text of `.env.example`; with `table`, that of the README."""

import sys

from harvester.settings.documentation import env_example, table

if __name__ == "__main__":
    print(table() if sys.argv[1:] == ["table"] else env_example(), end="")
