"""Texts as counts of words: a graph answers as the pipeline does, however a text is cut, and keeps no table of all words."""

import re
from operator import itemgetter
from typing import Any

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction.text import CountVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest, VarianceThreshold, chi2
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MaxAbsScaler, Normalizer, OneHotEncoder, StandardScaler
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeClassifier

from slipway.bundle.graph import NotCompiled, compile_pipeline, text
from slipway.serving import graph
from slipway.serving.answers import answer
from tests.library.test_graph import TOLERANCE, compiled
from tests.template.estimators.compiled import to_columns

NAMES = ["note", "title", "weight"]
KNOWN = "the The tea teas café CAFÉ naïve Ångström ﬁne fine 42 4 it's a an\tÉté straße ß 茶 お茶 İstanbul don_t x-ray ... ! two  blanks"
WORDS = KNOWN.split(" ")
NEW = ["unknown", "ungekannt", "Ⅳ", "", "   "]


def rows(count: int, seed: int, words: list[str] = WORDS) -> pd.DataFrame:
    """Two texts and a number."""
    random = np.random.default_rng(seed)
    texts = [" ".join(random.choice(words, random.integers(0, 12))) for _ in range(2 * count)]
    return pd.DataFrame({"note": texts[:count], "title": texts[count:], "weight": random.gamma(2, 30, count)})


def target(table: pd.DataFrame, task: str) -> Any:
    counts = table["note"].str.count("t") + table["title"].str.count("é") + 0.01 * table["weight"]
    return counts if task == "regression" else pd.qcut(counts, 2 if task == "binary" else 3, labels=False)


def columns(*parts: Any, **options: Any) -> ColumnTransformer:
    return ColumnTransformer([(f"part{place}", *each) for place, each in enumerate(parts)], **options)


def same(pipeline: Any, task: str) -> None:
    """Fit a pipeline and hold its graph against it, on texts that were there and on others."""
    table = rows(200, 0)
    pipeline.fit(table, target(table, task))
    quick = compiled(pipeline, NAMES, task)
    for count in (1, 40):
        for words in (WORDS, WORDS + NEW, NEW):
            asked = rows(count, 7, words)
            np.testing.assert_allclose(quick(to_columns(asked)), answer(pipeline, asked, task), rtol=0, atol=TOLERANCE)


