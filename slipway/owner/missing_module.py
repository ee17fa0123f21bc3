"""Say which package or library an import in `model/` wants, and the steps that bring it."""

import re
import sys
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

ROOMS = ("model", "pipeline", "service", "slipway", "tests")
# What held the library before slipway/ did.
FORMER_ROOMS = ("pipeline", "service", "validation")
# Packages that are called otherwise than what is imported of them. xgboost-cpu is XGBoost without the 700 MB for graphics cards; it is not
# made for a Mac, where xgboost has none of them.
PACKAGES = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "imblearn": "imbalanced-learn",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "xgboost": """the lines `xgboost-cpu; sys_platform != "darwin"` and `xgboost; sys_platform == "darwin"`""",
    "yaml": "pyyaml",
}


def explain_missing_module(error: ModuleNotFoundError) -> str:
    """Return what is missing and what brings it, as sentences that end with the next command."""
    name = error.name or ""
    top = name.partition(".")[0]
    if not top:
        return f"An import fails: {error}. Next: correct it."
    if top in ROOMS:
        return f"No module named {name!r}: {name.replace('.', '/')}.py is not there. Next: write that file, or correct the import."
    if name != top and find_spec(top):
        package = next(iter(packages_distributions().get(top, [])), None)
        locked = f"{package} {version(package)}, which requirements/ locks," if package else top
        newer = "correct the import, or ./run lock --upgrade for newer packages"
        return f"No module named {name!r}: {locked} has none of that name. Next: {newer}."
    if top in sys.stdlib_module_names:
        return f"No module named {name!r}: Python {sys.version.partition(' ')[0]} has it on other systems only. Next: do without."
    package = PACKAGES.get(top, top.replace("_", "-"))
    return (
        f"No module named {name!r}: it is in none of the packages that requirements/ locks. "
        f"Next: add {package} to requirements/serve.in, then ./run lock; or, if {top}.py is a file of yours, put it into model/ "
        f"and import it as model.{top}."
    )


def find_moved_module(error: ImportError) -> str | None:
    """Return where the library has a module now that was in another folder before, None where it has none or several of that name."""
    missing = re.search(r"cannot import name '(\w+)'", str(error))
    path = (error.name or "").split(".") + ([missing[1]] if missing else [])
    if len(path) == 1 or path[0] not in FORMER_ROOMS:
        return None
    name = path[-1]
    library = Path(__file__).parents[1]
    found = [*library.rglob(f"{name}.py"), *(each.parent for each in library.rglob(f"{name}/__init__.py"))]
    return ".".join(found[0].relative_to(library.parent).with_suffix("").parts) if len(found) == 1 else None


def explain_missing_library(error: OSError) -> str | None:
    """Return which system library a package wants, None where it is something else that fails."""
    if "libgomp" not in str(error) and "libomp" not in str(error):
        return None
    return (
        f"A package wants OpenMP of the system ({' '.join(str(error).split())[:200]}). The image has it; this machine does not. "
        "Next: apt-get install libgomp1, or on a Mac brew install libomp."
    )
