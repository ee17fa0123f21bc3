"""Two models so unlike each other and the example that these are rehearsed, and the library's own tests run on them too."""

import pytest

from tests.template.another_model import (  # noqa: F401
    run,
    second,
    test_it_is_rehearsed_to_the_rollback_and_answers_as_its_task_wants,
    test_the_library_s_tests_of_the_service_hold_for_it,
    test_the_page_of_models_tells_what_it_costs,
    test_the_project_s_own_tests_hold_for_it,
)

pytestmark = pytest.mark.road


@pytest.fixture(scope="module", params=["iris", "telco"])
def name(request: pytest.FixtureRequest) -> str:
    """A model."""
    found: str = request.param
    return found
