"""What is fitted."""

from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder
from xgboost import XGBClassifier


def build() -> Pipeline:
    """Return the unfitted pipeline."""
    encode = ColumnTransformer(
        [("words", OneHotEncoder(handle_unknown="ignore", sparse_output=False), make_column_selector(dtype_exclude="number"))],
        remainder="passthrough",
    )
    return make_pipeline(encode, XGBClassifier(n_estimators=150, max_depth=3, learning_rate=0.05, random_state=0))
