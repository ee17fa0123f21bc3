"""What is fitted."""

from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.svm import LinearSVC


def build() -> Pipeline:
    """Return the unfitted pipeline."""
    words = ColumnTransformer([("words", TfidfVectorizer(ngram_range=(1, 2), min_df=2), "message")])
    return make_pipeline(words, CalibratedClassifierCV(LinearSVC(random_state=0), cv=3))
