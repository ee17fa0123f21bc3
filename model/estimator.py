"""What is fitted."""

from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

CATEGORIES = ["season", "weekday", "weathersit"]


def build() -> Pipeline:
    """Return the unfitted pipeline. Counts are Poisson: their spread grows with their mean."""
    encode = ColumnTransformer(
        [("categories", OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), CATEGORIES)],
        remainder="passthrough",
    )
    return Pipeline([("encode", encode), ("regress", HistGradientBoostingRegressor(loss="poisson", random_state=0))])
