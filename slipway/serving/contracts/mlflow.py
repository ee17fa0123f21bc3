"""MLflow's scoring protocol: GET /ping, /health and /version, and POST /invocations with JSON or CSV.

https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally/
"""

from slipway.serving.contracts import forms

FORMS = {"dataframe_split": forms.split, "dataframe_records": forms.listed, "instances": forms.columns, "inputs": forms.columns}
