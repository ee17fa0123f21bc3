"""BentoML with batching: it joins the rows of the requests that have come, and learns for how long it is worth to wait."""

from typing import Any

import bentoml  # type: ignore[import-not-found]  # it is in the environment of this peer alone

from bench.serving_peers.fitted import Fitted


@bentoml.service(workers=1, traffic={"timeout": 60}, metrics={"enabled": False})
class Model:
    """The pipeline, behind BentoML's interface."""

    def __init__(self) -> None:
        self.fitted = Fitted()

    @bentoml.api(batchable=True, max_batch_size=1024, max_latency_ms=5000)  # type: ignore[untyped-decorator]
    def predict(self, rows: list[dict[str, Any]]) -> list[float]:
        """Answer the rows of all requests together."""
        answers: list[float] = self.fitted.predict(rows).tolist()
        return answers
