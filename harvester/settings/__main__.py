"""`python -m harvester.settings` prints the text of `.env.example`."""

from harvester.settings.documentation import env_example

if __name__ == "__main__":
    print(env_example(), end="")
