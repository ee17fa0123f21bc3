"""What is fitted, stored, loaded in another process and asked in the sweep over all estimators."""
