"""Links in real transactions: many who scan at the same time share the uses there are."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from superapp.accounts import services
from superapp.core import links
from superapp.core.links import LinkEnded, ScanResult
from superapp.core.models import Link
from tests.accounts.test_at_once import at_once

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture(autouse=True)
def _kind() -> Iterator[None]:
    links.register("test.thing", lambda user_id, reference: ScanResult(title=reference, data={}), label="A thing")
    yield
    del links._kinds["test.thing"]


def outcome(url: str, user_id: int) -> str:
    try:
        return links.scan(actor_id=user_id, content=url).title
    except LinkEnded:
        return "ended"


@pytest.mark.parametrize("uses", [1, 5])
def test_exactly_so_many_of_a_crowd_get_in(uses: int) -> None:
    url = links.issue(kind="test.thing", reference="in", expires_in=None, uses=uses)
    answers = at_once([lambda user_id=user_id: outcome(url, user_id) for user_id in range(16)])
    assert Counter(answers) == {"in": uses, "ended": 16 - uses}
    assert Link.objects.get(digest=links._digest(url.rpartition("/")[2])).uses_left == 0


def test_crowd_that_asks_for_a_standing_link_gets_the_same_one() -> None:
    calls: Any = [lambda: links.standing(kind="test.thing", reference="one")] * 12
    assert len(set(at_once(calls))) == 1
    assert Link.objects.filter(reference="one").count() == 1


def test_card_that_is_reset_by_many_at_once_is_one_card_in_the_end() -> None:
    before = services.qr_card(actor_id=77)
    answers = at_once([lambda: services.reset_qr_card(actor_id=77) for _ in range(8)])
    now = services.qr_card(actor_id=77)
    assert now in answers
    assert before != now
    assert Link.objects.filter(kind="person", reference="77", expires_at=None).count() == 1
