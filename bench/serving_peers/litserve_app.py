"""LitServe with batching: it takes what has come within a moment, and predicts once."""

from collections.abc import Sequence
from itertools import accumulate, chain, pairwise
from typing import Any

import litserve  # type: ignore[import-not-found]  # it is in the environment of this peer alone

from bench.serving_peers import listening
from bench.serving_peers.fitted import Fitted

MAX_BATCH, BATCH_SECONDS = 64, 0.002


class Api(litserve.LitAPI):  # type: ignore[misc]
    """The pipeline, behind LitServe's interface. A request has one row or many, so batches are joined and cut here."""

    def setup(self, device: str) -> None:  # noqa: ARG002  # the interface
        """Load the pipeline, in the process that predicts."""
        self.fitted = Fitted()

    def decode_request(self, request: dict[str, Any]) -> Any:
        """Return the rows of a request."""
        return request["rows"]

    def batch(self, inputs: Sequence[Any]) -> Any:
        """Join the rows of requests, and keep where each ends."""
        self.ends = [0, *accumulate(map(len, inputs))]
        return list(chain.from_iterable(inputs))

    def predict(self, rows: Any) -> Any:
        """Answer the rows of all requests together."""
        return self.fitted.predict(rows).tolist()

    def unbatch(self, answers: Any) -> list[Any]:
        """Cut the answers, for each request its own."""
        return [answers[start:end] for start, end in pairwise(self.ends)]

    def encode_response(self, answers: Any) -> dict[str, Any]:
        """Return the answer to a request."""
        return {"predictions": answers}


if __name__ == "__main__":
    api = Api(max_batch_size=MAX_BATCH, batch_timeout=BATCH_SECONDS)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=1, fast_queue=True)
    server.run(host=listening.HOST, port=listening.PORT, num_api_servers=1, generate_client_file=False, log_level="warning")
