"""What adopt reads from notebooks: each idiom becomes a build() whose fit answers as the notebook's own, and the rest is said."""

import importlib.util
import json
import sys
import time
import types
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from sklearn import set_config

from slipway.adopt import draft, place, searching
from slipway.adopt.notebook.cells import read_notebook
from slipway.adopt.notebook.study import read_study
from slipway.cli import ROOT
from slipway.errors import PipelineError
from tests.library.test_adopt import take_first

HEAD = "import numpy as np\nimport pandas as pd\nfrom sklearn.model_selection import train_test_split"
READ = "df = pd.read_csv('table.csv')"
SPLIT = "X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.25, random_state=3)"


def make_table(number: int = 240) -> pd.DataFrame:
    """Return rows with numbers, categories, text and times, and three targets."""
    draw = np.random.default_rng(5)
    size, age = draw.uniform(20, 200, number).round(1), draw.integers(0, 60, number)
    area, plan = draw.choice(["north", "south", "west"], number), draw.choice(["basic", "plus"], number)
    words = ["late", "good", "broken", "fast", "call", "never", "again"]
    note = [" ".join(draw.choice(words, 6)) for _ in range(number)]
    score = size * 0.02 + (area == "south") + draw.normal(0, 0.8, number)
    rows = pd.DataFrame({"row_id": range(1000, 1000 + number), "size": size, "age": age, "area": area, "plan": plan, "note": note})
    rows["at"] = pd.date_range("2025-01-01 06:00", periods=number, freq="11h").strftime("%Y-%m-%d %H:%M")
    rows["price"] = np.abs(100 + 40 * score + age).round(2)
    rows["left"] = np.where(score > np.median(score), "yes", "no")
    rows["grade"] = pd.cut(score, [-9, 1.5, 3, 99], labels=["low", "middle", "high"]).astype(str)
    return rows


def write_notebook(path: Path, cells: Sequence[str], printed: str = "", language: str = "python") -> Path:
    """Write cells as a notebook; what is printed is the output of the last."""
    found: list[dict[str, Any]] = [{"cell_type": "code", "source": each.splitlines(keepends=True), "outputs": []} for each in cells]
    if printed:
        found[-1]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": [printed]}]
    text = {"cell_type": "markdown", "source": ["# Words\n", "model.fit(X, y)"]}
    path.write_text(json.dumps({"cells": [text, *found], "metadata": {"language_info": {"name": language}}, "nbformat": 4}))
    return path


