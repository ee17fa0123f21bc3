"""The attribute of `Row` that stands for a column whose name Python or pydantic cannot take."""

import keyword
import re
import unicodedata
from collections.abc import Iterable

from pydantic import BaseModel

ORDINALS = {"1st": "first", "2nd": "second", "3rd": "third"}
# What model/features.py imports: a field of that name would hide it.
IMPORTED = {"Annotated", "BaseModel", "ConfigDict", "Field", "Literal", "Row", "bool", "date", "datetime", "float", "int", "str"}


def can_be_attribute(name: str) -> bool:
    """Tell whether a column's name can be a field's as it stands."""
    usual = name.isidentifier() and not keyword.iskeyword(name) and name == unicodedata.normalize("NFKC", name)
    return usual and not name.startswith(("_", "model_")) and not hasattr(BaseModel, name) and name not in IMPORTED


def name_attributes(columns: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """Return an attribute for each column, all different: the column's own name where that is possible."""
    columns = list(columns)
    used = {*taken, *filter(can_be_attribute, columns)}
    found = {}
    for column in columns:
        found[column] = column if can_be_attribute(column) else number_name(form_name(column), used)
        used.add(found[column])
    return found


def form_name(column: str) -> str:
    """Return a name that says what a column is called: `1st Flr SF` becomes `first_flr_sf`."""
    plain = re.sub(r"(?<=[a-z])(?=[A-Z])|\W+", " ", unicodedata.normalize("NFKC", column))
    words = [ORDINALS.get(word, word) for word in plain.lower().split()]
    name = "_".join(words).strip("_") or "column"
    name = name if name.isidentifier() else f"n_{name}"
    return name if can_be_attribute(name) else f"{name}_" if can_be_attribute(f"{name}_") else f"the_{name}"


def number_name(name: str, used: set[str]) -> str:
    """Return a name, with a number where it is used already."""
    return next(each for each in (name, *(f"{name}_{number}" for number in range(2, len(used) + 3))) if each not in used)
