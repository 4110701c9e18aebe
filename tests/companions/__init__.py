"""Comments and reactions: stored once, with their post whichever comes first, and shown with it."""
