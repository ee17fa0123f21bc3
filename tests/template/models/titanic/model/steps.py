"""Steps that scikit-learn does not have."""

from typing import Any

import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

RARE = "rare"


class Title(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Turns names, such as "Brown, Mrs. Ann", into titles, shape (n, 1); rare ones are one, and a missing age is that of the title."""

    def __init__(self, least: int = 20) -> None:
        self.least = least

    def fit(self, passengers: pd.DataFrame, _: Any = None) -> "Title":
        """Remember which titles are frequent, and their median age."""
        titles = find_titles(passengers["name"])
        counts = titles.value_counts()
        self.titles_ = sorted(counts[counts >= self.least].index)
        self.ages_ = passengers["age"].groupby(self.keep_frequent(titles)).median().to_dict()
        self.age_ = float(passengers["age"].median())
        return self

    def transform(self, passengers: pd.DataFrame) -> pd.DataFrame:
        """Return passengers with a title, and an age each."""
        titles = self.keep_frequent(find_titles(passengers["name"]))
        ages = passengers["age"].fillna(titles.map(self.ages_)).fillna(self.age_)
        return passengers.drop(columns=["name", "ticket"]).assign(title=titles, age=ages, first=passengers["ticket"].str.startswith("PC"))

    def keep_frequent(self, titles: "pd.Series[str]") -> "pd.Series[str]":
        """Return titles with one word for those that are rare."""
        return titles.where(titles.isin(self.titles_), RARE)


def find_titles(names: "pd.Series[str]") -> "pd.Series[str]":
    """Return the title in each name."""
    return names.str.extract(r", (\w+)\.", expand=False).fillna(RARE)
