"""How the model must behave, whatever its figures say."""

from typing import Any

# Customer 5575-GNVDE.
MONTHLY = {
    "gender": "Male",
    "SeniorCitizen": 0,
    "Partner": "No",
    "Dependents": "No",
    "tenure": 34,
    "PhoneService": "Yes",
    "MultipleLines": "No",
    "InternetService": "Fiber optic",
    "OnlineSecurity": "No",
    "OnlineBackup": "No",
    "DeviceProtection": "No",
    "TechSupport": "No",
    "StreamingTV": "No",
    "StreamingMovies": "No",
    "Contract": "Month-to-month",
    "PaperlessBilling": "Yes",
    "PaymentMethod": "Electronic check",
    "MonthlyCharges": 70.7,
    "TotalCharges": 2400.5,
}
NEW = {**MONTHLY, "tenure": 0, "TotalCharges": None}

CASES: list[dict[str, Any]] = [
    {
        "name": "who signed for two years stays",
        "kind": "direction",
        "rows": [MONTHLY],
        "change": {"Contract": "Two year"},
        "expect": "lower",
        "by": 0.1,
    },
    {"name": "his or hers is the same", "kind": "invariance", "rows": [MONTHLY], "change": {"gender": "Female"}, "within": 0.1},
    {"name": "who has not paid yet is answered", "kind": "minimum", "rows": [NEW], "at_least": 0.3},
]
