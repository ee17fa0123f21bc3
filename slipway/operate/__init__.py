"""Deploy, roll back, and what tells which release is live; needs nothing of what a model needs."""
