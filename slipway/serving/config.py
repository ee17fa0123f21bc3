"""The serving config, `config.toml`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Contract = Literal["azure", "mlflow", "sagemaker", "v1", "v2", "vertex"]


class Config(BaseModel):
    """Strict, so that a misspelt or missing setting is an error; the file says what each is for."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    max_rows: int = Field(ge=1)
    max_body_bytes: int = Field(ge=1)
    max_waiting: int = Field(ge=1)
    max_wait_seconds: float = Field(gt=0)
    drain_seconds: float = Field(ge=0)
    log_requests: Literal["all", "refused"]
    contracts: list[Contract]
