"""Great Expectations: is the data what we think it is."""

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd

from slipway.gate.suite import NotEvaluated, Suite, find_columns, load_suite, one_line, raise_refused
from slipway.report import Finding
from slipway.rules import Freshness

SHOWN_ROWS = 5


@dataclass(frozen=True)
class Checked:
    """How many expectations were evaluated, which is all that were declared, what of them does not hold, and the library's own result."""

    expectations: int
    findings: list[Finding]
    result: Any

    def page(self) -> str:
        """Return the library's page of the result (a Data Docs page; it takes its style sheets from the network)."""
        from great_expectations.core import expectationSuiteValidationResultSchema
        from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
        from great_expectations.render.view.view import DefaultJinjaPageView

        view: Any = DefaultJinjaPageView()
        # By way of JSON, since it cannot write numbers of numpy 2.
        plain = expectationSuiteValidationResultSchema.load(json.loads(json.dumps(self.result.to_json_dict())))
        return str(view.render(ValidationResultsPageRenderer().render(plain)))


def check(frame: pd.DataFrame, suite: Path, freshness: Freshness | None = None) -> Checked:
    """Hold a frame against a suite, and its newest row against today where freshness is asked for.

    Raises SuiteError, NotEvaluated among them, when one of the expectations is not evaluated.
    """
    with _silence():
        loaded = load_suite(suite, [_expect_fresh(freshness)] if freshness else [])
        result = _evaluate(frame, loaded)
    results = {UUID(each.expectation_config.id).int: each for each in result.results}
    _refuse_unevaluated(results, loaded, frame)
    assert len(results) == len(loaded.declared)
    findings = [_describe_finding(each.to_json_dict(), frame) for each in result.results if not each.success]
    return Checked(len(results), findings, result)


@contextmanager
def _silence() -> Iterator[None]:
    """Keep the library from warning of other libraries, drawing progress and printing tracebacks: what it raises is reported by us."""
    log = logging.getLogger("great_expectations")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def _evaluate(frame: pd.DataFrame, loaded: Suite) -> Any:
    """Evaluate all expectations at once. Raises NotEvaluated that names each one of which the library makes an exception of its own."""
    # Imported here: it costs some seconds.
    import great_expectations as gx
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults, ProgressBarsConfig

    # Its default is a new folder in /tmp for every check, which stays.
    quiet = DataContextConfig(store_backend_defaults=InMemoryStoreBackendDefaults(), progress_bars=ProgressBarsConfig(globally=False))
    context = gx.get_context(mode="ephemeral", project_config=quiet)
    asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})

    def run(expectations: list[Any]) -> Any:
        suite = gx.ExpectationSuite(**loaded.settings)
        suite.expectations = expectations
        return batch.validate(suite, result_format="SUMMARY", expectation_parameters=loaded.settings.get("suite_parameters"))

    try:
        return run(loaded.built)
    except Exception as error:  # of one expectation; which one, the library does not say
        raise_refused(_find_failing(run, loaded), loaded.declared, NotEvaluated)
        raise NotEvaluated(f"The expectations cannot be evaluated together: {one_line(error)}.") from error


def _find_failing(run: Callable[[list[Any]], Any], loaded: Suite) -> dict[int, str]:
    refused: dict[int, str] = {}
    for number, each in enumerate(loaded.built):
        try:
            run([each])
        except Exception as error:  # whatever the library raises
            refused[number] = one_line(error)
    return refused


def _refuse_unevaluated(results: dict[int, Any], loaded: Suite, frame: pd.DataFrame) -> None:
    """Raise NotEvaluated that names each expectation without a result, and each that ended in an exception on columns that are there."""
    refused: dict[int, str] = {}
    for number, each in enumerate(loaded.declared):
        if number not in results:
            refused[number] = "Great Expectations gives no result"
        elif (why := _read_exception(results[number].exception_info)) and not _find_absent(find_columns(each["kwargs"]), frame):
            refused[number] = "; ".join([why, *_describe_columns(find_columns(each["kwargs"]), frame)])
    raise_refused(refused, loaded.declared, NotEvaluated)


def _read_exception(info: dict[str, Any]) -> str:
    """Return what an expectation raised, if it did: the library says so directly, or for each figure that it could not compute."""
    for each in [info, *info.values()]:
        if isinstance(each, dict) and each.get("raised_exception"):
            return one_line(each.get("exception_message"))
    return ""


def _find_absent(names: list[str], frame: pd.DataFrame) -> list[str]:
    return [name for name in names if name not in frame.columns]


def _describe_columns(names: list[str], frame: pd.DataFrame) -> list[str]:
    return [f"{name} is of type {frame[name].dtype}, such as {next(iter(frame[name].dropna()), 'missing')!r:.40}" for name in names]


def _expect_fresh(freshness: Freshness) -> dict[str, Any]:
    """Return the expectation that the newest row is recent; dates as text in ISO 8601 sort by time."""
    oldest = (date.today() - timedelta(days=freshness.max_days)).isoformat()  # a day more or less, wherever one is
    about = {"notes": "[freshness] in validation/thresholds.toml"}
    return {"type": "expect_column_max_to_be_between", "kwargs": {"column": freshness.column, "min_value": oldest}, **about}


def _describe_finding(result: dict[str, Any], frame: pd.DataFrame) -> Finding:
    config, seen = result["expectation_config"], result["result"]
    arguments = {key: value for key, value in config["kwargs"].items() if key not in ("batch_id", "column")}
    column = config["kwargs"].get("column", "")
    expectation = f"{config['type']} {json.dumps(arguments, default=str)}" if arguments else config["type"]
    rows = [row for row in seen.get("partial_unexpected_index_list") or [] if isinstance(row, int)]
    absent = _find_absent(find_columns(config["kwargs"]), frame) if column or _read_exception(result["exception_info"]) else []
    observed = "there is no such column" if absent else _describe_observed(seen)
    return Finding(column=", ".join(absent) or column, expectation=expectation, observed=observed, rows=rows[:SHOWN_ROWS])


def _describe_observed(seen: dict[str, Any]) -> str:
    """Say what was found instead; what the library gives depends on the expectation."""
    details = seen.get("details") or {}
    if isinstance(mismatched := details.get("mismatched"), dict):
        missing = mismatched.get("missing")
        return f"missing: {', '.join(missing)}" if missing else f"not expected: {', '.join(mismatched.get('unexpected', []))}"
    if "partial_unexpected_list" in seen:
        some = ", ".join(str(value) for value in (seen["partial_unexpected_list"] or seen.get("partial_missing_list") or [])[:SHOWN_ROWS])
        counted = f"{seen['unexpected_count']} of {seen['element_count']} rows, " if "element_count" in seen else ""
        return f"{counted}such as {some or 'a missing value'}"
    if seen.get("observed_value") is not None:
        return str(seen["observed_value"])
    return str(details or "it does not hold")[:200]
