"""The objective that the page on budgets shows is one."""

from datetime import UTC, datetime
from pathlib import Path

from vedette.records.documents import read_documents
from vedette.records.kinds import Context
from vedette.records.kinds.openslo import OpenSlo
from vedette.records.model import Objective
from vedette.records.objectives import COMPONENT

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "budgets-and-delivery.md"


def test_the_objective_on_the_page_is_understood_and_names_a_component() -> None:
    block = PAGE.read_text().partition("```yaml\n")[2].partition("```")[0]
    (document,) = read_documents(block.encode(), source="the page")
    (objective,) = OpenSlo().read(document, Context(datetime(2026, 11, 22, tzinfo=UTC)))
    assert isinstance(objective, Objective)
    assert (objective.service, objective.target) == ("Checkout", 99.9)
    assert objective.labels == {COMPONENT: "checkout-eu-de"}