CUTS: dict[str, dict[str, Any]] = {
    "as by default": {},
    "letters as they are": {"lowercase": False},
    "without accents": {"strip_accents": "unicode"},
    "without accents, in ASCII": {"strip_accents": "ascii"},
    "pairs": {"ngram_range": (1, 2)},
    "threes only": {"ngram_range": (3, 3)},
    "stop words": {"stop_words": "english", "ngram_range": (1, 2)},
    "stop words of one's own": {"stop_words": ["tea", "fine"]},
    "a pattern": {"token_pattern": r"(?u)\b\w+\b"},
    "a pattern with a group": {"token_pattern": r"(\w)\w+"},
    "letters": {"analyzer": "char", "ngram_range": (1, 3)},
    "letters, a long run": {"analyzer": "char", "ngram_range": (4, 5)},
    "letters within words": {"analyzer": "char_wb", "ngram_range": (2, 5)},
    "one letter within words": {"analyzer": "char_wb"},
    "present or not": {"binary": True},
    "few": {"max_features": 5, "min_df": 2, "max_df": 0.9},
    "words that are given": {"vocabulary": ["tea", "fine", "never", "the"]},
    "of another type": {"dtype": np.int32},
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("vectorizer", [CountVectorizer, TfidfVectorizer])
def test_however_a_text_is_cut(cut: str, vectorizer: Any) -> None:
    if vectorizer is TfidfVectorizer and "dtype" in CUTS[cut]:
        return
    same(make_pipeline(columns((vectorizer(**CUTS[cut]), "note")), LogisticRegression(max_iter=1000)), "multiclass")


@pytest.mark.parametrize(
    "options",
    [{"sublinear_tf": True}, {"use_idf": False, "norm": "l1"}, {"norm": None, "smooth_idf": False}, {"sublinear_tf": True, "norm": None}],
)
def test_however_words_are_weighed(options: dict[str, Any]) -> None:
    same(make_pipeline(columns((TfidfVectorizer(**options), "note")), Ridge()), "regression")
    same(make_pipeline(columns((CountVectorizer(), "title")), TfidfTransformer(**options), Ridge()), "regression")


NOTE, TITLE = (TfidfVectorizer(), "note"), (CountVectorizer(), "title")
AFTER = {
    "beside a number": (columns(NOTE, TITLE, (StandardScaler(), ["weight"])), Ridge()),
    "among what is left": (columns(NOTE, ("drop", ["title"]), remainder="passthrough"), Ridge()),
    "the same twice": (columns(NOTE, NOTE), Ridge()),
    "as a word and cut": (columns(NOTE, (OneHotEncoder(handle_unknown="ignore"), ["note"])), Ridge()),
    "chosen, then weighed": (
        columns((make_pipeline(CountVectorizer(), VarianceThreshold(0.27), TfidfTransformer(sublinear_tf=True)), "note")),
        Ridge(),
    ),
    "chosen twice": (
        make_pipeline(columns(TITLE), FeatureUnion([("some", VarianceThreshold(0.27)), ("more", VarianceThreshold(0.1))])),
        Ridge(),
    ),
    "in few dimensions": (columns((make_pipeline(TfidfVectorizer(), TruncatedSVD(3, random_state=0)), "note"), TITLE), Ridge()),
    "in few dimensions, all": (make_pipeline(columns(NOTE, TITLE), TruncatedSVD(3, random_state=0)), Ridge()),
    "in a union": (columns((FeatureUnion([("words", TfidfVectorizer()), ("letters", CountVectorizer(analyzer="char"))]), "note")), Ridge()),
    "scaled": (make_pipeline(columns(NOTE, TITLE), MaxAbsScaler()), Ridge()),
    "normalized": (make_pipeline(columns(NOTE, TITLE), Normalizer()), SVR()),
    "before trees": (columns(NOTE, TITLE, ("passthrough", ["weight"])), RandomForestRegressor(5, random_state=0)),
    "by its place": (columns((CountVectorizer(), 0), (CountVectorizer(), 1)), Ridge()),
    "by its name, alone": (make_pipeline(FunctionTransformer(itemgetter("title")), TfidfVectorizer()), Ridge()),
    "by its name, among others": (
        make_pipeline(FunctionTransformer(itemgetter(["title", "weight"])), columns(TITLE, ("passthrough", ["weight"]))),
        Ridge(),
    ),
}


@pytest.mark.parametrize("name", AFTER)
def test_whatever_comes_after(name: str) -> None:
    same(make_pipeline(*AFTER[name]), "regression")


@pytest.mark.parametrize(
    "last", [DecisionTreeClassifier(random_state=0), make_pipeline(SelectKBest(chi2, k=4), LogisticRegression(max_iter=1000))]
)
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_classes(last: Any, task: str) -> None:
    same(make_pipeline(columns(NOTE, TITLE), last), task)


def test_a_text_that_is_missing_has_no_answer() -> None:
    table = rows(50, 0)
    pipeline = make_pipeline(columns((TfidfVectorizer(sublinear_tf=True), "note"), TITLE), Ridge()).fit(table, target(table, "regression"))
    quick, asked = compiled(pipeline, NAMES, "regression"), rows(3, 1)
    asked.loc[1, "note"] = None
    with pytest.raises((ValueError, AttributeError)):
        pipeline.predict(asked)
    assert np.isnan(quick(to_columns(asked))).tolist() == [False, True, False]


@pytest.mark.parametrize(
    "last", [RandomForestRegressor(3, random_state=0), Ridge(), make_pipeline(TruncatedSVD(3, random_state=0), Ridge())]
)
def test_rows_are_asked_in_parts_where_a_table_of_all_words_were_too_large(last: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    class Watched(onnxruntime.InferenceSession):  # type: ignore[misc]
        def run(self, names: Any, feed: Any) -> Any:
            asked.append(len(next(iter(feed.values()))))
            return super().run(names, feed)

    monkeypatch.setattr(graph, "MOST_NUMBERS", 30)
    monkeypatch.setattr(onnxruntime, "InferenceSession", Watched)
    same(make_pipeline(columns(NOTE, TITLE), last), "regression")
    assert max(asked) < 40


def cut(note: str) -> list[str]:
    return note.split()


NOT_COMPILED = {
    "part0 has a function as its tokenizer": columns((CountVectorizer(tokenizer=cut, token_pattern=None), "note")),
    "part0 has a function as its preprocessor": columns((CountVectorizer(preprocessor=str.strip), "note")),
    "part0 has a function as its analyzer": columns((CountVectorizer(analyzer=cut), "note")),
    "part0 has a function as its strip_accents": columns((CountVectorizer(strip_accents=str.strip), "note")),
    "part0 has dtype float32, not float64": columns((TfidfVectorizer(dtype=np.float32), "note")),
    "tfidf takes other columns than counts of words": Pipeline(
        [("both", columns(TITLE, ("passthrough", ["weight"]))), ("tfidf", TfidfTransformer())]
    ),
}


@pytest.mark.parametrize("reason", NOT_COMPILED)
def test_what_is_not_known_is_said(reason: str) -> None:
    table = rows(50, 0)
    pipeline = make_pipeline(NOT_COMPILED[reason], Ridge()).fit(table, target(table, "regression"))
    with pytest.raises(NotCompiled, match=re.escape(reason)):
        compile_pipeline(pipeline, NAMES, "regression")


def test_too_many_words_are_no_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "MOST_WORDS", 3)
    with pytest.raises(NotCompiled, match=r"knows \d+ words, more than the 3 that a graph may"):
        same(make_pipeline(columns(NOTE), Ridge()), "regression")
