"""MLServer's interface for a model of one's own. Its sklearn runtime gives the pipeline an array, which has no columns."""

from mlserver import MLModel  # type: ignore[import-not-found]  # it is in the environment of this peer alone
from mlserver.codecs import NumpyCodec, NumpyRequestCodec  # type: ignore[import-not-found]
from mlserver.types import InferenceRequest, InferenceResponse  # type: ignore[import-not-found]

from bench.serving_peers.fitted import Fitted


class Model(MLModel):  # type: ignore[misc]
    """The pipeline. Rows come as one tensor, which is what MLServer joins and cuts fastest."""

    async def load(self) -> bool:
        """Load the pipeline."""
        self.fitted = Fitted()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer rows: of one request, or of many that MLServer has joined."""
        answers = self.fitted.predict(NumpyCodec.decode_input(payload.inputs[0]))
        return NumpyRequestCodec.encode_response(model_name=self.name, payload=answers)
