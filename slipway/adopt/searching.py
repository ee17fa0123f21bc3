"""The search of a notebook in a project: `pipeline/search.py`, and its call in `pipeline/train.py`, which is off until it is wanted."""

from pathlib import Path

TRAIN, SEARCH = "pipeline/train.py", "pipeline/search.py"
IMPORT = "from pipeline import search\n"
SWITCH = """# The search of a notebook, drafted by ./run adopt. build() has its best parameters, so that a training is quick and repeatable.
# With True, ./run train searches anew in data/train.csv, and prints what to write into build().
SEARCH_FIRST = False


"""
FIT = "        fitted = training.learn(rows, project.train_data)\n"
CALL = "        if SEARCH_FIRST:\n            search.find_best(rows, project.train_data)\n"


def draft_call(root: Path, drafts: Path) -> None:
    """Draft the project's `pipeline/train.py` with the call of a search where one is drafted, and without it where none is."""
    before = (root / TRAIN).read_text(encoding="utf-8") if (root / TRAIN).is_file() else ""
    plain = before.replace(IMPORT, "").replace(SWITCH, "").replace(CALL, "")
    if (drafts / SEARCH).is_file() and can_call(plain):
        found = plain.replace("from slipway import", f"{IMPORT}from slipway import", 1)
        found = found.replace("def train(", f"{SWITCH}def train(", 1).replace(FIT, f"{CALL}{FIT}", 1)
        (drafts / TRAIN).write_text(found, encoding="utf-8")
    elif plain != before:
        (drafts / TRAIN).parent.mkdir(exist_ok=True)
        (drafts / TRAIN).write_text(plain, encoding="utf-8")


def can_call(text: str) -> bool:
    """Tell whether a training is still the one in which a call can be written."""
    return FIT in text and "\ndef train(" in text and "\nfrom slipway import" in text
