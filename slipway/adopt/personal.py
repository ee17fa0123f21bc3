"""Which columns tell who somebody is: by their names, or by most of their cells."""

import re

from slipway.doctor.kinds import Kind
from slipway.say import one_line

# Names of columns that say who somebody is, and cells that do.
PERSONAL_NAME = re.compile(
    r"(?i)(^|[^a-z])(e-?mails?|phones?|telephone|mobile|fax"
    r"|(first|last|full|sur|family|given|middle|maiden|customer|user|client|patient)[_ ]?name|vorname|nachname"
    r"|ansprechpartner|contact[_ ]?(name|person)"
    r"|address|street|strasse|straße|ssn|iban|passport|ip_?address|date_?of_?birth|birth_?date|dob|geburtsdatum)([^a-z]|$)|^name$"
)
PERSONAL_CELL = {
    "mail addresses": re.compile(r"[^@\s]+@[^@\s]+\.[a-zA-Z]{2,}"),
    "telephone numbers": re.compile(r"(\+|00)\d[\d\s()/-]{7,}|\(?0\d{2,5}\)?[\s/-]\d[\d\s-]{4,}|\(\d{3}\)\s?\d{3}-\d{4}|\d{3}-\d{3}-\d{4}"),
    "bank accounts": re.compile(r"[A-Z]{2}\d{2}( ?[A-Z0-9]{4}){3,7}( ?[A-Z0-9]{1,4})?"),
}
# Numbers from here on may be telephone numbers, where the column is called so.
LIKE_TELEPHONE = 10**7


def find_personal(name: str, kind: Kind) -> str:
    """Say what tells of a person in a column, by its name or by most of its cells; nothing where nothing does."""
    words = [str(cell).strip() for cell in kind.counts]
    for what, form in PERSONAL_CELL.items():
        if kind.name == "text" and sum(bool(form.fullmatch(word)) for word in words) > len(words) / 2:
            return what
    called = PERSONAL_NAME.search(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name))
    if not called or len(kind.counts) <= kind.counts.total() / 10:  # what often repeats is a category
        return ""
    return f"it is called {one_line(name, 40)}" if kind.name != "number" or min(kind.counts) >= LIKE_TELEPHONE else ""
