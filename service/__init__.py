"""Your service: the app and its config."""
