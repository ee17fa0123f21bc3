"""The fitted pipeline, for the peers: the same file that Slipway serves, loaded by the same library."""

import os
from typing import Any

import pandas as pd
import skops.io

PATH = os.environ["MODEL"]


class Fitted:
    """The pipeline in `MODEL`. The measurement wrote that file itself, so whatever it names is trusted."""

    def __init__(self) -> None:
        self.trusted = skops.io.get_untrusted_types(file=PATH)
        self.pipeline = skops.io.load(PATH, trusted=self.trusted)
        self.columns = list(self.pipeline.feature_names_in_)

    def predict(self, rows: Any) -> Any:
        """Answer rows, dictionaries or an array of them, as the pipeline takes them: with columns."""
        return self.pipeline.predict(pd.DataFrame(rows, columns=self.columns))
