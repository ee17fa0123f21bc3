"""What answers: one release, behind HTTP."""
