"""docs/inputs.md is what a service that really runs says now."""

import dataclasses
import shutil
from pathlib import Path

from slipway import git
from slipway.gate import dataset
from slipway.project import Project
from tests.library.service.conftest import SOME, make, project  # noqa: F401  # fixture
from tests.template.inputs_page import BEGIN, END, PAGE, ROOT, seen, table


def test_the_page_is_what_the_service_says(project: Project, tmp_path: Path) -> None:  # noqa: F811
    root = Path(shutil.copytree(project.root, tmp_path / "project"))
    shutil.copyfile(ROOT / "service" / "config.toml", root / "service" / "config.toml")
    git.run_git(root, "add", "--all")
    git.run_git(root, "commit", "--message=the limits of the project")
    real = dataclasses.replace(project, root=root)
    found = seen(make(real, dataset.read(project.train_data).head(SOME), tmp_path / "bundle"))
    assert [(each.family, status) for each, status, _ in found if status not in each.statuses] == []
    text = PAGE.read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0] == table(found), "write it anew: .venv/bin/python -m tests.template.inputs_page"
