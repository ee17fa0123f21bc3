"""Passengers of a liner that went down, made up by a generator with a seed; the shares are like those of the Titanic's list."""

from pathlib import Path

import numpy as np
import pandas as pd

SURNAMES = ("Andersson", "Brown", "Davies", "Goodwin", "Müller", "O'Dwyer", "Ryerson", "Sage", "van Impe")


def rows(_: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the training data and the reference dataset; those of one ticket stay on one side."""
    found = passengers(1300)
    held_out = found["ticket"].isin(found["ticket"].drop_duplicates().sample(frac=0.3, random_state=0))
    return found[~held_out], found[held_out]


def passengers(number: int) -> pd.DataFrame:
    """Return a list of passengers, of whom some share a ticket, and many an age, a cabin or a port is not known."""
    random = np.random.default_rng(0)
    grade, woman = random.choice([1, 2, 3], number, p=[0.25, 0.2, 0.55]), random.random(number) < 0.36
    age = np.clip(random.normal(38 - 5 * grade, 13, number), 0.4, 80).round(1)
    title = np.where(woman, np.where(age < 22, "Miss.", "Mrs."), np.where(age < 14, "Master.", np.where(age > 60, "Dr.", "Mr.")))
    chance = 1 / (1 + np.exp(0.2 + 1.1 * (grade - 2) - 2.6 * woman + 0.03 * (age - 30) - 1.5 * (title == "Master.")))
    found = pd.DataFrame(
        {
            "pclass": grade,
            "name": [
                f"{surname}, {each} {'Ann' if her else 'John'}"
                for surname, each, her in zip(random.choice(SURNAMES, number), title, woman, strict=True)
            ],
            "sex": np.where(woman, "female", "male"),
            "age": pd.Series(age).mask(random.random(number) < 0.2),
            "ticket": [
                f"{place} {each}"
                for place, each in zip(np.array(["PC", "C.A.", "3101"])[grade - 1], random.integers(0, 900, number), strict=True)
            ],
            "fare": (random.gamma(2, 8, number) * (4 - grade) ** 1.5).round(4),
            "cabin_known": pd.Series(grade < random.integers(1, 4, number), dtype=object).mask(random.random(number) < 0.3),
            "embarked": pd.Series(random.choice(["S", "C", "Q"], number, p=[0.7, 0.2, 0.1])).mask(random.random(number) < 0.02),
        }
    )
    return found.assign(survived=random.random(number) < chance)
