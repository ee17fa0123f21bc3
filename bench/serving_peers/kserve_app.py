"""KServe's Python server, for a model of one's own; by its first protocol, whose p50 is lower here than the second's."""

import argparse
from typing import Any

from kserve import Model, ModelServer, model_server  # type: ignore[import-not-found]  # it is in the environment of this peer alone

from bench.serving_peers.fitted import Fitted


class Served(Model):  # type: ignore[misc]
    """The pipeline."""

    def load(self) -> bool:
        """Load the pipeline."""
        self.fitted = Fitted()
        self.ready = True
        return self.ready

    def predict(self, payload: Any, headers: Any = None) -> Any:  # noqa: ARG002  # the interface
        """Answer the rows of a request."""
        return {"predictions": self.fitted.predict(payload["instances"]).tolist()}


if __name__ == "__main__":
    argparse.ArgumentParser(parents=[model_server.parser]).parse_args()
    model = Served("model")
    model.load()
    ModelServer(enable_grpc=False).start([model])
