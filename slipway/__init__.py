"""The machinery beside a project: its rooms do what they do in terms of this."""
