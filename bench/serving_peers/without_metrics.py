"""Slipway's service as it is, but without its own metrics: what they cost is the difference.

The one module of the measurement that knows the inside of `slipway/serving/metrics.py`.
"""

from typing import Any

from prometheus_client.metrics import MetricWrapperBase

from slipway.serving import __main__, metrics
from slipway.serving.metrics import DriftCounter, RequestCounter


class Nothing:
    """Stands for a metric: takes whatever is asked of one, and does nothing."""

    def __getattr__(self, _: str) -> Any:
        return self.nothing

    def nothing(self, *_: Any, **__: Any) -> Any:
        """Do nothing, and return what `labels` would: something to count with."""
        return self


def silence() -> None:
    """Put nothing in the place of each metric, and of what is counted from requests, rows and answers."""
    for name, found in list(vars(metrics).items()):
        if isinstance(found, MetricWrapperBase):
            setattr(metrics, name, Nothing())
    RequestCounter.add = DriftCounter.add = lambda *_: None  # type: ignore[method-assign]


if __name__ == "__main__":
    silence()
    __main__.main()
