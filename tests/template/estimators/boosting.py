"""XGBoost, LightGBM and CatBoost, alone and in a pipeline."""

from typing import Any

from catboost import CatBoostClassifier, CatBoostRegressor
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn import model_selection
from xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier

from tests.template.estimators.compositions import ENCODED, calibrated_by, encoded
from tests.template.estimators.rows import Case

FEW: dict[str, Any] = {"n_estimators": 5, "random_state": 0, "n_jobs": 1}
FEW_LEAVES: dict[str, Any] = {**FEW, "verbose": -1, "min_child_samples": 5}
FEW_TREES: dict[str, Any] = {"iterations": 5, "random_seed": 0, "verbose": 0, "allow_writing_files": False, "thread_count": 1}

CASES: dict[str, Case] = {
    "XGBClassifier": Case(lambda: XGBClassifier(**FEW), "binary"),
    "XGBClassifier, several": Case(lambda: XGBClassifier(**FEW), "multiclass"),
    "XGBRegressor": Case(lambda: XGBRegressor(**FEW), "regression"),
    "XGBRFClassifier": Case(lambda: XGBRFClassifier(**FEW), "binary"),
    "XGBoost encoded": Case(lambda: encoded(XGBRegressor(**FEW)), "regression", ENCODED),
    "XGBoost searched": Case(
        lambda: model_selection.GridSearchCV(encoded(XGBClassifier(**FEW)), {"shape__max_depth": [2, 3]}, cv=2), "binary", ENCODED
    ),
    "XGBoost calibrated": Case(lambda: calibrated_by(XGBClassifier(**FEW)), "binary"),
    "LGBMClassifier": Case(lambda: LGBMClassifier(**FEW_LEAVES), "binary"),
    "LGBMClassifier, several": Case(lambda: LGBMClassifier(**FEW_LEAVES), "multiclass"),
    "LGBMRegressor": Case(lambda: LGBMRegressor(**FEW_LEAVES), "regression"),
    "LightGBM encoded": Case(lambda: encoded(LGBMClassifier(**FEW_LEAVES)), "binary", ENCODED),
    "CatBoostClassifier": Case(lambda: CatBoostClassifier(**FEW_TREES), "binary"),
    "CatBoostClassifier, several": Case(lambda: CatBoostClassifier(**FEW_TREES), "multiclass"),
    "CatBoostRegressor": Case(lambda: CatBoostRegressor(**FEW_TREES), "regression"),
    "CatBoost with words": Case(lambda: CatBoostRegressor(cat_features=["town"], **FEW_TREES), "regression", ENCODED),
    "CatBoost encoded": Case(lambda: encoded(CatBoostClassifier(**FEW_TREES)), "binary", ENCODED),
}
