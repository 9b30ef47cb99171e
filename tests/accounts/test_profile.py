"""What people say about themselves: only what they may, in a form that others can read."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from pytest_django import Settings

from superapp.accounts import selectors, services
from superapp.accounts.errors import HandleTaken
from superapp.accounts.events import ProfileChanged
from superapp.accounts.models import HandleDirectory, User
from superapp.core.errors import NotFound
from superapp.core.events import after_commit
from superapp.media import services as media
from superapp.media.models import Asset
from tests.accounts.people import Person, new_handle, person
from tests.media import images

pytestmark = pytest.mark.django_db
ME = "/api/v1/me/"
changed: list[int] = []


@after_commit(ProfileChanged)
def remember(event: ProfileChanged) -> None:
    changed.append(event.user_id)


@pytest.fixture(autouse=True)
def _nobody_yet() -> None:
    changed.clear()


@pytest.fixture
def ada() -> Person:
    return person(handle=new_handle())


def change(someone: Person, **changes: Any) -> Any:
    return someone.api.call("PATCH", ME, changes)


def row(someone: Person) -> dict[str, Any]:
    return User.objects.values().get(id=someone.id)


def refused(someone: Person, status: int, **changes: Any) -> dict[str, Any]:
    """The error; nothing changed and nobody was told."""
    before, handles = row(someone), set(HandleDirectory.objects.values_list("handle", "user_id"))
    response = change(someone, **changes)
    assert response.status_code == status, response.content
    assert row(someone) == before
    assert set(HandleDirectory.objects.values_list("handle", "user_id")) == handles
    assert changed == []
    error: dict[str, Any] = response.json()["error"]
    return error


# --- Reading ----------------------------------------------------------------------------------------------------------


def test_own_profile_takes_one_statement(ada: Person, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert ada.api.get(ME).status_code == 200


def test_people_are_found_by_the_handle_they_have_now(ada: Person) -> None:
    assert ada.handle
    assert selectors.user_by_handle(ada.handle.upper(), viewer_id=ada.id).id == ada.id
    change(ada, handle=(new := new_handle()))
    assert selectors.user_by_handle(new, viewer_id=ada.id).id == ada.id
    for handle in (ada.handle, "nobody_at_all", "", "\N{KELVIN SIGN}elvin"):
        with pytest.raises(NotFound):
            selectors.user_by_handle(handle, viewer_id=ada.id)
    User.objects.filter(id=ada.id).update(is_active=False)
    with pytest.raises(NotFound):
        selectors.user_by_handle(new, viewer_id=ada.id)


# --- What may be changed ----------------------------------------------------------------------------------------------


def test_changes_are_shown_at_once_and_announced(ada: Person) -> None:
    handle = new_handle()
    wanted = {"display_name": "Ada 李 Lovelace", "handle": handle, "language": "fr", "time_zone": "Asia/Shanghai"}
    response = change(ada, **wanted)
    assert response.status_code == 200
    assert wanted.items() <= response.json().items()
    assert ada.api.get(ME).json() == response.json()
    assert changed == [ada.id]


def test_one_field_changes_alone(ada: Person) -> None:
    before = row(ada)
    assert change(ada, language="zh-hans").status_code == 200
    assert row(ada) == {**before, "language": "zh-hans"}


def test_change_of_nothing_changes_nothing(ada: Person) -> None:
    before = row(ada)
    response = change(ada)
    assert (response.status_code, row(ada)) == (200, before)


@pytest.mark.parametrize(
    "forbidden",
    [
        {"id": "1"},
        {"phone": "+33611111111"},
        {"is_staff": True},
        {"is_superuser": True},
        {"is_active": False},
        {"is_demo": True},
        {"password": "x"},
        {"has_password": True},
        {"created_at": "2026-01-01T00:00:00Z"},
        {"last_login": None},
        {"groups": [1]},
        {"user_permissions": [1]},
        {"avatar": "1"},
        {"pk": 1},
        {"__class__": "x"},
    ],
)
def test_field_that_is_not_ones_own_to_change_refuses_the_whole_change(ada: Person, forbidden: dict[str, Any]) -> None:
    error = refused(ada, 400, display_name="New", **forbidden)
    assert error["code"] == "invalid_input"
    assert set(error["details"]["fields"]) == set(forbidden)


# --- Names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["A", "x" * 40, "李" * 40, "👩‍👩‍👧", "O'Neill-Þór", "علي", "R2-D2", "e\N{COMBINING ACUTE ACCENT}", "a  b"]
)
def test_name_is_whatever_people_are_called(ada: Person, name: str) -> None:
    assert change(ada, display_name=name).json()["display_name"] == name


def test_blanks_around_a_name_are_dropped(ada: Person) -> None:
    assert change(ada, display_name="\N{IDEOGRAPHIC SPACE} Ada\n").json()["display_name"] == "Ada"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "\N{IDEOGRAPHIC SPACE}",
        "\N{ZERO WIDTH SPACE}",
        "\N{ZERO WIDTH JOINER}\N{COMBINING ACUTE ACCENT}",
        "x" * 41,
        "two\nlines",
        "a\x00b",
        "a\x1b[31mb",
        "a\x7fb",
        "a\N{LINE SEPARATOR}b",
        "a\N{RIGHT-TO-LEFT OVERRIDE}b",
        None,
        5,
        ["Ada"],
        {"first": "Ada"},
    ],
)
def test_name_that_nobody_can_read_or_that_changes_how_others_are_read_is_refused(ada: Person, name: Any) -> None:
    assert set(refused(ada, 400, display_name=name)["details"]["fields"]) == {"display_name"}


# --- Handles ----------------------------------------------------------------------------------------------------------


def test_handle_is_kept_in_lower_case(ada: Person) -> None:
    handle = new_handle()
    assert change(ada, handle=handle.title()).json()["handle"] == handle
    assert change(ada, handle=handle.upper()).json()["handle"] == handle
    assert HandleDirectory.objects.filter(user_id=ada.id).count() == 2


@pytest.mark.parametrize("handle", ["ab", "a1", "a_", "abcdefghijklmnopqrst", "z__9"])
def test_handle_has_two_to_twenty_letters_digits_and_underscores(ada: Person, handle: str) -> None:
    assert change(ada, handle=handle).json()["handle"] == handle


@pytest.mark.parametrize(
    "handle",
    [
        "",
        "a",
        "a" * 21,
        "1ada",
        "_ada",
        "a-b",
        "a b",
        "a.b",
        "adé",
        "\N{KELVIN SIGN}elvin",
        "ad\N{CYRILLIC SMALL LETTER A}",
        "ada\x00",
        "+33612345678",
        None,
        12,
        ["ada"],
    ],
)
def test_handle_of_another_form_is_refused(ada: Person, handle: Any) -> None:
    assert set(refused(ada, 400, handle=handle)["details"]["fields"]) == {"handle"}


@pytest.mark.parametrize("written", [str, str.upper, str.title])
def test_handle_of_somebody_else_is_taken(ada: Person, written: Any) -> None:
    bo = person(handle=new_handle())
    error = refused(ada, 409, display_name="New", handle=written(bo.handle))
    assert error["code"] == "handle_taken"
    assert row(bo)["handle"] == bo.handle


def test_handle_that_was_given_up_stays_with_its_person(ada: Person) -> None:
    old = ada.handle
    change(ada, handle=new_handle())
    changed.clear()
    assert refused(person(), 409, handle=old)["code"] == "handle_taken"
    assert change(ada, handle=old).json()["handle"] == old


@pytest.mark.parametrize("handle", ["admin", "Support", "SUPERAPP", "system"])
def test_nobody_can_pass_for_us(ada: Person, handle: str) -> None:
    assert refused(ada, 409, handle=handle)["code"] == "handle_taken"


def test_fifth_new_handle_of_a_month_is_the_last(ada: Person) -> None:
    first = ada.handle
    for _ in range(4):
        latest = new_handle()
        assert change(ada, handle=latest).status_code == 200
    changed.clear()
    error = refused(ada, 429, handle=new_handle())
    assert error["code"] == "too_many_requests"
    assert 29 * 86_400 < error["details"]["retry_after_seconds"] <= 30 * 86_400
    # The way back to one's own stays open, and a month later the next.
    assert change(ada, handle=first).json()["handle"] == first
    HandleDirectory.objects.filter(handle=latest).update(claimed_at=timezone.now() - timedelta(days=31))
    assert change(ada, handle=new_handle()).status_code == 200


def test_handles_that_others_have_cost_nothing_but_the_attempt(ada: Person) -> None:
    taken = person(handle=new_handle()).handle
    for _ in range(7):
        assert refused(ada, 409, handle=taken)["code"] == "handle_taken"
    assert change(ada, handle=new_handle()).status_code == 200


def test_too_many_changes_of_anything_have_to_wait(ada: Person, settings: Settings) -> None:
    settings.LIMITS_OVERRIDES = {"accounts.change_profile.user": (2, 3600)}
    for name in ("A", "B"):
        assert change(ada, display_name=name).status_code == 200
    changed.clear()
    assert refused(ada, 429, display_name="C")["code"] == "too_many_requests"


def test_new_person_cannot_start_with_a_taken_handle(ada: Person) -> None:
    before = User.objects.count()
    with pytest.raises(HandleTaken):
        services.create_user(phone=None, display_name="Bo", handle=ada.handle)
    assert User.objects.count() == before


# --- Language and time zone -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["de", "", None, "en-US", 5, ["en"], {"en": 1}])
def test_language_is_one_that_is_spoken_here(ada: Person, language: Any) -> None:
    assert set(refused(ada, 400, language=language)["details"]["fields"]) == {"language"}


@pytest.mark.parametrize(("written", "kept"), [("zh-Hans", "zh-hans"), ("FR", "fr"), ("en", "en")])
def test_language_is_known_in_any_case(ada: Person, written: str, kept: str) -> None:
    assert change(ada, language=written).json()["language"] == kept


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "America/Argentina/Buenos_Aires", "Asia/Shanghai"])
def test_time_zone_is_one_of_the_iana_database(ada: Person, zone: str) -> None:
    assert change(ada, time_zone=zone).json()["time_zone"] == zone


@pytest.mark.parametrize(
    "zone",
    [
        "Mars/Olympus",
        "europe/paris",
        "+02:00",
        "../../etc/passwd",
        "/etc/localtime",
        "localtime",
        "Factory",
        "",
        None,
        "x" * 51,
        5,
    ],
)
def test_time_zone_that_is_none_is_refused(ada: Person, zone: Any) -> None:
    assert set(refused(ada, 400, time_zone=zone)["details"]["fields"]) == {"time_zone"}


# --- Avatars ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def _media_root(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path)


def upload(owner: Person, *, purpose: str = "avatar") -> str:
    """The id of a photo of the owner's."""
    file = SimpleUploadedFile("face.jpg", images.jpeg())
    return str(media.store(owner_id=owner.id, file=file, purpose=purpose, client_id=uuid4()).id)


