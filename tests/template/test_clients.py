"""The table of clients in docs/contracts.md is that of the last run with them, and all of them were answered."""

from tests.template.clients.run import BEGIN, CLIENTS, END, PAGE, table


def test_the_page_has_every_client_with_its_pinned_version_and_each_was_answered() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0] == table(dict.fromkeys(CLIENTS, True))


def test_every_contract_that_has_a_client_was_asked() -> None:
    assert {each.contract for each in CLIENTS} == {"mlflow", "sagemaker", "v1", "v2", "vertex"}
