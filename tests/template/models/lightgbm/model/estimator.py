"""What is fitted."""

from lightgbm import LGBMRegressor
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder


def build() -> Pipeline:
    """Return the unfitted pipeline. LightGBM takes gaps as they are."""
    words = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    encode = ColumnTransformer([("words", words, make_column_selector(dtype_exclude="number"))], remainder="passthrough")
    return make_pipeline(encode, LGBMRegressor(n_estimators=200, learning_rate=0.05, num_leaves=15, random_state=0, verbose=-1))
