"""Link the packages of SCENARIO_VENV into `.venv`, with the stamp that `./run` looks for."""

import hashlib
import os
import sys
from pathlib import Path

venv, made = Path(os.environ["SCENARIO_VENV"]), Path(".venv")
made.mkdir()
for name in ("bin", "lib", "pyvenv.cfg"):
    (made / name).symlink_to(venv / name)
stamp = hashlib.sha256(sys.version.encode() + Path("requirements/work.txt").read_bytes()).hexdigest()
(made / ".locks-sha256").write_text(stamp)
