"""Local stand-ins for the outside services, as strict as the real ones, for demos, tests and trials."""
