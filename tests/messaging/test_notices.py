"""Notices: told once, in the reader's words, counted until they are read."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone, translation

from messaging import notices, registry, services
from messaging.models import Notice, NoticeMute
from superapp.accounts.models import User
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.messaging.products import NEWS, PARCEL, WARNING, parcel, tell, update
from tests.messaging.test_statements import statements
from tests.realtime.people import people, person

pytestmark = pytest.mark.django_db


def test_a_notice_is_pushed_and_read_back_as_the_same_thing(wire: Wire) -> None:
    ada = person("Ada")
    notice_id = tell(ada)
    ((topics, frame),) = wire.pushes()
    assert (topics, frame["type"]) == ([f"user:{ada.id}"], "notice.created")
    (row,) = Api(ada).all("notices/")
    assert frame["payload"] == row
    assert row == {
        "id": str(notice_id),
        "kind": NEWS,
        "text": "Conversations: p1",
        "params": {"parcel": "p1"},
        "card": None,
        "live": None,
        "is_read": False,
        "is_silent": False,
        "created_at": row["created_at"],
    }
    assert Api(ada).get("notices/summary/") == {"unread": 1, "last": row}


def test_its_words_are_those_of_whoever_reads_it(wire: Wire) -> None:
    ada = person("Ada")
    User.objects.filter(id=ada.user_id).update(language="zh-hans")
    with translation.override("fr"):
        tell(ada)
    ((_topics, frame),) = wire.pushes()
    assert frame["payload"]["text"] == Api(ada).all("notices/")[0]["text"] == "会话: p1"
    User.objects.filter(id=ada.user_id).update(language="en")
    assert Api(ada).all("notices/")[0]["text"] == "Conversations: p1"


def test_telling_it_again_tells_nothing_also_once_it_is_deleted(wire: Wire) -> None:
    ada, bo = people(2)
    key = str(uuid4())
    notice_id = tell(ada, key=key)
    wire.pushes()
    assert tell(ada, key=key, parcel="other") == notice_id
    assert wire.pushes() == []
    Api(ada).ok("DELETE", f"notices/{notice_id}/", status=204)
    tell(ada, key=key)
    assert Api(ada).all("notices/") == []
    # The key is a person's own.
    assert tell(bo, key=key) != notice_id


def test_it_goes_with_the_callers_transaction(wire: Wire) -> None:
    ada = person("Ada")

    @transaction.atomic
    def sell() -> None:
        services.notify(user_id=ada.user_id, kind=NEWS, params={"parcel": "p1"}, dedupe_key="sold:1")
        raise RuntimeError("sold out")

    with pytest.raises(RuntimeError):
        sell()
    assert (wire.pushes(), Api(ada).all("notices/")) == ([], [])


def test_reading_goes_up_to_what_was_on_the_screen(wire: Wire) -> None:
    ada = person("Ada")
    first, second, third = (tell(ada) for _ in range(3))
    wire.pushes()
    assert Api(ada).ok("POST", "notices/read/", {"up_to": str(second)}) == {"unread": 1}
    assert [frame for _topics, frame in wire.pushes()] == [{"type": "notices.changed", "payload": {"unread": 1}}]
    assert [row["is_read"] for row in Api(ada).all("notices/")] == [False, True, True]
    # Again, and further back: nothing is news.
    for earlier in (second, first):
        assert Api(ada).ok("POST", "notices/read/", {"up_to": str(earlier)}) == {"unread": 1}
    assert wire.pushes() == []
    assert Api(ada).ok("POST", "notices/read/", {"up_to": str(third)}) == {"unread": 0}


def test_one_that_was_committed_late_is_unread_although_later_ones_were_read() -> None:
    ada = person("Ada")
    late = tell(ada)
    Notice.objects.filter(user_id=ada.user_id).update(id=late - 1)
    held = Notice.objects.get(user_id=ada.user_id)
    Notice.objects.filter(user_id=ada.user_id).delete()
    Api(ada).ok("POST", "notices/read/", {"up_to": str(tell(ada))})
    held.save(force_insert=True)
    assert Api(ada).get("notices/summary/")["unread"] == 1


def test_a_deleted_one_is_gone_and_counts_no_more(wire: Wire) -> None:
    ada, bo = people(2)
    notice_id = tell(ada, card=parcel())
    wire.pushes()
    assert Api(bo).refused("DELETE", f"notices/{notice_id}/") == (404, "not_found")
    for _ in range(2):
        Api(ada).ok("DELETE", f"notices/{notice_id}/", status=204)
    assert [frame for _topics, frame in wire.pushes()] == [{"type": "notices.changed", "payload": {"unread": 0}}]
    assert Api(ada).get("notices/summary/") == {"unread": 0, "last": None}
    stored = Notice.objects.get(user_id=ada.user_id, id=notice_id)
    assert (stored.params, stored.card_kind, stored.card_reference) == ({}, "", "")


def test_a_muted_kind_is_listed_and_counts_nowhere(wire: Wire) -> None:
    ada = person("Ada")
    api = Api(ada)
    tell(ada)
    assert [kind for kind in api.get("notice-kinds/")["results"] if kind["kind"].startswith("test.")] == [
        {"kind": NEWS, "label": "Parcels", "is_muted": False}
    ]
    for _ in range(2):
        api.ok("PUT", f"notice-kinds/{NEWS}/mute/", status=204)
    tell(ada)
    tell(ada, kind=WARNING)
    assert [row["is_silent"] for row in api.all("notices/")] == [False, True, True]
    assert (api.get("notices/summary/")["unread"], api.get("badge/")["parts"]["notices"]) == (1, 1)
    created = [frame["payload"]["is_silent"] for _topics, frame in wire.pushes() if frame["type"] == "notice.created"]
    assert created == [False, True, False]
    for _ in range(2):
        api.ok("DELETE", f"notice-kinds/{NEWS}/mute/", status=204)
    tell(ada)
    assert api.get("notices/summary/")["unread"] == 2


@pytest.mark.parametrize("kind", [WARNING, "test.unknown", "x" * 500, "é"])
def test_what_must_not_be_missed_cannot_be_muted(kind: str) -> None:
    ada = person("Ada")
    for method in ("PUT", "DELETE"):
        assert Api(ada).refused(method, f"notice-kinds/{kind}/mute/") == (404, "not_found")
    assert not NoticeMute.objects.exists()


def test_its_card_says_what_it_says_now_and_live_is_its_readers() -> None:
    ada = person("Ada")
    tell(ada, card=parcel(f"p{ada.user_id}"))
    update("sent", 2, f"p{ada.user_id}")
    (row,) = Api(ada).all("notices/")
    assert (row["card"]["kind"], row["card"]["version"], row["card"]["data"]) == (PARCEL, 2, {"state": "sent"})
    assert row["card"]["fallback"]["en"] == "Conversations: sent"
    assert row["live"] == {"is_mine": True}


def test_what_its_app_no_longer_understands_keeps_nobody_from_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    ada = person("Ada")
    tell(ada, kind=WARNING)
    Notice.objects.filter(user_id=ada.user_id).update(params={"from": "an older release"}, kind=NEWS)
    tell(ada, kind=WARNING, card=parcel())
    monkeypatch.delitem(registry.notices._kinds, WARNING)
    monkeypatch.delitem(registry.cards._kinds, PARCEL)
    lost = "There is news that cannot be shown any more."
    newest, oldest = Api(ada).all("notices/")
    assert (newest["text"], oldest["text"]) == (lost, lost)
    assert (newest["card"]["fallback"]["en"], newest["live"]) == ("", None)


def test_the_list_pages_and_costs_the_same_however_long_it_is() -> None:
    ada = person("Ada")
    ids = [str(tell(ada, card=parcel(f"p{number}"))) for number in range(7)]
    assert [row["id"] for row in Api(ada).all("notices/?limit=3")] == ids[::-1]
    assert len({statements(lambda: Api(ada).get(f"notices/?limit={limit}")) for limit in (2, 7)}) == 1  # noqa: B023
    assert Api(ada).get("notices/summary/")["unread"] == 7


def test_nobody_counts_beyond_a_hundred() -> None:
    ada = person("Ada")
    Notice.objects.bulk_create(
        Notice(user_id=ada.user_id, id=number, kind=NEWS, params={"parcel": "p"}, dedupe_key=str(number))
        for number in range(120)
    )
    assert Api(ada).get("notices/summary/")["unread"] == notices.MOST_UNREAD == 100


def test_sync_tells_how_notices_stand() -> None:
    ada = person("Ada")
    assert Api(ada).get("sync/")["notices"] == {"unread": 0, "last": None}
    tell(ada)
    assert Api(ada).get("sync/")["notices"] == Api(ada).get("notices/summary/")


def test_a_mistake_of_an_app_is_refused_where_it_is_made() -> None:
    ada = person("Ada")
    for wrong in ({"kind": "test.unknown"}, {"dedupe_key": ""}, {"dedupe_key": "x" * 121}):
        with pytest.raises(AssertionError):
            services.notify(**{"user_id": ada.user_id, "kind": NEWS, "params": {}, "dedupe_key": "1", **wrong})  # type: ignore[arg-type]


@pytest.mark.parametrize("change", ["card_kind = 'x'", "deleted_at = now()", "dedupe_key = 'one'"])
def test_the_database_refuses_rows_that_make_no_sense(change: str) -> None:
    ada = person("Ada")
    tell(ada, key="one")
    tell(ada, key="two")
    with pytest.raises(IntegrityError), connection.cursor() as cursor:
        cursor.execute(f"UPDATE messaging_notice SET {change} WHERE dedupe_key = 'two'")


def test_those_of_more_than_a_year_ago_are_forgotten() -> None:
    ada = person("Ada")
    old, new = tell(ada), tell(ada)
    Notice.objects.filter(id=old).update(created_at=timezone.now() - timedelta(days=366))
    services.forget_old_notices()
    assert [row["id"] for row in Api(ada).all("notices/")] == [str(new)]
