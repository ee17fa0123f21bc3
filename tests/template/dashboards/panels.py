"""What panels have in common: where they ask, how wide they are, what they say of themselves."""

from grafana_foundation_sdk.builders import bargauge, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import AnnotationQuery, DataSourceRef, VariableRefresh

SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
# Of 24 columns and rows.
THIRD, QUARTER, HALF, HIGH, LOW = 8, 6, 12, 8, 5
# When a deploy or a rollback records another release as live.
RECORDED = 'release_recorded{release=~"$release"} unless release_recorded{release=~"$release"} offset 1m'
Query = tuple[str, str]


def query(number: int, asked: Query) -> prometheus.Dataquery:
    """Ask for an expression; what is beside it names its lines."""
    expression, legend = asked
    return prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + number)).datasource(SOURCE)


def lines(title: str, told: str, unit: str, *asked: Query, width: int = THIRD) -> timeseries.Panel:
    """Return a panel of lines over time."""
    panel = timeseries.Panel().title(title).description(told).unit(unit).datasource(SOURCE).span(width).height(HIGH)
    for number, each in enumerate(asked):
        panel = panel.with_target(query(number, each))
    return panel


def number(title: str, told: str, unit: str, asked: Query, width: int = QUARTER) -> stat.Panel:
    """Return a panel of large numbers as they are now."""
    panel = stat.Panel().title(title).description(told).unit(unit).datasource(SOURCE).span(width).height(LOW)
    return panel.with_target(query(0, asked).instant())


def bars(title: str, told: str, asked: Query) -> bargauge.Panel:
    """Return a panel of shares as they are now, a bar for each."""
    panel = bargauge.Panel().title(title).description(told).unit("percentunit").datasource(SOURCE).span(HALF).height(HIGH).min(0)
    return panel.with_target(query(0, asked).instant())


def variable(name: str, asked: str) -> dashboard.QueryVariable:
    """Return a choice among the values of a label."""
    made = dashboard.QueryVariable(name).query(asked).datasource(SOURCE).refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    return made.multi(True).include_all(True).all_value(".*")


def page(uid: str, title: str, told: str, variables: list[dashboard.QueryVariable]) -> dashboard.Dashboard:
    """Return a dashboard without panels; deploys and rollbacks are marked on it."""
    marks = AnnotationQuery(name="deploys and rollbacks", datasource=SOURCE, enable=True, icon_color="blue", expr=RECORDED)
    made = dashboard.Dashboard(title).uid(uid).description(told).tags(["slipway"]).refresh("30s").time("now-6h", "now").readonly()
    for each in variables:
        made = made.with_variable(each)
    return made.annotation(Ready(marks))


class Ready(Builder[AnnotationQuery]):
    """What is made already; the library's own builder cannot say the expression of a Prometheus annotation together with its title."""

    def __init__(self, made: AnnotationQuery) -> None:
        self.made = made

    def build(self) -> AnnotationQuery:
        """Return it."""
        return self.made
