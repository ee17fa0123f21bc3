"""Your pipeline: the steps in their order, each in terms of the library."""
