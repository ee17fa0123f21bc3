"""Slipway's service, whose own metrics are switched off by SIGUSR1, and on by SIGUSR2: what they cost is the difference.

Two processes would differ by some percent by themselves. The one module of the measurement that knows the inside of
`slipway/serving/metrics.py`.
"""

import signal
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


METRICS = {name: found for name, found in vars(metrics).items() if isinstance(found, MetricWrapperBase)}
COUNTERS = {each: each.add for each in (RequestCounter, DriftCounter)}


def switch(on: bool) -> None:
    """Put each metric, and what is counted from requests, rows and answers, into its place, or nothing."""
    for name, found in METRICS.items():
        setattr(metrics, name, found if on else Nothing())
    for counter, add in COUNTERS.items():
        counter.add = add if on else lambda *_: None  # type: ignore[method-assign]


if __name__ == "__main__":
    signal.signal(signal.SIGUSR1, lambda *_: switch(on=False))
    signal.signal(signal.SIGUSR2, lambda *_: switch(on=True))
    __main__.main()
