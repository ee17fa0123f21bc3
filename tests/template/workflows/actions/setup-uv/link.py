"""Link the packages of SCENARIO_VENV into the environment to work in, and make the one to operate with."""

import os
import runpy
from pathlib import Path

venv, run = Path(os.environ["SCENARIO_VENV"]), runpy.run_path("run")
made = run["folder_of"]("work")
made.mkdir(parents=True)
for name in ("bin", "lib", "pyvenv.cfg"):
    (made / name).symlink_to(venv / name)
(made / "made").touch()
run["make"](run["folder_of"]("operate"), "operate")
