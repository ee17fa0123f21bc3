"""Judge a candidate against the champion on the reference dataset."""
