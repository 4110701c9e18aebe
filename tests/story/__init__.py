"""The story of a client run: what is told of it, in which order, wherever it is read."""
