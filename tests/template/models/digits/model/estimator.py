"""What is fitted."""

from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


def build() -> Pipeline:
    """Return the unfitted pipeline."""
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000, random_state=0))
