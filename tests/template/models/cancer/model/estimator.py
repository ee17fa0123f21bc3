"""What is fitted."""

from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


def build() -> Pipeline:
    """Return the unfitted pipeline."""
    return make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(random_state=0))
