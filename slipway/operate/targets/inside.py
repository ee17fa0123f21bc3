"""Ask a service from inside its own place, where no port has to be open: a command there asks it, and prints what it answers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slipway.errors import PipelineError
from slipway.operate.targets import Fetch

ASK = Path(__file__).with_name("ask_service.py").read_text(encoding="utf-8")
# Runs a command inside, which is given a text: at its end, in words that a kernel takes, or on its standard input. Returns its exit code
# and what it printed. Raises PipelineError.
Run = Callable[[list[str], str], tuple[int, str]]
# In what it prints when the service's own code, or the model's, failed.
FAILED = "500 Internal Server Error"
# Linux takes no word of 128 KiB or more; two megabytes in all.
WORD = 100_000


def asking(run: Run, name: str, address: str, patience: float = 0.0) -> Fetch:
    """Return how to ask a service at HOST:PORT as seen from inside; it is given so many seconds to begin to listen."""

    def fetch(*questions: tuple[str, Any]) -> list[Any]:
        code, output = run(["python", "-I", "-S", "-c", ASK, address, str(patience)], json.dumps(questions))
        if code != 0:
            raise PipelineError(f"{name} does not answer as it should: {output.strip()}. Next: ./run status.")
        answers = [json.loads(line) for line in output.splitlines()]
        return [text if path == "/metrics" else json.loads(text) for (path, _), text in zip(questions, answers, strict=True)]

    return fetch


def words(text: str) -> list[str]:
    """Cut a text into words that a kernel takes."""
    return [text[at : at + WORD] for at in range(0, len(text), WORD)]
