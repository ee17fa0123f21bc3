"""The one declaration of what the model takes and answers. Requests, checks, losses and reports follow from it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

TASK = "binary"
TARGET = "Churn"
POSITIVE: str | int | bool | None = "Yes"
GROUP: str | None = None
TARGET_RANGE: tuple[float, float] | None = None
SLICES: dict[str, tuple[float, ...] | None] = {"Contract": None, "tenure": (12, 36)}
CONTRACT_VERSION = 1

YesNo = Literal["Yes", "No"]
Line = Literal["Yes", "No", "No phone service"]
Internet = Literal["Yes", "No", "No internet service"]


class Row(BaseModel):
    """A customer at the end of a month."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    gender: Literal["Female", "Male"]
    SeniorCitizen: Literal[0, 1]
    Partner: YesNo
    Dependents: YesNo
    tenure: Annotated[int, Field(ge=0, le=240, description="months")]
    PhoneService: YesNo
    MultipleLines: Line
    InternetService: Literal["DSL", "Fiber optic", "No"] | str
    OnlineSecurity: Internet
    OnlineBackup: Internet
    DeviceProtection: Internet
    TechSupport: Internet
    StreamingTV: Internet
    StreamingMovies: Internet
    Contract: Literal["Month-to-month", "One year", "Two year"] | str
    PaperlessBilling: YesNo
    PaymentMethod: Literal["Bank transfer (automatic)", "Credit card (automatic)", "Electronic check", "Mailed check"] | str
    MonthlyCharges: Annotated[float, Field(ge=0, le=500)]
    TotalCharges: Annotated[float, Field(ge=0, le=50_000)] | None
