"""Whoever is blocked does not find who blocked them: not by handle, id, card or face, and does not see them change."""

from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from superapp.accounts import services as accounts
from superapp.accounts.models import User
from superapp.media import services as media
from tests.media import images
from tests.messaging.api import Api
from tests.messaging.conftest import Wire
from tests.realtime.people import Device, befriend, friends, group, person

pytestmark = pytest.mark.django_db
NOBODY = "nobody_at_all"


@pytest.fixture
def pair() -> tuple[Device, Device]:
    """Ada, whom Bo has blocked."""
    ada, bo = person("Ada"), person("Bo")
    Api(bo).ok("PUT", f"blocks/{ada.id}/", status=204)
    return ada, bo


def answer(device: Device, method: str, path: str, body: Any = None) -> tuple[int, bytes, frozenset[str], int]:
    """Everything that could tell two cases apart."""
    with CaptureQueriesContext(connection) as captured:
        response = Api(device).call(method, path, body)
    return response.status_code, response.content, frozenset(response.headers), len(captured)


def with_face(device: Device) -> str:
    """Gives them an avatar; returns its id."""
    file = SimpleUploadedFile("face.jpg", images.jpeg())
    asset = media.store(owner_id=device.user_id, file=file, purpose="avatar", client_id=uuid4())
    accounts.change_profile(actor_id=device.user_id, avatar_id=asset.id)
    return str(asset.id)


def test_blocked_person_gets_what_anybody_gets_for_nobody(pair: tuple[Device, Device]) -> None:
    ada, bo = pair
    theirs = answer(ada, "GET", f"people/?handle={bo.handle}")
    assert theirs[0] == 404
    assert theirs == answer(ada, "GET", f"people/?handle={NOBODY}")
    assert answer(ada, "GET", f"people/{bo.id}/") == answer(ada, "GET", "people/1/")
    assert answer(ada, "POST", "friend-requests/", {"handle": bo.handle}) == answer(
        ada, "POST", "friend-requests/", {"handle": NOBODY}
    )
    assert answer(ada, "POST", "friend-requests/", {"user_id": bo.id}) == answer(
        ada, "POST", "friend-requests/", {"user_id": "1"}
    )


def test_card_of_who_blocked_opens_nothing(pair: tuple[Device, Device]) -> None:
    ada, bo = pair
    card = accounts.qr_card(actor_id=bo.user_id)
    assert Api(person()).ok("POST", "scan/", {"content": card})["data"]["id"] == bo.id
    User.objects.filter(id=(gone := person("Gone")).user_id).update(is_active=False)
    of_nobody = accounts.qr_card(actor_id=gone.user_id)
    theirs = answer(ada, "POST", "scan/", {"content": card})
    assert theirs[:3] == answer(ada, "POST", "scan/", {"content": of_nobody})[:3]
    assert theirs[0] == 404


def test_face_of_who_blocked_has_no_address(pair: tuple[Device, Device]) -> None:
    ada, bo = pair
    face, another = with_face(bo), with_face(person("Cy"))
    assert [asset["id"] for asset in Api(ada).get(f"media/?ids={face},{another}")["results"]] == [another]
    assert answer(ada, "GET", f"media/{face}/")[:3] == answer(ada, "GET", "media/1/")[:3]


def test_address_of_a_face_dies_when_its_person_blocks() -> None:
    ada, bo, _conversation_id = friends("Ada", "Bo")
    (shown,) = Api(ada).get(f"media/?ids={with_face(bo)}")["results"]
    url = shown["variants"]["original"]["url"]
    path = url[url.index("/media/") :]
    assert Api(ada).call("GET", path).status_code == 200
    Api(bo).ok("PUT", f"blocks/{ada.id}/", status=204)
    assert Api(ada).call("GET", path).status_code in {404, 410}
    Api(bo).ok("DELETE", f"blocks/{ada.id}/", status=204)
    assert Api(ada).call("GET", path).status_code == 200


def test_who_blocked_cannot_be_sent_on_as_a_contact(pair: tuple[Device, Device]) -> None:
    ada, bo = pair
    conversation_id = befriend(ada, person("Cy"))
    path = f"conversations/{conversation_id}/messages/"
    for user_id in (bo.id, "1"):
        body = {"kind": "contact", "user_id": user_id}
        assert Api(ada).refused("POST", path, body, key=str(uuid4())) == (404, "not_found")
    Api(bo).ok("DELETE", f"blocks/{ada.id}/", status=204)
    sent = Api(ada).ok("POST", path, {"kind": "contact", "user_id": bo.id}, key=str(uuid4()), status=201)
    assert sent["body"]["user_id"] == bo.id


def test_everybody_else_and_who_blocked_find_as_before(pair: tuple[Device, Device]) -> None:
    ada, bo = pair
    cy = person("Cy")
    assert Api(cy).get(f"people/?handle={bo.handle}")["id"] == bo.id
    assert Api(bo).get(f"people/?handle={ada.handle}")["id"] == ada.id
    assert Api(bo).get(f"people/{ada.id}/")["id"] == ada.id
    assert Api(bo).get(f"people/{bo.id}/")["id"] == bo.id


def test_unblocked_they_find_again(pair: tuple[Device, Device]) -> None:
    ada, bo = pair
    Api(bo).ok("DELETE", f"blocks/{ada.id}/", status=204)
    assert Api(ada).get(f"people/?handle={bo.handle}")["id"] == bo.id


def test_what_both_share_already_keeps_the_name() -> None:
    """A conversation without a name would be a riddle, and a gap in a list of members a hint."""
    ada, bo, conversation_id = friends("Ada", "Bo")
    group_id = group(ada, bo, person("Cy"))
    with_face(bo)
    before = Api(ada).conversation(conversation_id)
    Api(bo).ok("PUT", f"blocks/{ada.id}/", status=204)
    assert Api(ada).conversation(conversation_id) == before
    assert before["mine"]["peer"]["display_name"] == "Bo"
    assert bo.id in {member["user"]["id"] for member in Api(ada).all(f"conversations/{group_id}/members/")}
    assert [friend["user"]["id"] for friend in Api(ada).all("friends/") if friend["user"]["id"] == bo.id] == [bo.id]


def test_changes_are_not_shown_to_who_is_blocked(wire: Wire) -> None:
    ada, bo, _conversation_id = friends("Ada", "Bo")
    Api(bo).ok("PUT", f"blocks/{ada.id}/", status=204)
    wire.pushes()
    Api(bo).ok("PATCH", "me/", {"display_name": "Bobo"})
    Api(ada).ok("PATCH", "me/", {"display_name": "Adada"})
    to = {(topic, frame["payload"]["display_name"]) for topics, frame in wire.pushes() for topic in topics}
    assert to == {(f"user:{bo.id}", "Bobo"), (f"user:{ada.id}", "Adada"), (f"user:{bo.id}", "Adada")}


def test_finding_somebody_takes_five_statements(pair: tuple[Device, Device]) -> None:
    _ada, bo = pair
    cy = person("Cy")
    # Who asks, whose handle it is, who that is, whether they hide from Cy, and whether they are found by it.
    assert answer(cy, "GET", f"people/?handle={bo.handle}")[3] == 5
