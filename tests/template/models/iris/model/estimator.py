"""What is fitted."""

from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler


def build() -> Pipeline:
    """Return the unfitted pipeline."""
    return make_pipeline(StandardScaler(), KNeighborsClassifier(n_neighbors=15))
