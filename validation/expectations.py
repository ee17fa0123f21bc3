"""Great Expectations: is the data what we think it is."""

import json
import warnings
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from validation.report import Finding
from validation.thresholds import Freshness

SHOWN_ROWS = 5


@dataclass(frozen=True)
class Checked:
    """How many expectations there are, what of them does not hold, and the library's own result."""

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
    """Hold a frame against a suite, and its newest row against today where freshness is asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library's own, about other libraries
        # Imported here: it costs some seconds.
        import great_expectations as gx
        from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults, ProgressBarsConfig

        # Its default is a new folder in /tmp for every check, which stays.
        quiet = DataContextConfig(store_backend_defaults=InMemoryStoreBackendDefaults(), progress_bars=ProgressBarsConfig(globally=False))
        context = gx.get_context(mode="ephemeral", project_config=quiet)
        asset = context.data_sources.add_pandas("pandas").add_dataframe_asset("rows")
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
        said = json.loads(suite.read_text(encoding="utf-8"))
        said["expectations"] += [fresh(freshness)] if freshness else []
        result = batch.validate(gx.ExpectationSuite(**said), result_format="SUMMARY")
    findings = [finding(each.to_json_dict(), frame) for each in result.results if not each.success]
    return Checked(len(said["expectations"]), findings, result)


def fresh(freshness: Freshness) -> dict[str, Any]:
    """Return the expectation that the newest row is recent; dates as text in ISO 8601 sort by time."""
    oldest = (date.today() - timedelta(days=freshness.max_days)).isoformat()  # a day more or less, wherever one is
    return {"type": "expect_column_max_to_be_between", "kwargs": {"column": freshness.column, "min_value": oldest}}


def finding(result: dict[str, Any], frame: pd.DataFrame) -> Finding:
    """Put one of the library's results in plain words."""
    config, seen = result["expectation_config"], result["result"]
    arguments = {key: value for key, value in config["kwargs"].items() if key not in ("batch_id", "column")}
    column = config["kwargs"].get("column", "")
    expectation = f"{config['type']} {json.dumps(arguments)}" if arguments else config["type"]
    rows = [int(row) for row in seen.get("partial_unexpected_index_list") or []]
    said = observed(column, seen, result["exception_info"], frame)
    return Finding(column=column, expectation=expectation, observed=said, rows=rows[:SHOWN_ROWS])


def observed(column: str, seen: dict[str, Any], error: dict[str, Any], frame: pd.DataFrame) -> str:
    """Say what was found instead."""
    if column and column not in frame.columns:
        return "there is no such column"
    if "details" in seen:
        return f"missing: {', '.join(seen['details']['mismatched'].get('missing', []))}"
    if "partial_unexpected_list" in seen:
        some = ", ".join(str(value) for value in seen["partial_unexpected_list"][:SHOWN_ROWS])
        return f"{seen['unexpected_count']} of {seen['element_count']} rows, such as {some or 'a missing value'}"
    if "observed_value" in seen:
        return str(seen["observed_value"])
    return str(error)[:200]
