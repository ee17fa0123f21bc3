"""Names that a feature cannot have, although Python takes them."""

import ast

from pydantic import BaseModel

from slipway.errors import OwnerError
from slipway.owner import place
from slipway.owner.source import parse_file

HIDDEN = "begins with an underscore, so pydantic does not take it for a feature"
TAKEN = "is a name of pydantic's own, which it would take for the value where a request leaves the feature out"


def refuse_reserved_fields(row: type[BaseModel], then: str = "./run train") -> None:
    """Raise OwnerError for a feature whose name pydantic needs for itself. Names such as `copy` and `json` are free."""
    for name, reason in {**dict.fromkeys(row.__private_attributes__, HIDDEN), **dict.fromkeys(find_taken(row), TAKEN)}.items():
        other = name.strip("_") if name.startswith("_") else f"{name}_"
        raise OwnerError(
            str(place.Place("model/features.py", find_field(row.__name__, name))),
            f"{name} {reason}",
            "reading Row",
            "another name for this column",
            f'write {other} there, and rows.rename(columns={{"{name}": "{other}"}}) in model/data.py; then {then}',
        )


def find_taken(row: type[BaseModel]) -> list[str]:
    """Return the features that pydantic gives a default by its own attribute of the same name."""
    return [name for name, field in row.model_fields.items() if hasattr(BaseModel, name) and not field.is_required()]


def find_field(row: str, name: str) -> int | None:
    """Return the line that declares a feature."""
    for node in ast.walk(parse_file(place.find_model_folder() / "features.py")):
        for each in node.body if isinstance(node, ast.ClassDef) and node.name == row else []:
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and each.target.id == name:
                return each.lineno
    return None
