"""Great Expectations: is the data what we think it is."""

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

SHOWN_ROWS = 5


@dataclass(frozen=True)
class Finding:
    """One expectation that does not hold; `rows` are numbers of offending rows, from 0."""

    column: str
    expectation: str
    observed: str
    rows: list[int]


def check(frame: pd.DataFrame, suite: Path) -> list[Finding]:
    """Return what of a suite does not hold for a frame; an empty list is good news."""
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
        expected = gx.ExpectationSuite(**json.loads(suite.read_text(encoding="utf-8")))
        result = batch.validate(expected, result_format="SUMMARY")
    return [finding(each.to_json_dict(), frame) for each in result.results if not each.success]


def finding(result: dict[str, Any], frame: pd.DataFrame) -> Finding:
    """Put one of the library's results in plain words."""
    config, seen = result["expectation_config"], result["result"]
    arguments = {key: value for key, value in config["kwargs"].items() if key not in ("batch_id", "column")}
    column = config["kwargs"].get("column", "")
    expectation = f"{config['type']} {json.dumps(arguments)}" if arguments else config["type"]
    rows = [int(row) for row in seen.get("partial_unexpected_index_list") or []]
    return Finding(column, expectation, observed(column, seen, result["exception_info"], frame), rows[:SHOWN_ROWS])


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