@pytest.mark.usefixtures("_media_root")
def test_own_photo_becomes_the_avatar_and_can_be_taken_away(ada: Person) -> None:
    first, second = upload(ada), upload(ada)
    for avatar_id in (first, first, second, None, first):
        response = change(ada, avatar_id=avatar_id)
        assert (response.status_code, response.json()["avatar_id"]) == (200, avatar_id)
        used = {str(asset.id) for asset in Asset.objects.exclude(reference=None)}
        assert used == ({avatar_id} if avatar_id else set())
    assert selectors.profile_frame(User.objects.get(id=ada.id))["avatar_id"] == first


@pytest.mark.usefixtures("_media_root")
def test_photo_that_is_not_ones_own_avatar_is_not_there(ada: Person) -> None:
    bo = person()
    mine, theirs, theirs_in_use, for_a_message = (
        upload(ada),
        upload(bo),
        upload(bo),
        upload(ada, purpose="message"),
    )
    change(bo, avatar_id=theirs_in_use)
    change(ada, avatar_id=mine)
    changed.clear()
    for avatar_id in (theirs, theirs_in_use, for_a_message, "1", str(2**63 - 1)):
        error = refused(ada, 404, avatar_id=avatar_id, display_name="New")
        assert error["code"] == "not_found"
    # The one before is still in its place.
    assert Asset.objects.get(id=mine).reference == str(ada.id)


@pytest.mark.usefixtures("_media_root")
def test_photo_that_could_not_be_processed_is_no_avatar(ada: Person) -> None:
    broken = upload(ada)
    Asset.objects.filter(id=broken).update(state=Asset.State.FAILED)
    assert refused(ada, 409, avatar_id=broken)["code"] == "not_ready"


@pytest.mark.parametrize("avatar_id", [5, "", "x", "-1", str(2**63), ["1"], True])
def test_avatar_is_named_by_its_id(ada: Person, avatar_id: Any) -> None:
    assert set(refused(ada, 400, avatar_id=avatar_id)["details"]["fields"]) == {"avatar_id"}
