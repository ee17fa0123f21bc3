"""Why a service failed is read from its log."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from slipway.errors import PipelineError, ServiceFailed
from slipway.operate import process
from slipway.operate.process import describe_failure, explain_failures, read_end

OWNERS = """def hours(rows):
    raise ValueError("time data does not match\\n  File \\"x\\", a second line")


def wrapped(rows):
    try:
        hours(rows)
    except ValueError as error:
        raise RuntimeError("it is wrapped.") from error
"""


def traceback(folder: Path, function: str) -> str:
    """Return what Python prints when a function of the owner's fails under one that is not."""
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model" / "steps.py").write_text(OWNERS, encoding="utf-8")
    code = f"from model import steps\nsteps.{function}(1)"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    return done.stderr


def as_json(text: str) -> str:
    """Return it as the service logs it."""
    said = {"level": "error", "message": "Exception in ASGI application", "traceback": text.strip()}
    return f"{json.dumps({'message': 'serving'})}\n{json.dumps(said)}\n{json.dumps({'message': 'refused', 'code': 500})}\n"


@pytest.mark.parametrize("written", [str, as_json], ids=["plain", "json"])
def test_the_line_of_the_owner_and_the_reason_are_told(tmp_path: Path, written: type[str]) -> None:
    found = describe_failure("before\n" + written(traceback(tmp_path, "hours")))
    assert found == "It was in model/steps.py, line 2, hours: ValueError: time data does not match. Next: correct that, then ./run train."


def test_the_line_of_the_owner_is_told_on_windows_too() -> None:
    log = f'{process.TRACEBACK}\n  File "C:\\ours\\model\\steps.py", line 2, in hours\n    fail()\nValueError: it is wrong.'
    assert (
        describe_failure(log) == "It was in model/steps.py, line 2, hours: ValueError: it is wrong. Next: correct that, then ./run train."
    )


def test_of_an_exception_from_another_the_last_is_told(tmp_path: Path) -> None:
    found = describe_failure(as_json(traceback(tmp_path, "wrapped")))
    assert found == "It was in model/steps.py, line 9, wrapped: RuntimeError: it is wrapped. Next: correct that, then ./run train."


def test_of_two_failures_the_last_is_told(tmp_path: Path) -> None:
    both = as_json(traceback(tmp_path, "hours")) + as_json(traceback(tmp_path, "wrapped"))
    assert "line 9, wrapped" in describe_failure(both)


def test_code_that_is_not_the_owners_is_named_by_its_file() -> None:
    done = subprocess.run([sys.executable, "-c", "import json; json.loads('{')"], capture_output=True, text=True, check=False)
    found = describe_failure(done.stderr)
    assert "decoder.py, line " in found
    assert "json.decoder.JSONDecodeError: Expecting property name" in found
    assert "Next: correct model/, then ./run train." in found


@pytest.mark.parametrize("log", ["", "nothing\nhere", '{"traceback": null}', "[1]", '{"traceback": "none"}', process.TRACEBACK])
def test_a_log_without_a_traceback_says_nothing(log: str) -> None:
    assert describe_failure(log) == ""


def test_only_a_failure_of_the_service_is_explained(tmp_path: Path) -> None:
    log = as_json(traceback(tmp_path, "hours"))
    with pytest.raises(ServiceFailed, match=r"^v1 failed\. It was in model/steps\.py, line 2"), explain_failures(lambda: log):
        raise ServiceFailed("v1 failed.")
    with pytest.raises(PipelineError, match=r"^other\.$"), explain_failures(lambda: log):
        raise PipelineError("other.")


def test_a_log_is_waited_for_and_one_without_a_reason_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    logs = iter(["", "", as_json(traceback(tmp_path, "hours"))])
    assert "model/steps.py" in process.wait_for_reason(lambda: next(logs))
    monkeypatch.setattr(process, "LOGGED_WITHIN_SECONDS", 0.0)
    assert process.wait_for_reason(lambda: "one\ntwo\n") == "Its log ends: one / two. Next: mend that."
    assert process.wait_for_reason(str) == "Its log ends: it is empty. Next: mend that."


def test_a_log_is_read_while_it_is_written(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as writing, (tmp_path / "log").open("rb") as log:
        for written, read in ((b"one ", "one "), (b"two", "one two")):
            writing.write(written)
            writing.flush()
            assert read_end(log) == read
