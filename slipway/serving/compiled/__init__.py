"""A fitted scikit-learn pipeline as plain numpy: the same answers, without a DataFrame and a ColumnTransformer per call."""

from slipway.serving.compiled.program import compiled
from slipway.serving.compiled.table import Columns, NotCompiled

__all__ = ["Columns", "NotCompiled", "compiled"]
