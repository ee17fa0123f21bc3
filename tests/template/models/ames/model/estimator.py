"""What is fitted."""

import numpy as np
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor, StackingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def build() -> Pipeline:
    """Return the unfitted pipeline. Three kinds of model vote on the logarithm of the price."""
    words = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=10, sparse_output=False)
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    encode = ColumnTransformer(
        [
            ("numbers", numbers, make_column_selector(dtype_include="number")),
            ("words", words, make_column_selector(dtype_exclude="number")),
        ]
    )
    stack = StackingRegressor(
        [
            ("linear", RidgeCV(alphas=np.logspace(0, 3, 10))),
            ("forest", RandomForestRegressor(n_estimators=50, min_samples_leaf=3, random_state=0)),
            ("boosted", HistGradientBoostingRegressor(max_iter=80, random_state=0)),
        ],
        final_estimator=RidgeCV(),
        cv=3,
    )
    return make_pipeline(encode, TransformedTargetRegressor(stack, func=np.log1p, inverse_func=np.expm1))
