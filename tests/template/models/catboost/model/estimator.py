"""What is fitted."""

from catboost import CatBoostClassifier
from sklearn.pipeline import Pipeline, make_pipeline

from model.features import Row

WORDS = [name for name, field in Row.model_fields.items() if field.annotation not in (int, float, float | None)]


def build() -> Pipeline:
    """Return the unfitted pipeline. CatBoost takes words as they are."""
    return make_pipeline(
        CatBoostClassifier(iterations=200, depth=4, cat_features=WORDS, random_seed=0, verbose=False, allow_writing_files=False)
    )
