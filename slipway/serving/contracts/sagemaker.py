"""Amazon SageMaker: GET /ping, and POST /invocations with JSON or CSV.

https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html
"""

from typing import Any

from slipway.serving.contracts import forms
from slipway.serving.errors import Refused

# SageMaker leaves the content to the container: {"instances": [...]} as in its own containers, or rows as for /predict.
FORMS = {"instances": forms.listed}


def bare(value: Any) -> list[Any]:
    """Take rows that nothing is wrapped around: a list of them, or one. Raises Refused."""
    if not isinstance(value, dict | list):
        raise Refused(422, "the request: a row, a list of rows or instances are expected.")
    return value if isinstance(value, list) else [value]
