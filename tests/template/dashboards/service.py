"""The dashboard *Service*: who answers, how fast, with how many errors, and what it costs."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.common import BigValueTextMode

from tests.template.dashboards.panels import lines, number, page, variable

ASKED = 'release=~"$release", route!~"/healthz|/readyz|/metrics|/ping|none"'
RATE = "[$__rate_interval]"


def quantile(share: float) -> tuple[str, str]:
    """Ask how long so many of the requests take at most, by release."""
    asked = f"histogram_quantile({share}, sum by (release, le) (rate(ml_request_seconds_bucket{{{ASKED}}}{RATE})))"
    return asked, f"{share:.0%} of {{{{release}}}}".replace("%", " %")


def errors(codes: str) -> tuple[str, str]:
    """Ask which share of the requests got such a code, by release."""
    by_release = f"sum by (release) (rate(ml_requests_total{{{ASKED}}}{RATE}))"
    failed = f'sum by (release) (rate(ml_requests_total{{{ASKED}, code=~"{codes}"}}{RATE}))'
    return f"({failed} or 0 * {by_release}) / {by_release}", f"{codes.replace('.', 'x')} of {{{{release}}}}"


def build() -> dashboard.Dashboard:
    """Return the dashboard."""
    requests = f"sum by (release) (rate(ml_requests_total{{{ASKED}}}{RATE}))"
    made = page(
        "slipway-service", "Service", "Live release, traffic, latency and errors.", [variable("release", "label_values(up, release)")]
    )
    return (
        made.with_row(dashboard.Row("Now"))
        .with_panel(
            number(
                "Live release",
                "The last deploy or rollback recorded it. Not the one that you expect? ./run status.",
                "short",
                ("release:live", "{{release}}"),
            ).text_mode(BigValueTextMode.NAME)
        )
        .with_panel(
            number(
                "Running since",
                "How long ago each release was loaded. Short, without a deploy: it was restarted; look at Restarts.",
                "s",
                ('time() - max by (release) (ml_release_loaded_timestamp_seconds{release=~"$release"})', "{{release}}"),
            )
        )
        .with_panel(
            number(
                "Requests a second",
                "Requests to all releases, without probes.",
                "reqps",
                ("requests:rate5m", "requests"),
            )
        )
        .with_panel(
            number(
                "Failed requests",
                "The share of the last five minutes' requests that ended with 500 or above. The objective is below 0.5 %.",
                "percentunit",
                ("errors:rate5m / requests:rate5m", "failed"),
            )
        )
        .with_row(dashboard.Row("Requests"))
        .with_panel(
            lines(
                "Traffic",
                "By release. After a deploy one line falls as the other rises.",
                "reqps",
                (requests, "{{release}}"),
            )
        )
        .with_panel(
            lines(
                "Errors",
                "Shares of requests. 5xx: failures of the service; since a deploy, roll back. 4xx: rejected requests; ask the caller.",
                "percentunit",
                errors("5.."),
                errors("4.."),
            )
        )
        .with_panel(
            lines(
                "Latency",
                "How long 50, 95 and 99 of 100 requests take at most. Since a deploy: roll back. With a queue: too many requests.",
                "s",
                *(quantile(share) for share in (0.5, 0.95, 0.99)),
            )
        )
        .with_row(dashboard.Row("Load"))
        .with_panel(
            lines(
                "Queue",
                "Requests that wait for the model. It grows when there are more requests than one process answers.",
                "short",
                ('max by (release) (ml_queue_depth{release=~"$release"})', "{{release}}"),
            )
        )
        .with_panel(
            lines(
                "Rejected",
                "Requests a second answered with 503, because too many waited (queue) or they waited for too long (late).",
                "reqps",
                (f'sum by (release, reason) (rate(ml_shed_total{{release=~"$release"}}{RATE}))', "{{release}}, {{reason}}"),
            )
        )
        .with_panel(
            lines(
                "Time of the model",
                "Of one call of the model, with a batch of rows: the mean. Long since a deploy: the model has become slow.",
                "s",
                (
                    f'sum by (release) (rate(ml_predict_seconds_sum{{release=~"$release"}}{RATE})) '
                    f'/ sum by (release) (rate(ml_predict_seconds_count{{release=~"$release"}}{RATE}))',
                    "{{release}}",
                ),
            )
        )
        .with_panel(
            lines(
                "CPU",
                "Cores in use by each process. Near 1 it is at its limit.",
                "short",
                (f'rate(process_cpu_seconds_total{{job="release", release=~"$release"}}{RATE})', "{{instance}}"),
            )
        )
        .with_panel(
            lines(
                "Memory",
                "Of each process; the limit is 1 GB a container. A line that only rises ends with a restart.",
                "bytes",
                ('process_resident_memory_bytes{job="release", release=~"$release"}', "{{instance}}"),
            )
        )
        .with_panel(
            lines(
                "Restarts",
                "How often each release was started in the last half hour. More than twice raises an alert.",
                "short",
                ('changes(ml_release_loaded_timestamp_seconds{release=~"$release"}[30m])', "{{instance}}"),
            )
        )
    )
