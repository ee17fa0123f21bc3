"""What is expected and what to do, for the messages that users meet most: the first pattern that fits."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Hint:
    """What is expected where a message fits a pattern, and what to do; both may name the pattern's groups."""

    pattern: str
    expected: str
    fix: str
    steps: tuple[str, ...] = ()  # of slipway.owner.STEPS; none: any


MODEL = ("fit", "answer")
TEXT = '("text", TfidfVectorizer(), "message")'
ROWS = "steps that keep the number and the order of rows"
CLASSES = (
    "classes by their number: fit receives the target of a classification as 0 to k-1; of a binary task 1 is POSITIVE in model/features.py"
)
# What the messages say comes from scikit-learn, pandas, numpy, Python and the boosting packages.
HINTS = [
    # The words of a text are counted in one column; a table is read as a list of its column names.
    Hint(
        r"inconsistent numbers of samples: \[(?P<few>\d{1,3}), (?P<all>\d+)\]|incompatible row dimensions",
        "text as one column: TfidfVectorizer, CountVectorizer and HashingVectorizer take a list of texts, and of a table they read the "
        "names of the columns",
        f"write it in a ColumnTransformer, with the column's name as a plain string and not in a list, such as {TEXT}",
    ),
    Hint(
        r"(np\.nan is an invalid document|'NoneType' object has no attribute 'lower'|'float' object has no attribute 'lower')",
        "text in each row for the vectorizer, where some are missing or are numbers",
        "fill what is missing before it, such as make_pipeline(FunctionTransformer(fill) , ...) with a function fill of model/ that "
        'returns column.fillna("")',
    ),
    Hint(r"empty vocabulary", "text with words", "name the column that holds the text, or lower min_df and stop_words of the vectorizer"),
    Hint(
        r"Expected (a )?2-dimensional container|Expected 2D array, got 1D array|1D data passed to a transformer",
        "a table for each step except the vectorizers of text",
        'write the column in a list, such as ["amount"]',
    ),
    Hint(
        r"Cannot use (mean|median) strategy with non-numeric data",
        "numbers",
        'name the columns of numbers for this SimpleImputer in a ColumnTransformer, and take strategy="most_frequent" for the others',
    ),
    Hint(
        r"could not convert string to float: (?P<value>.+)|invalid literal for int\(\)|unsupported operand type|dtype\('<U|must be numeric",
        "numbers: a column of text reaches a step that takes numbers only",
        'put an encoder for it into a ColumnTransformer, such as OneHotEncoder(handle_unknown="ignore"), or leave the column out',
    ),
    Hint(
        r"Input y contains (NaN|infinity)|Target contains NaN|Label contains NaN",
        "a target in each row",
        "remove the rows without a target in model/data.py, or correct the data",
    ),
    Hint(
        r"contains NaN|does not accept missing values|Input contains infinity|contains infinity or a value too large"
        r"|Cannot convert non-finite values|cannot convert float NaN|boolean value of NA is ambiguous",
        "values in each row: this step accepts no missing or infinite values",
        "put an imputer before it, such as SimpleImputer(), or take HistGradientBoostingClassifier or -Regressor, which need none",
    ),
    Hint(
        r"are not in class_weight|Invalid classes inferred from unique values of `y`|not in class_weights?\b|[Cc]lass label .* not present",
        CLASSES,
        'write class_weight with these numbers, such as {0: 1, 1: 5}, or "balanced"',
    ),
    Hint(
        r"Found unknown categories|y contains previously unseen labels|unseen labels",
        "an answer also for a category that training never saw",
        'write handle_unknown="ignore" (OneHotEncoder), or handle_unknown="use_encoded_value", unknown_value=-1 (OrdinalEncoder); '
        "LabelEncoder is for targets only",
    ),
    Hint(
        r"predict_proba is not available when probability=False|'(Linear|Nu)?SVC' (object )?has no attribute 'predict_proba'",
        "an estimator with probabilities",
        "wrap it, such as CalibratedClassifierCV(LinearSVC())",
    ),
    Hint(r"not available when voting='hard'", "an estimator with probabilities", 'write VotingClassifier(..., voting="soft")'),
    Hint(
        r"probability estimates are not available for loss=",
        "an estimator with probabilities",
        'write loss="log_loss", or wrap it in CalibratedClassifierCV',
    ),
    Hint(
        r"has no attribute 'predict_proba'",
        "an estimator with probabilities, since TASK in model/features.py is a classification",
        'take a classifier that has it, or wrap yours in CalibratedClassifierCV; or write TASK = "regression"',
    ),
    Hint(
        r"has no attribute 'predict'|predict is not available",
        "an estimator that predicts as the last step",
        "end the pipeline with a classifier or a regressor",
    ),
    Hint(
        r"Unknown label type: \(?'?continuous",
        "classes as the target of a classifier",
        'take a regressor and write TASK = "regression" in model/features.py, or make the target classes in model/data.py',
    ),
    Hint(
        r"only one class|needs samples of at least 2 classes|n_splits=\d+ cannot be greater|less than \d+ examples for at least one class"
        r"|least populated class",
        "rows of each class, so many as there are folds",
        "have more rows of the rare class, or fewer folds (cv=2)",
    ),
    Hint(
        r"unconverted data remains|time data .* (does not|doesn't) match format|Unknown datetime string format|does not match format"
        r"|Invalid isoformat string|Out of bounds nanosecond",
        "times in one form, at training and from callers: 2026-01-31T15:00:00 (datetime) or 2026-01-31 (date)",
        'read them with pandas.to_datetime(column, format="ISO8601"), and leave the text as it is in model/data.py',
    ),
    Hint(
        r"Can only use \.(dt|str) accessor",
        "times and text arrive as text, numbers as numbers",
        "convert the column first, such as pandas.to_datetime(column), or column.astype(str)",
    ),
    Hint(
        r"inconsistent numbers of samples|Length of values|all the input array dimensions|Length mismatch|cannot reindex"
        r"|blocks\[0,:\] has incompatible row dimensions|could not be broadcast together|X and y have incompatible",
        ROWS,
        "fill missing values instead of removing rows in a step; remove rows in model/data.py",
    ),
    Hint(
        r"only supported for (data)?frames|No valid specification of the columns",
        "columns by name, in a table: an earlier step returns an array without names",
        'put the ColumnTransformer first, or end what is before it with .set_output(transform="pandas")',
    ),
    Hint(
        r"all features must be in \[|KeyError: \d+$|IndexError: .*out of bounds",
        "columns by name, as in Row in model/features.py",
        "write the columns' names instead of their numbers",
        MODEL,
    ),
    Hint(
        r"column is not a column of the dataframe|names are not columns of the dataframe|columns are missing|not in index|not found in axis"
        r"|in the \[columns\]|KeyError",
        "columns that Row in model/features.py declares: the estimator gets nothing else",
        "declare the column there, or correct its name here",
        MODEL,
    ),
    Hint(
        r"X has \d+ features?, but \w+ is expecting|feature names should match|Feature shape mismatch|feature_names mismatch"
        r"|number of features .*(does not match|is not the same)",
        "the same columns at `fit` and at `predict`, whatever the rows hold",
        "let each of your own steps return the same columns for any rows; learn what depends on rows in fit",
    ),
    Hint(
        r"must be uniformly strings or numbers|not supported between instances of '(str|int|float)' and '(str|int|float)'",
        "values of one kind in a column: text or numbers",
        "convert the column in model/data.py, such as column.astype(str)",
    ),
    Hint(
        r"Sparse data was passed|sparse (matrix|array|data)|dense data is required",
        "a table without sparse columns for this estimator",
        "write sparse_output=False in OneHotEncoder, sparse_threshold=0 in ColumnTransformer, or put TruncatedSVD after a vectorizer",
    ),
    Hint(r"must be non-negative|Negative values in data", "numbers of 0 and more", "take MinMaxScaler before it, or another estimator"),
    Hint(
        r"requires (strictly positive|non-negative) y|Some value\(s\) of y are out of the valid range",
        "a target of 0 and more for this loss",
        "correct the data, or take another loss",
    ),
    Hint(
        r"Expected an estimator instance|got estimator class instead|implement fit and transform|should implement fit"
        r"|object has no attribute 'fit'|missing 1 required positional argument: 'self'",
        "build() returns an estimator, such as Pipeline([(name, step), ...]), and each step is an instance",
        "return it, and write the parentheses, such as StandardScaler()",
    ),
    Hint(
        r"Invalid parameter|unexpected keyword argument|The '\w+' parameter of",
        "parameters that this class has",
        "look the parameter up in the documentation of the locked version (requirements/serve.txt)",
    ),
    Hint(
        r"Unable to allocate|MemoryError",
        "a model that fits into the memory of this machine",
        "take fewer columns or rows; sparse text stays sparse; no PolynomialFeatures of many columns",
    ),
    Hint(
        r"RecursionError|maximum recursion depth",
        "code that ends",
        "look for a function that calls itself, or a __getattr__ that asks for what it lacks",
    ),
    Hint(r"SystemExit", "code that only defines things: nothing in model/ may end the process", "remove the call of exit()"),
    Hint(
        r"not fitted yet|NotFittedError", "an estimator that is fitted by `fit`", "fit each inner estimator in fit of the class around it"
    ),
    Hint(
        r"shape mismatch|must have shape|operands could not be broadcast",
        "arrays of one number for each row, or of one column for each class",
        "correct the shape",
    ),
    Hint(
        r"positional arguments? but|required positional argument",
        "the arguments with which the function is called: load(path), build(), loss(truth, answers), metrics(truth, answers)",
        "correct the arguments",
    ),
    Hint(
        r"(SyntaxError|IndentationError|TabError)",
        "Python; a column whose name is no name in Python (class, a blank, a digit first) is declared by another name",
        'correct that line; rename such a column in model/data.py: rows.rename(columns={"class": "kind"})',
    ),
    Hint(
        r"model_config|shadows|[Ff]ields must not use names with leading underscores|protected namespace|non-annotated attribute"
        r"|Unable to generate pydantic-core schema|PydanticUserError|PydanticSchemaGenerationError|PydanticInvalidForJsonSchema",
        "features of int, float, bool, str, date, datetime, Literal[...] or Annotated[..., Field(...)], | None where one may be missing",
        "declare the column so, as in `name: Annotated[float, Field(ge=0)] | None`",
    ),
    Hint(
        r"cannot import name 'Row'|has no attribute '(?P<name>[A-Z_]+)'",
        "Row, TASK, TARGET, GROUP, TARGET_RANGE, SLICES and CONTRACT_VERSION in model/features.py",
        "write what is missing there",
    ),
    Hint(
        r"cannot import name", "names that are in the locked version (requirements/work.txt), or in that file of model/", "correct the name"
    ),
    Hint(r"FileNotFoundError", "the rows at the path that load(path) is given", "put the rows there, or correct model/data.py", ("load",)),
    Hint(r"codec can't decode", "text in UTF-8", 'name the encoding in model/data.py, such as pandas.read_csv(path, encoding="latin-1")'),
    Hint(
        r"Error tokenizing data|No columns to parse|Usecols do not match",
        "rows of as many columns as the first line names",
        'name what separates them in model/data.py, such as pandas.read_csv(path, sep=";")',
    ),
    Hint(
        r"FileNotFoundError",
        "files of the project, found from where the code lies",
        "write Path(__file__).parent / NAME for a file in model/; the data is given to load(path)",
    ),
]


def find_hint(text: str, step: str) -> Hint | None:
    """Return the first hint that fits what was raised in a step, as `Type: message`."""
    return next((each for each in HINTS if (step in each.steps or not each.steps) and _fits(each, text)), None)


def _fits(hint: Hint, text: str) -> bool:
    """Tell whether a hint is for this message; where rows were lost it is text only if hardly any are left, one for each column."""
    found = re.search(hint.pattern, text)
    counts = found.groupdict() if found else {}
    return bool(found) and (not counts.get("few") or 2 * int(counts["few"]) < int(counts["all"]))
