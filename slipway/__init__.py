"""The machinery beside a project: its rooms do what they do in terms of this."""

# Of the template and the library, which are one: CHANGELOG.md of the template says what each version means to an owner.
__version__ = "1.0.0"
