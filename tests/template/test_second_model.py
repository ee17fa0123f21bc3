"""Other models in the same project: of scikit-learn, of public notebooks, of other packages. Their own tests take the pipeline once."""

import pytest

from tests.template.another_model import (  # noqa: F401
    run,
    second,
    test_the_page_of_models_tells_what_it_costs,
    test_the_project_s_own_tests_hold_for_it,
)

pytestmark = pytest.mark.road


@pytest.fixture(scope="module", params=["cancer", "digits", "rides", "spam", "titanic", "ames", "lightgbm", "catboost"])
def name(request: pytest.FixtureRequest) -> str:
    """A model."""
    found: str = request.param
    return found
