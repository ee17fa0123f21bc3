"""What is fitted."""

from catboost import CatBoostClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from model.features import Row

NUMBERS = ["SeniorCitizen", "tenure", "MonthlyCharges", "TotalCharges"]
WORDS = [name for name in Row.model_fields if name not in NUMBERS]


def build() -> Pipeline:
    """Return the unfitted pipeline. CatBoost takes words as they are."""
    return make_pipeline(
        CatBoostClassifier(iterations=200, depth=4, cat_features=WORDS, random_seed=0, verbose=False, allow_writing_files=False)
    )
