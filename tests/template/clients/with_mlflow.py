"""MLflow's own client."""
# What it imports is in an environment of its own.
# mypy: ignore-errors

import json

import pandas as pd
from mlflow.pyfunc.scoring_server.client import ScoringServerClient

from tests.template.clients.asked import TAG, given, refusal

asked = given()
host, port = asked.address.split(":")
client = ScoringServerClient(host, port)
client.wait_server_ready()
assert json.loads(client.get_version())["tag"] == TAG
for data in (pd.DataFrame(asked.rows), asked.rows, json.dumps({"instances": asked.rows}), json.dumps({"dataframe_records": asked.rows})):
    asked.hold(client.invoke(data).get_predictions(predictions_format="ndarray"))
asked.hold(client.invoke(pd.DataFrame(asked.rows)).get_predictions()[0])
assert "error code 422" in str(refusal(Exception, lambda: client.invoke([])))
