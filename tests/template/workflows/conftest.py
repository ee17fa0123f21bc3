"""A repository of an owner with capitals, with the secrets of a host, for the tests that execute a CI."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from slipway import project, rehearsal
from slipway.operate import targets
from tests.conftest import Registry
from tests.library.far import HERE, Far, listening
from tests.template.workflows.scenario import Scenario, github, prepare

__all__ = ["listening"]


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory, bake: Callable[..., Path], registry: Registry, listening: Far) -> Iterator[Scenario]:
    """A project that nothing was pushed of."""
    act = shutil.which("act")
    if act is None:
        if os.environ.get("REQUIRE_DOCKER") == "1":
            pytest.fail("REQUIRE_DOCKER=1, and there is no act on the PATH", pytrace=False)
        pytest.skip("there is no act on the PATH")
    work = bake(tmp_path_factory.mktemp("story") / "baked")
    prepare(work)
    key = (listening.folder / "host.pub").read_text()
    secrets = {
        "DEPLOY_HOST": listening.url.removeprefix("ssh://"),
        "DEPLOY_KNOWN_HOSTS": f"[{HERE}]:{listening.port} {key}",
        "DEPLOY_SSH_KEY": (listening.home / ".ssh" / "id_ed25519").read_text(),
    }
    with github() as (api, posted, issues, building), pytest.MonkeyPatch.context() as patch:
        name = f"Some-Owner/{project.load(work).name}"
        found = Scenario(act, work, registry.address, name, api, posted, issues, building, secrets)
        patch.setenv("IMAGE_REPOSITORY", found.images)
        try:
            yield found
        finally:
            for environment in project.ENVIRONMENTS:
                targets.load_target(project.load(work, environment=environment)).stop_all()
            rehearsal.clear(project.load(work))
