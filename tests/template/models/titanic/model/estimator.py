"""What is fitted."""

from model.steps import Title
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder


def build() -> Pipeline:
    """Return the unfitted pipeline."""
    words = ["sex", "embarked", "title", "cabin_known"]
    encode = ColumnTransformer([("words", OneHotEncoder(handle_unknown="ignore"), words)], remainder="passthrough", sparse_threshold=0)
    return make_pipeline(Title(), encode, RandomForestClassifier(n_estimators=60, min_samples_leaf=5, random_state=0))
