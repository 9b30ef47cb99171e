"""Three languages: messages for people in theirs, codes for programs in none, and catalogues that are complete."""

from collections.abc import Callable
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from django.test import Client
from django.utils import translation

from superapp.accounts.models import User
from superapp.core.errors import Conflict
from superapp.localdev import catalogues
from tests.accounts.people import Caller, person

ENGLISH, FRENCH, CHINESE = "Please sign in.", "Veuillez vous connecter.", "请先登录。"


def message(response: Any) -> str:
    return str(response.json()["error"]["message"])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("fr", FRENCH),
        ("fr-CA,en;q=0.5", FRENCH),
        ("zh-CN,zh;q=0.9", CHINESE),
        ("zh-hans", CHINESE),
        ("zh", CHINESE),
        ("de, zh-Hans;q=0.4, fr;q=0.8", FRENCH),
        ("de", ENGLISH),
        ("", ENGLISH),
        ("*", ENGLISH),
        ("\x7f, ../../etc/passwd", ENGLISH),
        ("fr," * 10_000, FRENCH),
    ],
)
@pytest.mark.django_db
def test_stranger_is_answered_in_the_language_of_their_client(asked: str, said: str) -> None:
    response = Caller().get("/api/v1/me/", HTTP_ACCEPT_LANGUAGE=asked[:400])
    assert message(response) == said
    assert response.json()["error"]["code"] == "unauthenticated"


@pytest.mark.django_db
def test_own_language_counts_more_than_that_of_the_device() -> None:
    ada = person()
    User.objects.filter(id=ada.id).update(language="zh-hans")
    asked: Callable[[], Any] = lambda: ada.api.call(  # noqa: E731
        "PATCH", "/api/v1/me/", {"handle": "admin", "avatar_id": None}, HTTP_ACCEPT_LANGUAGE="fr"
    )
    assert message(asked()) == "这个用户名已被他人使用。"
    assert ada.api.call("PATCH", "/api/v1/me/", {"language": "fr"}).status_code == 200
    assert message(asked()).startswith("Quelqu\u2019un")
    # The next one in this thread is somebody else.
    assert message(Caller().get("/api/v1/me/")) == ENGLISH


@pytest.mark.django_db
def test_what_is_wrong_with_a_field_is_said_in_the_same_language() -> None:
    body = {"phone": 7, "unknown": 1}
    for language, ours, frameworks in (
        ("fr", "Ce champ n\u2019existe pas.", "Chaîne de caractère invalide."),
        ("zh-hans", "没有这个字段。", "不是有效的字符串。"),
        ("en", "There is no such field.", "Not a valid string."),
    ):
        response = Caller().call("POST", "/api/v1/auth/codes/", body, HTTP_ACCEPT_LANGUAGE=language)
        assert response.json()["error"]["details"]["fields"] == {"unknown": [ours]}
        response = Caller().call("POST", "/api/v1/auth/codes/", {"phone": 7}, HTTP_ACCEPT_LANGUAGE=language)
        assert response.json()["error"]["details"]["fields"] == {"phone": [frameworks]}
        assert response.json()["error"]["code"] == "invalid_input"


@pytest.mark.django_db
def test_text_that_waited_for_a_language_may_stand_in_details() -> None:
    error = Conflict(fields={"a": [translation.gettext_lazy("Please sign in.")], "b": ({"c": 1},)})
    with translation.override("fr"):
        assert error.as_json()["details"] == {"fields": {"a": [FRENCH], "b": [{"c": 1}]}}


def test_pages_say_which_language_they_are_in_and_that_they_depend_on_it() -> None:
    for asked, language, title in (
        ("fr", "fr", "Il n\u2019y a pas de page ici"),
        ("zh-cn", "zh-hans", "这里没有页面"),
        ("", "en", "There is no page here"),
    ):
        response = Client().get("/nowhere", HTTP_ACCEPT="text/html", HTTP_ACCEPT_LANGUAGE=asked)
        assert (response.status_code, response["Content-Language"]) == (404, language)
        assert "Accept-Language" in response["Vary"]
        assert f'<html lang="{language}"' in response.content.decode()
        assert f"<h1>{title}</h1>" in response.content.decode()


def test_language_ends_with_its_request() -> None:
    Client().get("/nowhere", HTTP_ACCEPT_LANGUAGE="fr")
    assert translation.get_language() == "en"


# --- The catalogues ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", catalogues.LANGUAGES)
def test_catalogue_says_in_its_language_what_the_code_says(language: str) -> None:
    stored = catalogues.stored(language)
    assert len(stored) > 90
    for message in stored:
        if message.id and not message.pluralizable:
            with translation.override(language.replace("_", "-").lower()):
                assert translation.gettext(message.id) == message.string


@pytest.mark.parametrize(
    ("language", "text", "translated", "what"),
    [
        ("fr", "Hello %(name)s.", "Bonjour %(name)s.", None),
        ("fr", "Hello.", "", "not translated"),
        ("fr", "Hello %(name)s.", "Bonjour %(nom)s.", "other placeholders"),
        ("fr", "Hello {name}.", "Bonjour.", "other placeholders"),
        ("fr", "100 %% of %s", "100 %% de %s", None),
        ("fr", "Really?", "Vraiment ?", "French sets a no-break space before ? ! : ; and inside « »"),
        ("fr", "Really?", "Vraiment\u00a0?", None),
        ("fr", "Really?", "Vraiment\u202f?", None),
        ("fr", "See http://x: it is", "Voir http://x\u00a0: c’est", None),
        ("fr", '"A"', "« A »", "French sets a no-break space before ? ! : ; and inside « »"),
        ("zh_Hans", "Really?", "真的?", "Chinese has punctuation of its own"),
        ("zh_Hans", "Really?", "真的？", None),
        ("zh_Hans", " and ", "和", "begins or ends with other blanks"),
        ("zh_Hans", ("%(n)s thing", "%(n)s things"), ("%(n)s 件",), None),
        ("fr", ("One thing", "%(n)s things"), ("Une chose", "%(n)s choses"), None),
        ("fr", ("%(n)s thing", "%(n)s things"), ("%(n)s chose", ""), "not translated"),
    ],
)
def test_flaw_of_a_translation_is_found(language: str, text: Any, translated: Any, what: str | None) -> None:
    found = [flaw.what for flaw in catalogues.flaws_of(language, Message(text, translated))]
    assert found == ([what] if what else [])


def test_guess_is_no_translation() -> None:
    found = [flaw.what for flaw in catalogues.flaws_of("fr", Message("Hello.", "Au revoir.", flags=["fuzzy"]))]
    assert found == ["translated by guess (fuzzy)"]


def test_texts_are_found_in_code_and_in_pages() -> None:
    texts = {message.id for message in catalogues.extracted()}
    assert "Please sign in." in texts
    assert "Try again" in texts
    assert ("This will be done to %(number)s object:", "This will be done to %(number)s objects:") in texts


def test_catalogue_that_is_written_twice_stays_the_same() -> None:
    for language in catalogues.LANGUAGES:
        first = catalogues.text_of(catalogues.updated(language))
        assert catalogues.text_of(catalogues.updated(language)) == first
        assert isinstance(catalogues.compiled(Catalog(locale=catalogues.LANGUAGES[language])), bytes)
