"""The steps in order, one small file per verb."""
