"""Deploy, roll back and show which release is live, without the packages that a model needs."""
