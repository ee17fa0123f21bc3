"""The dashboard *Model*: what is asked and answered, beside what was learnt from."""

from grafana_foundation_sdk.builders import dashboard

from tests.template.dashboards.panels import HALF, QUARTER, bars, lines, number, page, variable

OF = 'release=~"$release"'
EACH = f'{OF}, feature=~"$feature"'
RATE = "[$__rate_interval]"


def share(bins: str) -> tuple[str, str]:
    """Ask which share of the last hour's rows was in some bins, by feature."""
    return f'sum by (release, feature) (feature:share:1h{{{EACH}, bin=~"{bins}"}})', "{{feature}}, {{release}}"


def build() -> dashboard.Dashboard:
    """Return the dashboard."""
    choices = [
        variable("release", "label_values(ml_release_info, release)"),
        variable("feature", "label_values(ml_reference_share, feature)"),
    ]
    made = page("slipway-model", "Model", "Requests and answers, beside the training data.", choices)
    answered = f"sum by (release) (rate(ml_prediction_bin_total{{{OF}}}{RATE}))"
    mean = " - ".join(f'sum by (release) (rate(ml_prediction_sum_total{{{OF}, sign="{sign}"}}{RATE}))' for sign in ("positive", "negative"))
    return (
        made.with_row(dashboard.Row("Drift"))
        .with_panel(
            lines(
                "Drift by feature",
                "PSI of the last seven days, as a part of its threshold: above 1 it has drifted. docs/monitoring.md says what to do.",
                "short",
                (f"feature:psi:7d{{{EACH}}} / feature:psi_threshold:7d", "{{feature}}, {{release}}"),
                width=HALF,
            )
        )
        .with_panel(
            lines(
                "PSI and threshold",
                "The same by feature: choose one above. The threshold is high if rows are few, or the feature has seasons.",
                "short",
                (f"feature:psi:7d{{{EACH}}}", "{{feature}}, {{release}}"),
                (f"feature:psi_threshold:7d{{{EACH}}}", "threshold of {{feature}}, {{release}}"),
            )
        )
        .with_panel(
            number(
                "Rows of seven days",
                "The sample behind it, by release. Fewer than 200 rows are not judged.",
                "short",
                (f"prediction:rows:7d{{{OF}}}", "{{release}}"),
                width=4,
            )
        )
        .with_row(dashboard.Row("Predictions"))
        .with_panel(
            lines(
                "Drift of the predictions",
                "PSI of the last seven days and of the last one, and the threshold. Since a deploy: roll back.",
                "short",
                (f"prediction:psi:7d{{{OF}}}", "seven days, {{release}}"),
                (f"prediction:psi:1d{{{OF}}}", "one day, {{release}}"),
                (f"prediction:psi_threshold:7d{{{OF}}}", "threshold, {{release}}"),
            )
        )
        .with_panel(
            lines(
                "Mean prediction",
                "Over all rows; empty for a task of several classes. A step without a deploy: the requests have changed.",
                "short",
                (f"({mean}) / {answered}", "{{release}}"),
            )
        )
        .with_panel(
            lines(
                "Rows a second",
                "How many answers those are.",
                "short",
                (answered, "{{release}}"),
            )
        )
        .with_panel(
            bars(
                "Predictions by bin",
                "Of the last seven days. q0 to q9 are the tenths of the answers to the training data, so about 10 % each, or classes.",
                (f"prediction:share:7d{{{OF}}}", "{{bin}}, {{release}}"),
            )
        )
        .with_panel(
            bars(
                "The same in the training data",
                "The bins on the left, if nothing had changed.",
                (f"prediction:reference{{{OF}}}", "{{bin}}, {{release}}"),
            )
        )
        .with_row(dashboard.Row("Values"))
        .with_panel(
            lines(
                "Missing",
                "Share of the last hour's rows. A rise: a data source of the caller has failed.",
                "percentunit",
                share("missing"),
                width=QUARTER,
            )
        )
        .with_panel(
            lines(
                "Unknown categories",
                "Share of the last hour's rows with a category that training never saw.",
                "percentunit",
                share("other"),
                width=QUARTER,
            )
        )
        .with_panel(
            lines(
                "Out of range",
                "Share of the last hour's rows below or above all that training saw. A unit that changed shows here first.",
                "percentunit",
                share("below|above"),
                width=QUARTER,
            )
        )
        .with_panel(
            number(
                "Rows of the last hour",
                "The sample behind these three. Below 200 no alert is raised.",
                "short",
                (f"max by (release) (feature:rows:1h{{{OF}}})", "{{release}}"),
            )
        )
        .with_row(dashboard.Row("By bin"))
        .with_panel(
            bars(
                "Values by bin",
                "Of the last seven days: choose one feature above.",
                (f"feature:share:7d{{{EACH}}}", "{{feature}} {{bin}}, {{release}}"),
            )
        )
        .with_panel(
            bars(
                "The same in the training data",
                "The bins on the left, if nothing had changed.",
                (f"feature:reference{{{EACH}}}", "{{feature}} {{bin}}, {{release}}"),
            )
        )
    )
