"""Link the packages of SCENARIO_VENV into the environment to work in; the button for a rollback makes what it needs itself."""

import os
import runpy
from pathlib import Path

venv, run = Path(os.environ["SCENARIO_VENV"]), runpy.run_path("run")
if os.environ.get("GITHUB_WORKFLOW") != "rollback":
    made = run["folder_of"]("work")
    made.mkdir(parents=True)
    for name in ("bin", "lib", "pyvenv.cfg"):
        (made / name).symlink_to(venv / name)
    (made / "made").touch()
