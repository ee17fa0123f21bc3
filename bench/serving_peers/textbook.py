"""What tutorials show: a pydantic model, a DataFrame and `predict`, in a handler that FastAPI runs in a thread."""

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from bench.serving_peers import listening
from bench.serving_peers.fitted import Fitted

app = FastAPI()
fitted = Fitted()


class Row(BaseModel):
    """One hour."""

    season: int
    yr: int
    mnth: int
    hr: int
    holiday: int
    weekday: int
    workingday: int
    weathersit: int
    temp: float
    atemp: float
    hum: float
    windspeed: float


class Prediction(BaseModel):
    """A number per row."""

    predictions: list[float]


@app.post("/predict")
def predict(rows: list[Row]) -> Prediction:
    """Answer rows."""
    return Prediction(predictions=fitted.predict([row.model_dump() for row in rows]).tolist())


if __name__ == "__main__":
    uvicorn.run(app, host=listening.HOST, port=listening.PORT, access_log=False)
