"""Which warnings end a test: those of the library. A pytest plugin.

The owner's model may warn, and so may what it is made of: that ends no test.
"""

import pytest

# The last line that fits decides; the fourth word is the module that is warned.
FILTERS = [
    r"error:::(pipeline|service|validation|tests)\b",
    # A warning in a function of the owner's may name its caller (stacklevel=2): the library itself warns of nothing.
    r"default::UserWarning:(pipeline|service|validation|tests)\b",
    r"default:::service\.answers\b",
    r"default::FutureWarning:tests\b",
    r"default::RuntimeWarning:tests\b",
    # What fails where no test sees it, in threads and in finalizers; what is left open, but for files of the owner's.
    "error::pytest.PytestWarning",
    "error::ResourceWarning",
    "default:unclosed file:ResourceWarning",
    r"error:unclosed file:ResourceWarning:(pipeline|service|validation|tests)\b",
    # As in pyproject.toml, which these lines come after.
    "ignore:Field name .* shadows an attribute in parent:UserWarning",
    "ignore:unclosed <socket.socket .*family=1:ResourceWarning",
]


def pytest_configure(config: pytest.Config) -> None:
    """Add the filters to those of pyproject.toml."""
    for each in FILTERS:
        config.addinivalue_line("filterwarnings", each)
