"""A fitted scikit-learn pipeline as plain numpy: the same answers, without a DataFrame and a ColumnTransformer per call."""

from service.compiled.program import compiled
from service.compiled.table import Columns, NotCompiled

__all__ = ["Columns", "NotCompiled", "compiled"]