@dataclass(frozen=True)
class Both:
    """A notebook that was run, and the drafts from reading it."""

    ran: dict[str, Any]
    drafted: draft.Drafted
    built: Any
    folder: Path

    @property
    def notes(self) -> str:
        """Return all that is said."""
        return "\n".join(self.drafted.notes)

    def inputs(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return rows as the pipeline gets them: the fields of class Row, in their order."""
        spec = importlib.util.spec_from_file_location("drafted_features", self.folder / "model" / "features.py")
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return rows[[field.alias or name for name, field in module.Row.model_fields.items()]]


Compare = Callable[..., Both]


@pytest.fixture
def adopt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Compare:
    """Runs a notebook, reads it, and builds what was drafted."""
    monkeypatch.chdir(tmp_path)

    def call(target: str, *cells: str, printed: str = "", run: bool = True, table: pd.DataFrame | None = None) -> Both:
        (make_table() if table is None else table).to_csv("table.csv", index=False)
        (tmp_path / "model").mkdir(exist_ok=True)
        notebook = write_notebook(tmp_path / "study.ipynb", [HEAD, *cells], printed)
        ran: dict[str, Any] = {"__name__": "notebook"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # as notebooks do what pandas will not take for ever
            for cell in [HEAD, *cells] if run else []:
                exec("\n".join(each for each in cell.splitlines() if not each.startswith(("%", "!"))), ran)  # noqa: S102
        set_config(transform_output="default")
        study = read_study(str(notebook), "", "")
        drafted = draft.draft(Path("table.csv"), target, tmp_path, take_first, study)
        if (tmp_path / "model" / "steps.py").is_file():
            steps = types.ModuleType("model.steps")
            monkeypatch.setitem(sys.modules, "model.steps", steps)
            exec((tmp_path / "model" / "steps.py").read_text(), steps.__dict__)  # noqa: S102
        estimator: dict[str, Any] = {}
        exec((tmp_path / "model" / "estimator.py").read_text(), estimator)  # noqa: S102
        return Both(ran, drafted, estimator["build"](), tmp_path)

    return call


def assert_same_answers(both: Both, own: Any, target: str, answers: Any = None) -> None:
    """Fit what was drafted on the notebook's split, and compare with its own answers to the rows it did not learn from."""
    rows = pd.read_csv("table.csv")
    truth = rows[target] if rows[target].dtype.kind in "if" else pd.Series(pd.factorize(rows[target], sort=True)[0])
    train, test = both.ran["y_train"].index, both.ran["y_test"].index
    inputs = both.inputs(rows)
    fitted = both.built.fit(inputs.loc[train], truth[train])
    ours = fitted.predict_proba(inputs.loc[test]) if hasattr(fitted, "predict_proba") else fitted.predict(inputs.loc[test])
    assert_allclose(ours, own if answers is None else answers, rtol=1e-9, atol=1e-9)


def name_value(value: Any) -> Any:
    """Return a parameter in a form that two estimators share: functions and estimators by their names."""
    if isinstance(value, list | tuple):
        return [name_value(each) for each in value]
    if isinstance(value, dict):
        return {key: name_value(each) for key, each in value.items()}
    if hasattr(value, "get_params") and not isinstance(value, type):
        return (type(value).__name__, {key: name_value(each) for key, each in value.get_params(deep=False).items()})
    if type(value).__module__.startswith("sklearn.compose"):
        return (type(value).__name__, vars(value))
    return getattr(value, "__name__", value) if callable(value) and hasattr(value, "__name__") else repr(value)


def assert_same_parameters(built: Any, own: Any) -> None:
    """Compare classes and parameters, deeply."""
    assert name_value(built) == name_value(own)


COLUMNS = """
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
numeric = ['size', 'age']
categorical = ['area', 'plan']
scale = Pipeline(steps=[('fill', SimpleImputer(strategy='median')), ('scale', StandardScaler())])
prepare = ColumnTransformer(transformers=[
    ('num', scale, numeric),
    ('cat', OneHotEncoder(handle_unknown='ignore'), categorical),
])
"""


def test_a_pipeline_of_a_regression(adopt: Compare) -> None:
    both = adopt(
        "price",
        READ,
        COLUMNS,
        "%matplotlib inline\ny = df['price']\nX = df.drop(columns=['price', 'left', 'grade', 'row_id'])\n" + SPLIT,
        "from sklearn.ensemble import RandomForestRegressor\nmodel = Pipeline([('prepare', prepare), ('forest', RandomForestRegressor("
        "n_estimators=20, max_depth=4, random_state=0))])\nmodel.fit(X_train, y_train)",
        "from sklearn.metrics import mean_absolute_error\nprint(mean_absolute_error(y_test, model.predict(X_test)))",
    )
    assert_same_parameters(both.built, both.ran["model"])
    assert_same_answers(both, both.ran["model"].predict(both.ran["X_test"]), "price")
    assert "loss = losses.absolute" in (both.folder / "model" / "metrics.py").read_text()
    assert "scores that were looked at: mean_absolute_error (cell 6, line 2)" in both.notes
    assert "rows were split by train_test_split(test_size=0.25)" in both.notes
    assert "NUMERIC = ['size', 'age']" in (both.folder / "model" / "estimator.py").read_text()


def test_make_pipeline_and_a_selector_of_a_binary_task(adopt: Compare) -> None:
    both = adopt(
        "left",
        READ + "\ny = df.pop('left').map({'yes': 1, 'no': 0})\nX = df[['age', 'area', 'size', 'plan']]\n" + SPLIT,
        """from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
ohe = OneHotEncoder(handle_unknown='ignore')
prepare = make_column_transformer((StandardScaler(), make_column_selector(dtype_include='number')), (ohe, ['area', 'plan']))
pipe = make_pipeline(prepare, LogisticRegression(C=0.3, max_iter=500))
pipe.fit(X_train, y_train).score(X_test, y_test)""",
    )
    assert_same_parameters(both.built, both.ran["pipe"])
    assert_same_answers(both, both.ran["pipe"].predict_proba(both.ran["X_test"]), "left")
    assert both.drafted.target.positive == "yes"
    assert list(both.inputs(make_table())) == ["age", "area", "size", "plan"]


def test_several_classes_and_an_encoder_of_labels(adopt: Compare) -> None:
    both = adopt(
        "grade",
        READ,
        "from sklearn.preprocessing import LabelEncoder\nle = LabelEncoder()\ny = pd.Series(le.fit_transform(df['grade']))\n"
        "features = [c for c in df.columns if c not in ('grade', 'left', 'price', 'row_id') and df[c].dtype != 'str']\n"
        "X = df[features]\n" + SPLIT,
        "from sklearn.svm import SVC\nfrom sklearn.pipeline import make_pipeline\nfrom sklearn.preprocessing import MinMaxScaler\n"
        "from sklearn.ensemble import VotingClassifier\nfrom sklearn.neighbors import KNeighborsClassifier\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "vote = VotingClassifier([('near', KNeighborsClassifier(7)), ('line', make_pipeline(MinMaxScaler(), LogisticRegression()))],"
        " voting='soft')\nvote.fit(X_train, y_train)",
    )
    assert_same_parameters(both.built, both.ran["vote"])
    assert_same_answers(both, both.ran["vote"].predict_proba(both.ran["X_test"]), "grade")
    assert both.drafted.target.task == "multiclass"


TEXT = "X = df['note']\ny = (df['left'] == 'yes').astype(int)\n"


def test_a_column_of_text_as_a_series(adopt: Compare) -> None:
    both = adopt(
        "left",
        READ + "\n" + TEXT + SPLIT,
        """from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.pipeline import Pipeline
model = Pipeline([('words', TfidfVectorizer(ngram_range=(1, 2), min_df=2)), ('tell', SGDClassifier(loss='log_loss', random_state=0))])
model.fit(X_train, y_train)
model.predict_proba(X_test)""",
    )
    first = both.built.steps[0][1]
    assert [(name, columns) for name, _, columns in first.transformers] == [("text", "note")]
    assert_same_parameters(first.transformers[0][1], both.ran["model"].named_steps["words"])
    assert_same_answers(both, both.ran["model"].predict_proba(both.ran["X_test"]), "left")


def test_a_vectorizer_that_is_fitted_apart_and_numbers_beside_it(adopt: Compare) -> None:
    both = adopt(
        "left",
        READ + "\ny = np.where(df['left'] == 'yes', 1, 0)\ny = pd.Series((df['left'] == 'yes').astype(int))\nX = df\n" + SPLIT,
        """from scipy.sparse import hstack
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
vect = CountVectorizer(binary=True)
A = vect.fit_transform(X_train['note'])
B = vect.transform(X_test['note'])
train = hstack([A, X_train[['size', 'age']].values])
test = hstack([B, X_test[['size', 'age']].values])
model = LogisticRegression(solver='liblinear')
model.fit(train, y_train)""",
    )
    assert_same_answers(both, both.ran["model"].predict_proba(both.ran["test"]), "left")
    assert "`CountVectorizer(binary=True)` on note is a step of build()" in both.notes


def test_columns_of_times_become_a_step(adopt: Compare) -> None:
    both = adopt(
        "price",
        "df = pd.read_csv('table.csv', parse_dates=['at'])\ndf['hour'] = df['at'].dt.hour\ndf['weekday'] = df['at'].dt.day_of_week\n"
        "df['is_weekend'] = (df['weekday'] >= 5).astype(int)\ndf['per_year'] = df['size'] / (df['age'] + 1)\n"
        "df = df.drop(['at', 'row_id', 'note', 'left', 'grade', 'area', 'plan'], axis=1)\n",
        "X, y = df.drop('price', axis=1), df['price']\n" + SPLIT.replace("random_state=3", "shuffle=False"),
        "from sklearn.ensemble import HistGradientBoostingRegressor\nmodel = HistGradientBoostingRegressor(random_state=0, max_iter=30)\n"
        "model.fit(X_train, y_train)",
        "from sklearn.metrics import mean_squared_error\nnp.sqrt(mean_squared_error(y_test, model.predict(X_test)))",
    )
    assert_same_parameters(both.built.steps[-1][1], both.ran["model"])
    assert_same_answers(both, both.ran["model"].predict(both.ran["X_test"]), "price")
    assert "cell 2, line 2; cell 2, line 3; cell 2, line 4; cell 2, line 5: prepare_rows, a step" in both.notes
    assert sorted(map(str, both.inputs(make_table()))) == ["age", "at", "size"]
    assert "loss = losses.squared" in (both.folder / "model" / "metrics.py").read_text()


def test_a_day_that_the_notebook_reads_is_a_feature_and_what_rows_belong_to(adopt: Compare) -> None:
    table = make_table()
    table["day"] = pd.Series(pd.date_range("2025-01-01", periods=60).repeat(4)).dt.strftime("%Y-%m-%d")
    both = adopt(
        "price",
        READ + "\ndf['day'] = pd.to_datetime(df['day'])\ndf['month'] = df['day'].dt.month",
        "X, y = df[['size', 'age', 'month']], df['price']\n" + SPLIT,
        "from sklearn.linear_model import Ridge\nridge = Ridge().fit(X_train, y_train)",
        table=table,
    )
    assert_same_answers(both, both.ran["ridge"].predict(both.ran["X_test"]), "price")
    features = (both.folder / "model" / "features.py").read_text()
    assert 'GROUP: str | None = "day"' in features
    assert "    day: date\n" in features


def test_dummies_and_a_scaler_apart(adopt: Compare) -> None:
    both = adopt(
        "price",
        READ + "\ndf = pd.get_dummies(df[['size', 'area', 'age', 'plan', 'price']], columns=['area', 'plan'], drop_first=True)",
        "X = df.drop(columns='price')\ny = df.price\n" + SPLIT,
        """from sklearn.preprocessing import StandardScaler
from sklearn.linear_model import Ridge
scaler = StandardScaler()
X_train = scaler.fit_transform(X_train)
X_test = scaler.transform(X_test)
ridge = Ridge(alpha=2.0).fit(X_train, y_train)""",
    )
    assert_same_answers(both, both.ran["ridge"].predict(both.ran["X_test"]), "price")
    text = (both.folder / "model" / "estimator.py").read_text()
    assert "OneHotEncoder(handle_unknown='ignore', sparse_output=False, drop='first')" in text
    assert "`StandardScaler()` was fitted apart: it is a step of build()" in both.notes


def test_encoders_of_labels_in_a_loop_take_unknowns(adopt: Compare) -> None:
    both = adopt(
        "left",
        READ + "\nfrom sklearn.preprocessing import LabelEncoder\nle = LabelEncoder()\nfor col in ['area', 'plan']:\n"
        "    df[col] = le.fit_transform(df[col])\ndf['left'] = le.fit_transform(df['left'])",
        "X = df.drop(['left', 'price', 'grade', 'note', 'at', 'row_id'], axis=1)\ny = df['left']\n" + SPLIT,
        "from sklearn.ensemble import GradientBoostingClassifier\nclf = GradientBoostingClassifier(n_estimators=30, random_state=1)\n"
        "clf.fit(X_train, y_train)",
    )
    assert_same_answers(both, both.ran["clf"].predict_proba(both.ran["X_test"]), "left")
    text = (both.folder / "model" / "estimator.py").read_text()
    assert "OrdinalEncoder(handle_unknown='use_encoded_value', unknown_value=-1)" in text
    rows = both.inputs(make_table()).assign(area="elsewhere")
    assert both.built.predict_proba(rows).shape == (240, 2)


GRID = """from sklearn.model_selection import GridSearchCV
from sklearn.tree import DecisionTreeRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
pipe = Pipeline([('scale', StandardScaler()), ('tree', DecisionTreeRegressor(random_state=0))])
params = {}
params['tree__max_depth'] = [2, 3, 5]
params['tree__min_samples_leaf'] = [1, 10]
search = GridSearchCV(pipe, params, cv=3, scoring='neg_mean_absolute_error')
search.fit(X_train, y_train)
print(search.best_params_)"""


def test_a_search_becomes_its_best_parameters_and_a_function(adopt: Compare) -> None:
    start = READ + "\nX = df[['size', 'age']]\ny = df['price']\n" + SPLIT
    first = adopt("price", start, GRID)
    best = first.ran["search"].best_params_
    assert "build() has its parameters from before the search" in first.notes
    assert_same_parameters(first.built, first.ran["pipe"])
    both = adopt("price", start, GRID, printed=f"Fitting 3 folds\n{best}\n")
    assert_same_parameters(both.built, both.ran["search"].best_estimator_)
    assert_same_answers(both, both.ran["search"].predict(both.ran["X_test"]), "price")
    search = (both.folder / "pipeline" / "search.py").read_text()
    compile(search, "search.py", "exec")
    assert "GridSearchCV(Pipeline(" in search
    assert "the search is in pipeline/search.py; with SEARCH_FIRST = True in pipeline/train.py it runs anew" in both.notes


def test_the_training_has_a_switch_for_the_search(tmp_path: Path) -> None:
    drafts, train, search = tmp_path / "build" / "adopt", tmp_path / searching.TRAIN, tmp_path / searching.SEARCH
    first = (ROOT / searching.TRAIN).read_text()
    for folder in (tmp_path, drafts):
        (folder / "pipeline").mkdir(parents=True)
    train.write_text(first)
    (drafts / searching.SEARCH).write_text("def find_best(rows, path): ...\n")
    searching.draft_call(tmp_path, drafts)
    changed = place.find_changed(tmp_path, drafts)
    assert changed == [searching.TRAIN, searching.SEARCH]
    place.write_files(tmp_path, drafts, changed, {})
    text = train.read_text()
    assert (text.count("SEARCH_FIRST"), text.count("search.find_best(rows, project.train_data)"), text.count("\n") <= 40) == (2, 1, True)
    searching.draft_call(tmp_path, drafts)
    assert place.find_changed(tmp_path, drafts) == []
    train.write_text(text.replace("SEARCH_FIRST = False", "SEARCH_FIRST = True"))
    assert place.find_edited(tmp_path, [searching.TRAIN]) == [searching.TRAIN]
    train.write_text(text)
    for name in (searching.TRAIN, searching.SEARCH):  # a draft without a search
        (drafts / name).unlink()
    searching.draft_call(tmp_path, drafts)
    place.refuse_edited(tmp_path, changed := place.find_changed(tmp_path, drafts), drafts)
    place.write_files(tmp_path, drafts, changed, {})
    assert (train.read_text(), search.is_file()) == (first, False)


def test_the_best_parameters_of_a_search_may_be_given_on(adopt: Compare) -> None:
    both = adopt(
        "price",
        READ + "\nX = df[['size', 'age']]\ny = df['price']\n" + SPLIT,
        "from sklearn.model_selection import RandomizedSearchCV\nfrom sklearn.ensemble import ExtraTreesRegressor\n"
        "space = dict(max_depth=[2, 4], min_samples_leaf=[1, 5])\n"
        "found = RandomizedSearchCV(ExtraTreesRegressor(n_estimators=10, random_state=0), space, n_iter=3, random_state=0, cv=3)\n"
        "found.fit(X_train, y_train)\nfound.best_params_ = {'min_samples_leaf': 5, 'max_depth': 4}\n"
        "final = ExtraTreesRegressor(n_estimators=15, random_state=1, **found.best_params_)\nfinal.fit(X_train, y_train)",
        printed="{'min_samples_leaf': 5, 'max_depth': np.int64(4)}",
    )
    assert_same_parameters(both.built, both.ran["final"])
    assert_same_answers(both, both.ran["final"].predict(both.ran["X_test"]), "price")


def test_a_search_over_a_column_of_text(adopt: Compare) -> None:
    both = adopt(
        "left",
        READ + "\n" + TEXT + SPLIT,
        """from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.model_selection import GridSearchCV
space = {'countvectorizer__min_df': [1, 9], 'multinomialnb__alpha': [0.1, 1]}
grid = GridSearchCV(make_pipeline(CountVectorizer(), MultinomialNB()), space)
grid.fit(X_train, y_train)
grid.best_params_""",
        printed="{'countvectorizer__min_df': 9, 'multinomialnb__alpha': 0.1}",
        run=False,
    )
    assert both.built.steps[0][1].transformers[0][1].min_df == 9
    assert both.built.steps[1][1].alpha == 0.1


OWN = '''from sklearn.base import BaseEstimator, TransformerMixin
FACTOR = 3

def share(part, whole):
    return part / (whole + FACTOR)

class AddShare(BaseEstimator, TransformerMixin):
    """Adds a column."""

    def __init__(self, power=1):
        self.power = power

    def fit(self, X, y=None):
        self.top_ = np.max(X[["size"]].to_numpy())
        return self

    def transform(self, X):
        # a comment that stays
        return np.column_stack([X, share(X["size"] ** self.power, self.top_)])
'''


def test_own_classes_go_with_what_they_need(adopt: Compare) -> None:
    both = adopt(
        "price",
        READ + "\nX = df[['size', 'age']]\ny = df['price']\n" + SPLIT,
        OWN,
        "from sklearn.linear_model import LinearRegression\nfrom sklearn.pipeline import Pipeline\n"
        "def make_model(power):\n    return Pipeline([('share', AddShare(power=power)), ('line', LinearRegression())])\n"
        "model = make_model(2)\nmodel.fit(X_train, y_train)",
    )
    assert_same_parameters(both.built, both.ran["model"])
    assert_same_answers(both, both.ran["model"].predict(both.ran["X_test"]), "price")
    steps = (both.folder / "model" / "steps.py").read_text()
    assert "FACTOR = 3" in steps
    assert "# a comment that stays" in steps
    assert "model/steps.py has a copy of AddShare (cell 3, line 7), share (cell 3, line 4)" in both.notes
    assert "import numpy as np" in steps


def test_a_lambda_becomes_a_function_and_a_logarithm_a_regressor(adopt: Compare) -> None:
    both = adopt(
        "price",
        READ + "\nX = df[['size', 'age']]\ny = np.log1p(df['price'])\n" + SPLIT,
        """from sklearn.preprocessing import FunctionTransformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
model = make_pipeline(FunctionTransformer(lambda x: np.sqrt(x + 1)), LinearRegression())
model.fit(X_train, y_train)
answers = np.expm1(model.predict(X_test))""",
    )
    assert type(both.built).__name__ == "TransformedTargetRegressor"
    assert (both.built.func, both.built.inverse_func) == (np.log1p, np.expm1)
    assert both.built.regressor.steps[0][1].func.__name__ == "apply_1"
    assert_same_answers(both, both.ran["answers"], "price")
    assert "cell 3, line 4: a lambda cannot be stored" in both.notes


def test_a_logarithm_of_more_than_the_target_is_said(adopt: Compare) -> None:
    fit = "from sklearn.linear_model import Ridge\nRidge().fit(df[['size']], np.log1p(df['price'] / df['price'].max()))"
    with pytest.raises(PipelineError, match=r"cell 3, line 2: .*price.* is not followed: .max"):
        adopt("price", READ, fit, run=False)
    both = adopt("price", READ, fit.replace("/ df['price'].max()", "/ 100"), run=False)
    assert "the target is computed, `np.log1p(rows['price'] / 100)`; here it is the column as it is: compute it in load" in both.notes
    assert type(both.built).__name__ == "Ridge"


def test_gaps_that_are_filled_by_hand(adopt: Compare) -> None:
    both = adopt(
        "price",
        READ + "\ndf['age'] = df['age'].fillna(df['age'].median())\ndf['area'] = df['area'].fillna('none').str.upper()\n"
        "df['size'] = np.log1p(df['size'])\nX = df.loc[:, ['size', 'area', 'age']]\ny = df['price']\n" + SPLIT,
        """from sklearn.compose import make_column_transformer
from sklearn.linear_model import Lasso
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
model = make_pipeline(make_column_transformer((OneHotEncoder(), ['area']), remainder='passthrough'), Lasso(0.01))
model.fit(X_train, y_train)""",
        run=True,
    )
    text = (both.folder / "model" / "estimator.py").read_text()
    assert "SimpleImputer(strategy='median')" in text
    assert "rows['area'].fillna('none').str.upper()" in (both.folder / "model" / "steps.py").read_text()


def test_many_features_that_are_chosen_and_reduced(adopt: Compare) -> None:
    draw = np.random.default_rng(2)
    table = pd.DataFrame(draw.normal(size=(200, 60)), columns=[f"V{number}" for number in range(60)]).round(3)
    table["target"] = (table["V3"] - table["V41"] + draw.normal(size=200) > 0).astype(int)
    both = adopt(
        "target",
        READ + "\nV = [f'V{i}' for i in range(60)]\nX = df[V[:30] + ['V' + str(i) for i in range(30, 60)]]\ny = df['target']\n" + SPLIT,
        """from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline
both = FeatureUnion([('pca', PCA(n_components=5, random_state=0)), ('best', SelectKBest(f_classif, k=8))])
model = Pipeline([('features', both), ('tell', LogisticRegression())])
model.fit(X_train, y_train)
from sklearn.metrics import roc_auc_score
roc_auc_score(y_test, model.predict_proba(X_test)[:, 1])""",
        table=table,
    )
    assert_same_parameters(both.built, both.ran["model"])
    assert_same_answers(both, both.ran["model"].predict_proba(both.ran["X_test"]), "target")
    assert "roc_auc_score (cell 3, line 9); none is a loss of each row, which the gate compares" in both.notes


def test_functions_that_fit_are_followed(adopt: Compare) -> None:
    both = adopt(
        "price",
        "def load(path):\n    found = pd.read_csv(path)\n    return found.dropna()\n\ndf = load('table.csv')\n"
        "num_cols = df.select_dtypes(include=np.number).columns.difference(['price', 'row_id'])\nX, y = df[num_cols], df['price']\n"
        + SPLIT,
        "def evaluate(model, train, truth):\n    model.fit(train, truth)\n    return model.predict(X_test)\n",
        "from sklearn.tree import DecisionTreeRegressor\nfrom sklearn.ensemble import StackingRegressor\n"
        "from sklearn.linear_model import RidgeCV\n"
        "stack = StackingRegressor([('tree', DecisionTreeRegressor(max_depth=3, random_state=0))],"
        " final_estimator=RidgeCV(), cv=3)\nanswers = evaluate(stack, X_train, y_train)",
    )
    assert_same_parameters(both.built, both.ran["stack"])
    assert_same_answers(both, both.ran["answers"], "price")
    assert "dropna leaves rows out" in both.notes


def test_resampling_is_said_and_left_out(adopt: Compare) -> None:
    both = adopt(
        "left",
        READ + "\nX = df[['size', 'age']]\ny = df['left']\n" + SPLIT,
        """from imblearn.over_sampling import SMOTE
from imblearn.pipeline import Pipeline
from sklearn.ensemble import RandomForestClassifier
forest = RandomForestClassifier(class_weight='balanced', random_state=0)
model = Pipeline([('more', SMOTE(random_state=0)), ('forest', forest)])
model.fit(X_train, y_train)""",
        run=False,
    )
    assert [name for name, _ in both.built.steps] == ["forest"]
    assert "cell 3, line 5: SMOTE resamples the rows" in both.notes
    assert both.drafted.before.needs == {"packages": [], "lacking": []}
    assert "loss = losses.balanced_log_loss" in (both.folder / "model" / "metrics.py").read_text()


def test_what_is_not_followed_is_said_with_its_place(adopt: Compare) -> None:
    both = adopt(
        "price",
        READ + "\ndf['rank'] = df.groupby('area')['size'].transform('mean')\ndf['double'] = df['rank'] * 2\n"
        "X = df[['size', 'double', 'rank']]\ny = df['price']\n" + SPLIT,
        "from sklearn.linear_model import LinearRegression\nfirst = LinearRegression().fit(X_train[['size']], y_train)",
        "model = LinearRegression()\nmodel.fit(X_train, y_train, sample_weight=None)",
    )
    assert "cell 2, line 2: column 'rank' is left out, since" in both.notes
    assert "cell 2, line 2: column 'double' is left out, since" in both.notes
    assert "cell 2, line 1: `pd.read_csv('table.csv')`: the table given here stands for what this reads" in both.notes
    assert "cell 4, line 2: this estimator is taken, the last that is fitted; others are at cell 3, line 2" in both.notes
    assert "fit gets sample_weight, too" in both.notes
    assert list(both.inputs(make_table())) == ["size"]


LINEAR = "from sklearn.linear_model import LinearRegression, Ridge\nfrom sklearn.pipeline import Pipeline\n"

# What changes a model or a table in a way that has to be followed, or said: never passed over.
CHANGED = {
    "a parameter is set": ("X = df[['size', 'age']]\nmodel = Ridge()\nmodel.alpha = 7", "Ridge().set_params(alpha=7)"),
    "parameters are set": ("X = df[['size', 'age']]\nmodel = Ridge()\nmodel.set_params(alpha=7)", "Ridge().set_params(alpha=7)"),
    "columns get names": (
        "df = df.rename(columns={'size': 'area_m2'})\nX = df[['area_m2']]\nmodel = Ridge()",
        "FunctionTransformer(prepare_rows)",
    ),
    "a column is deleted": ("X = df[['size', 'age', 'row_id']]\ndel X['row_id']\nmodel = Ridge()", "Ridge()"),
    "the output is set": (
        "from sklearn import set_config\nset_config(transform_output='pandas')\nX = df[['size']]\nmodel = Pipeline([('model', Ridge())])",
        ".set_output(transform='pandas')",
    ),
    "dummies are put beside": (
        "df = pd.concat([df, pd.get_dummies(df['area']), pd.get_dummies(df['plan'])], axis=1)\ndf = df.drop(['area', 'plan'], axis=1)\n"
        "gone = ['price', 'left', 'grade', 'row_id', 'note', 'at']\n"
        "features = [c for c in df.columns if c not in gone]\nX = df[features]\nmodel = Ridge()",
        '("onehotencoder", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["area", "plan"])',
    ),
    "encoders of labels are applied": (
        "from sklearn.preprocessing import LabelEncoder\ncats = ['area', 'plan']\ndf[cats] = df[cats].apply(LabelEncoder().fit_transform)\n"
        "X = df[cats + ['size']]\nmodel = Ridge()",
        'OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), CATS)',
    ),
    "letters of text": ("df['year'] = df['at'].str[5:7].astype(int)\nX = df[['year', 'size']]\nmodel = Ridge()", "FunctionTransformer"),
    "a function changes a table": (
        "def add(rows):\n    rows['ratio'] = rows['size'] / (rows['age'] + 1)\n    rows.drop('row_id', axis=1, inplace=True)\n\n"
        "add(df)\nX = df.drop(['price', 'left', 'grade', 'note', 'at', 'area', 'plan'], axis=1)\nmodel = Ridge()",
        "FunctionTransformer(prepare_rows)",
    ),
    "a loop over a list of tables": (
        "other = df.copy()\ntables = [df, other]\nfor one in tables:\n    one['double'] = one['size'] ** 2\n"
        "X = df[['size', 'double']]\nmodel = Ridge()",
        "FunctionTransformer(prepare_rows)",
    ),
    "a loop over columns by their type": (
        "from pandas.api.types import is_numeric_dtype\nX = df[['size', 'area', 'plan']]\nkept = []\n"
        "for name, column in X.items():\n    if is_numeric_dtype(column):\n        kept.append(name)\nX = X[kept]\nmodel = Ridge()",
        "return Ridge()",
    ),
    "the last of a loop": ("X = df[['size']]\nfor model in [Ridge(), Ridge(2)]:\n    model.fit(X, df['price'])", "return Ridge(2)"),
}


@pytest.mark.parametrize(("code", "written"), CHANGED.values(), ids=CHANGED)
def test_what_changes_a_model_is_followed(code: str, written: str, adopt: Compare) -> None:
    both = adopt("price", READ + "\n" + LINEAR + code + "\ny = df['price']\n" + SPLIT, "model.fit(X_train, y_train)")
    assert written.replace("'", '"') in (both.folder / "model" / "estimator.py").read_text().replace("'", '"')
    assert_same_answers(both, both.ran["model"].predict(both.ran["X_test"]), "price")
    assert "row_id" not in both.inputs(make_table())


def test_a_target_that_is_scaled(adopt: Compare) -> None:
    both = adopt(
        "price",
        READ + "\nX = df[['size', 'age']]\ny = df['price']\n" + SPLIT,
        "from sklearn.preprocessing import StandardScaler\nfrom sklearn.svm import SVR\nsc_x, sc_y = StandardScaler(), StandardScaler()\n"
        "A = sc_x.fit_transform(X_train)\nb = sc_y.fit_transform(y_train.values.reshape(-1, 1)).ravel()\nmodel = SVR(kernel='rbf')\n"
        "model.fit(A, b)\nanswers = sc_y.inverse_transform(model.predict(sc_x.transform(X_test)).reshape(-1, 1)).ravel()",
    )
    assert type(both.built.transformer).__name__ == "StandardScaler"
    assert_same_answers(both, both.ran["answers"], "price")


UNKNOWN = {
    "a block that fails": (
        "X = df[['size', 'age']]\nfor name, low in find_limits():\n    X[name] = X[name].clip(low)\nmodel = Ridge()",
        "is not followed",
    ),
    "a function that changes and rebinds": (
        "def clean(rows):\n    rows['size'] = rows['size'] * 2\n    rows = rows.dropna()\n\n"
        "X = df[['size', 'age']]\nclean(X)\nmodel = Ridge()",
        "the function clean changes it",
    ),
    "computed from the target": (
        "df['ratio'] = df['price'] / df['size']\nX = df[['ratio', 'size']]\nmodel = Ridge()",
        "is computed from 'price'",
    ),
    "a name that is written here": (
        "def build(kind):\n    for each in (1, 2):\n        return Ridge(kind)\n\nX = df[['size']]\nmodel = build(3)",
        "build is a function of the notebook, and one that adopt writes",
    ),
    "one of the dummies": (
        "df = pd.get_dummies(df[['size', 'area', 'price']])\nX = df.drop(columns=['area_south', 'price'])\nmodel = Ridge()",
        "area_south is one of several columns that get_dummies makes",
    ),
    "one value of a column": ("df['size'] = df['size'] / df['size'][0]\nX = df['size'][0]\nmodel = Ridge()", "is one value of a column"),
    "a step is replaced": ("X = df[['size']]\nmodel = Pipeline([('m', Ridge())])\nmodel.steps[0] = ('m', Ridge(3))", "a part of it is set"),
    "a step is added": ("X = df[['size']]\nmodel = Pipeline([('m', Ridge())])\nmodel.steps.append(('n', Ridge(3)))", "only when it is run"),
    "rows of a transformer": ("X = df[['size']]\nX = X.drop(columns=list(find()))\nmodel = Ridge()", "'find' is not known"),
}


@pytest.mark.parametrize(("code", "message"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_cannot_be_followed_is_never_passed_over(code: str, message: str, adopt: Compare) -> None:
    with pytest.raises(PipelineError, match=r"cell \d, line \d: .*Next: ") as told:
        adopt("price", READ + "\n" + LINEAR + code + "\ny = df['price']\nmodel.fit(X, y)", run=False)
    assert message in str(told.value)


def test_columns_that_the_notebook_names_are_kept_and_others_are_not(adopt: Compare) -> None:
    both = adopt(
        "left",
        READ + "\ndf['note'] = df['note'] + ' ' + df['row_id'].astype(str)\nX = df[['row_id', 'note', 'age']]\ny = df['left']\n" + SPLIT,
        "from sklearn.tree import DecisionTreeClassifier\nfrom sklearn.compose import ColumnTransformer\n"
        "from sklearn.feature_extraction.text import CountVectorizer\nfrom sklearn.pipeline import make_pipeline\n"
        "words = ColumnTransformer([('words', CountVectorizer(), 'note')], remainder='passthrough')\n"
        "model = make_pipeline(words, DecisionTreeClassifier(max_depth=2, random_state=0))\nmodel.fit(X_train, y_train)",
    )
    assert_same_answers(both, both.ran["model"].predict_proba(both.ran["X_test"]), "left")
    found = {each.column: each for each in both.drafted.decisions}
    assert "the notebook names it, else: it is different in each row" in found["row_id"].reason
    assert found["size"].reason == "the notebook does not use it"


HOSTILE = {
    "doubled": "x = ['a']\nfor n in [" + "1, " * 60 + "]:\n    x = [x, x]\n",
    "doubled keys": "x = {}\nfor n in [" + "1, " * 60 + "]:\n    x[n] = x\n    x = {'a': x, 'b': x}\n",
    "doubled columns": "d = df\nfor n in [" + "1, " * 60 + "]:\n    d = pd.concat([d, d], axis=1)\n",
    "doubled sums": "x = df['size']\nfor n in [" + "1, " * 60 + "]:\n    x = x + x\n",
    "loops in loops": "L = [" + "1, " * 100 + "]\nfor a in L:\n    for b in L:\n        for c in L:\n            y = [a, b, c]\n",
    "a function that calls itself": "def f(x):\n    return f(x)\n\ny = f(df)\n",
    "nested beyond measure": "y = " + "(" * 400 + ")" * 400 + "\n",
    "signs without end": "y = " + "-" * 50_000 + "1\n",
}


@pytest.mark.parametrize("code", HOSTILE.values(), ids=HOSTILE)
def test_reading_ends_soon_whatever_is_read(code: str, adopt: Compare) -> None:
    start = time.monotonic()
    model = "from sklearn.linear_model import Ridge\nRidge().fit(df[['size']], df['price'])"
    assert type(adopt("price", READ, code, model, run=False).built).__name__ == "Ridge"
    assert time.monotonic() - start < 20


def test_a_package_that_is_not_installed_is_said(adopt: Compare, tmp_path: Path) -> None:
    with pytest.raises(ModuleNotFoundError):
        adopt(
            "price",
            READ + "\nX = df[['size']]\ny = df['price']\n",
            "import not_there_boost as ntb\nmodel = ntb.BoostRegressor(n_estimators=100, max_depth=3)\nmodel.fit(X, y)",
            run=False,
        )
    assert "import not_there_boost as ntb" in (tmp_path / "model" / "estimator.py").read_text()


def test_packages_are_added_once_and_the_way_on_is_said(tmp_path: Path) -> None:
    plan = tmp_path / "build" / "adopt" / "plan.json"
    plan.parent.mkdir(parents=True)
    (tmp_path / "requirements").mkdir()
    serve = tmp_path / "requirements" / "serve.in"
    serve.write_text("pandas\n")
    plan.write_text(json.dumps({"packages": ["pandas", "lightgbm"], "lacking": []}))
    place.refuse_lacking(tmp_path, plan.parent, dry_run=False)
    assert serve.read_text() == "pandas\n"  # what is installed is added once all else is
    assert [place.add_packages(tmp_path, plan.parent) for _ in range(2)] == [True, False]
    assert serve.read_text() == "pandas\nlightgbm\n"
    plan.write_text(json.dumps({"packages": ["lightgbm"], "lacking": ["lightgbm"]}))
    with pytest.raises(PipelineError, match=r"imports lightgbm, which is not installed.* Next: ./run lock, then adopt again"):
        place.refuse_lacking(tmp_path, plan.parent, dry_run=False)


def test_a_python_file_with_magics_is_read(tmp_path: Path) -> None:
    path = tmp_path / "study.py"
    path.write_text("# In[1]:\n\nimport os\n%matplotlib inline\n# In[2]:\nx = !ls\n%time model.fit(X, y)\ndf?\nif x:\n    %cd ..\n")
    found = read_notebook(path)
    assert [len(each.body) for each in found.cells] == [0, 2, 4]
    assert "model.fit(X, y)" in found.cells[2].source


def test_a_name_of_a_file_is_no_code(tmp_path: Path) -> None:
    make_table().to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "model").mkdir()
    fit = "from sklearn.linear_model import Ridge\nRidge().fit(df[['size']], df['price'])"
    path = write_notebook(tmp_path / 'x"""; raise SystemExit(7) #\\\n.ipynb', [HEAD, READ, fit])
    draft.draft(tmp_path / "table.csv", "price", tmp_path, take_first, read_study(str(path), "", ""))
    exec((tmp_path / "model" / "estimator.py").read_text(), {})  # noqa: S102


def test_an_estimator_of_another_task_is_said(adopt: Compare) -> None:
    fit = "from sklearn.linear_model import Ridge\nRidge().fit(df[['size']], df['left'])"
    drafted = adopt("left", READ, fit, run=False).drafted
    assert "tells numbers, and left is learnt as binary. Expected: a column of numbers. Next: --target" in drafted.refusal


def test_a_model_and_a_notebook_are_one_too_many() -> None:
    with pytest.raises(PipelineError, match=r"--notebook a.ipynb and --model m.pkl both say .* Expected: one. Next: "):
        read_study("a.ipynb", "m.pkl", "")


# What is no notebook, or has no model.

WRONG = {
    "no file": (None, "is no file. Expected: a notebook"),
    "no JSON": ("not a notebook", "is no notebook. Expected: an .ipynb file"),
    "R": (json.dumps({"cells": [], "metadata": {"kernelspec": {"language": "R"}}}), "is a notebook in R. Expected: Python"),
    "no code": (json.dumps({"cells": [], "metadata": {}}), "has no code. Expected: a notebook that fits a model"),
    "no model": (["x = 1", READ, "df.describe()"], "has no model that is fitted. Expected: an estimator"),
    "deep": (
        ["from tensorflow import keras", "net = keras.Sequential()", "net.fit(X, y)"],
        "learns with tensorflow, which this cannot follow",
    ),
    "unknown": (["model = load_it()\nmodel.fit(X, y)"], "cell 2, line 2: `model.fit` is not followed: 'load_it' is not known"),
    "other target": (
        [READ, "from sklearn.svm import SVR\nSVR().fit(df[['size']], df['age'])"],
        "cell 3, line 2: the notebook learns 'age', and --target says 'price'. Expected: the same. Next: --target 'age'",
    ),
}


@pytest.mark.parametrize(("content", "message"), WRONG.values(), ids=WRONG)
def test_input_that_is_none_is_a_sentence(content: str | list[str] | None, message: str, tmp_path: Path) -> None:
    make_table().to_csv(tmp_path / "table.csv", index=False)
    (tmp_path / "model").mkdir()
    path = tmp_path / "study.ipynb"
    if isinstance(content, list):
        write_notebook(path, [HEAD, *content])
    elif content is not None:
        path.write_text(content)
    with pytest.raises(PipelineError) as told:
        draft.draft(tmp_path / "table.csv", "price", tmp_path, take_first, read_study(str(path), "", ""))
    assert message in str(told.value)
    assert "Expected: " in str(told.value)
    assert "Next: " in str(told.value)
