"""Situations that data scientists reported, as data and declarations of which each differs in one thing from a model that works."""
