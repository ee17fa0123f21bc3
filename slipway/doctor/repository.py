"""The repository on GitHub that is looked at."""

from dataclasses import dataclass
from typing import Any

from slipway.doctor.finding import Command
from slipway.project import Project

PAGE = "https://github.com/{0}/settings/{1}"


@dataclass(frozen=True)
class Repository:
    """The repository, as GitHub tells it, and the checkout; `limited`: private, on a plan without rules and environments for that."""

    name: str
    branch: str
    private: bool
    limited: bool
    project: Project

    def page(self, of: str) -> str:
        """Return the address of a page of its settings."""
        return PAGE.format(self.name, of)

    def api(self, method: str, path: str, **body: Any) -> Command:
        """Return a call of the API."""
        return Command(("api", "--method", method, f"repos/{self.name}/{path}"), body)
