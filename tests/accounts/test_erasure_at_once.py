"""Erasing in real processes: killed in the middle it goes on, and two who erase one person do it once."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone
from pytest_django import Settings

from superapp.accounts import services
from superapp.accounts.models import DataExport, Erasure, HandleDirectory, User
from superapp.accounts.registry import privacy
from superapp.accounts.services import exports, returning
from superapp.core.models import AuditEntry
from superapp.media import services as media
from superapp.media.models import Asset
from tests.accounts.people import PASSWORD, Person, new_handle, person
from tests.accounts.test_at_once import at_once, patient_sessions, queueing, until_blocked
from tests.core.waiting import until
from tests.processes import Loops

pytestmark = pytest.mark.usefixtures("committed_db")
#: From the top floor down.
ROOMS = [room.name for room in reversed(privacy.rooms())]


def left_long_ago() -> Person:
    ada = person(handle=new_handle(), password=PASSWORD)
    services.deactivate(actor_id=ada.id, password=PASSWORD)
    is_due(ada)
    return ada


def is_due(who: Person) -> None:
    now = timezone.now()
    Erasure.objects.filter(user_id=who.id).update(due_at=now, next_at=now - timedelta(seconds=1))


def erasure_of(who: Person) -> Erasure:
    return Erasure.objects.get(user_id=who.id)


def erased_entries(who: Person) -> int:
    return AuditEntry.objects.filter(action="accounts.erased", subject_id=str(who.id)).count()


def test_two_who_erase_one_person_do_it_once() -> None:
    ada = left_long_ago()
    outcomes = queueing([lambda: services.erase(user_id=ada.id)] * 4, User.objects.filter(id=ada.id))
    assert sorted(outcomes) == [False, False, False, True]
    assert erasure_of(ada).done_rooms == ROOMS
    assert erased_entries(ada) == 1


def test_two_who_are_both_at_it_do_no_harm() -> None:
    """As when a lease ran out under somebody slow: both have claimed it."""
    ada = left_long_ago()

    def erase_after_a_claim() -> bool:
        is_due(ada)
        return services.erase(user_id=ada.id)

    outcomes = at_once([erase_after_a_claim] * 4)
    assert outcomes.count(True) <= 1
    until(lambda: services.erase(user_id=ada.id) or is_due(ada) or erasure_of(ada).state == "done")
    assert sorted(erasure_of(ada).done_rooms) == sorted(ROOMS)
    assert erased_entries(ada) == 1


def test_coming_back_and_being_erased_at_once_ends_with_one_of_the_two() -> None:
    for _ in range(4):
        ada = left_long_ago()
        token = returning.offer_return(user_id=ada.id).details["return_token"]

        def come_back(token: str = token) -> str:
            try:
                services.reactivate(return_token=token, device_name="Phone", platform="ios")
            except Exception as refusal:
                return type(refusal).__name__
            return "back"

        calls = [lambda ada=ada: services.erase(user_id=ada.id), come_back]
        erased, answer = queueing(calls, User.objects.filter(id=ada.id))
        user = User.objects.get(id=ada.id)
        assert (erased, answer, user.is_active, user.erased_at is not None) in {
            (True, "ReturnExpired", False, True),
            (False, "back", True, False),
        }


def test_piece_of_a_copy_that_is_stored_meanwhile_goes_with_it(settings: Settings, tmp_path: Path) -> None:
    """What a worker stores while the copy is forgotten would otherwise hang on it for ever."""
    settings.MEDIA_ROOT = str(tmp_path)
    export_id = services.request_export(actor_id=person().id, client_id=uuid4()).id
    piece: dict[str, Any] = {"content_type": "application/zip", "purpose": exports.PIECE, "reference": str(export_id)}
    with ThreadPoolExecutor(1) as pool, patient_sessions():
        with media.keep(content=io.BytesIO(b"piece"), name="piece.zip", **piece):
            DataExport.objects.filter(id=export_id).update(offset=1)
            forgotten = pool.submit(at_once, [lambda: exports.forget_export(export_id)])
            until_blocked(1)
        forgotten.result(timeout=60)
    assert not DataExport.objects.filter(id=export_id).exists()
    assert not Asset.objects.filter(reference=str(export_id)).exists()


def test_killed_in_the_middle_it_goes_on(committed_db: Any) -> None:
    ada = person(handle=new_handle(), password=PASSWORD)
    with Loops(committed_db) as loops:
        loops.kill()
        services.deactivate(actor_id=ada.id, password=PASSWORD)
        is_due(ada)
        with transaction.atomic():
            # The last room needs this row: the others will be done, and this one waits.
            list(HandleDirectory.objects.select_for_update().filter(user_id=ada.id))
            loops.restart()
            until(lambda: "media" in erasure_of(ada).done_rooms)
            loops.kill()
        assert erasure_of(ada).done_rooms == ROOMS[:-1]
        assert User.objects.get(id=ada.id).handle == ada.handle
        # As after some minutes, when what the killed one had claimed has run out.
        is_due(ada)
        loops.restart()
        until(lambda: erasure_of(ada).state == "done")
    assert User.objects.get(id=ada.id).erased_at is not None
    assert erased_entries(ada) == 1
