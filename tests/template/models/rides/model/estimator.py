"""What is fitted, with steps that scikit-learn does not have."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer


class Calendar(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Turns a column of times, shape (n, 1), into month, day of the week, hour, and days since the first, shape (n, 4)."""

    def fit(self, times: pd.DataFrame, _: Any = None) -> "Calendar":
        """Remember the first day."""
        self.first_ = float(days(times).min())
        return self

    def transform(self, times: pd.DataFrame) -> NDArray[np.float64]:
        """Return the four numbers of each time."""
        when = pd.to_datetime(times.iloc[:, 0], format="ISO8601").dt
        return np.column_stack([when.month, when.day_of_week, when.hour, days(times) - self.first_]).astype(np.float64)


def days(times: pd.DataFrame) -> NDArray[np.float64]:
    """Return days since 1970, shape (n,)."""
    return pd.to_datetime(times.iloc[:, 0], format="ISO8601").to_numpy("datetime64[D]").astype(np.float64)


def written(notes: Any) -> Any:
    """Put an empty note where there is none, shape (n,)."""
    return notes.fillna("")


def dense(counts: Any) -> Any:
    """Return a sparse matrix as an array."""
    return counts.toarray()


def build() -> Pipeline:
    """Return the unfitted pipeline."""
    words = make_pipeline(FunctionTransformer(written), CountVectorizer(max_features=50), FunctionTransformer(dense, accept_sparse=True))
    encode = ColumnTransformer([("at", Calendar(), ["at"]), ("note", words, "note")], remainder="passthrough")
    return Pipeline([("encode", encode), ("regress", HistGradientBoostingRegressor(loss="poisson", random_state=0))])
