"""Write the pipeline as MLflow wants it: `python -m bench.serving_peers.mlflow_model FOLDER`.

Without a signature, since MLflow answers faster so.
"""

import sys

import mlflow.sklearn

from bench.serving_peers.fitted import Fitted

if __name__ == "__main__":
    fitted = Fitted()
    mlflow.sklearn.save_model(fitted.pipeline, sys.argv[1], serialization_format="skops", skops_trusted_types=fitted.trusted)
