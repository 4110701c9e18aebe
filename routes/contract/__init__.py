"""What the API takes and gives, as models. Queries, headers and bodies are read with them.

`openapi.json` is made of the same models, and tests check every answer against it.
"""
