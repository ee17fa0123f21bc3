"""From a fitted pipeline to a release."""
