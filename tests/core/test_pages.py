"""What browsers see: pages where programs get JSON, under a content policy that runs nothing that stands in a page."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from superapp.core.middleware import csrf_failure
from superapp.urls import handler400, handler403, handler404, handler500  # noqa: F401  (read off this module by Django)
from superapp.urls import urlpatterns as product

BROWSER = {"HTTP_ACCEPT": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
STRICT = {"default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "frame-ancestors 'none'"}


def breaks(request: HttpRequest) -> HttpResponse:
    raise ZeroDivisionError


def shows(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f'<script nonce="{request.csp_nonce}"></script>')  # type: ignore[attr-defined]


urlpatterns = [
    *product,
    path("breaks", breaks),
    path("shows", shows),
    path("forged", csrf_failure),
    path("admin/shows", shows),
]
pytestmark = pytest.mark.urls(__name__)


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture
def maintenance(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "maintenance"
    with override_settings(MAINTENANCE_FILE=str(file)):
        yield file


def directives(response: Any) -> set[str]:
    return {part.strip() for part in response["Content-Security-Policy"].split(";")}


@pytest.mark.parametrize(
    ("address", "status", "title"),
    [
        ("/nowhere", 404, "There is no page here"),
        ("/media/1/photo.jpg", 404, "There is no page here"),
        ("/forged", 403, "You may not open this page"),
        ("/breaks", 500, "Something broke on our side"),
    ],
)
@pytest.mark.django_db
def test_browsers_get_a_page_that_says_what_happened(client: Client, address: str, status: int, title: str) -> None:
    response = client.get(address, **BROWSER)
    assert response.status_code == status
    assert response["Content-Type"] == "text/html; charset=utf-8"
    assert response["Cache-Control"] == "no-store"
    page = response.content.decode()
    assert f"<h1>{title}</h1>" in page
    assert directives(response) >= STRICT
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=", page)


@pytest.mark.parametrize(
    ("address", "status", "code"),
    [("/nowhere", 404, "not_found"), ("/forged", 403, "forbidden"), ("/breaks", 500, "internal")],
)
def test_programs_get_json_at_the_same_addresses(client: Client, address: str, status: int, code: str) -> None:
    response = client.get(address, HTTP_ACCEPT="*/*")
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    assert directives(response) == {"default-src 'none'", "frame-ancestors 'none'"}


def test_the_api_answers_in_json_whatever_a_phones_library_accepts(client: Client) -> None:
    for address in ("/api/v1/me/", "/api/v1/nowhere/"):
        assert "error" in client.get(address, **BROWSER).json()


def test_page_about_a_failure_names_the_line_in_the_log_and_nothing_of_what_broke(client: Client) -> None:
    response = client.get("/breaks", **BROWSER)
    assert response["X-Request-ID"] in response.content.decode()
    assert "ZeroDivisionError" not in response.content.decode()


def test_failure_is_told_even_where_its_page_breaks_too(client: Client, settings: Any) -> None:
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "APP_DIRS": False}]
    response = client.get("/breaks", **BROWSER)
    assert (response.status_code, response.json()["error"]["code"]) == (500, "internal")


def test_refusals_text_is_not_markup(client: Client, maintenance: Path) -> None:
    maintenance.write_text("<script>alert(1)</script>")
    response = client.get("/", **BROWSER)
    assert b"<script>" not in response.content
    assert b"&lt;script&gt;" in response.content


def test_during_maintenance_people_read_the_operators_words(client: Client, maintenance: Path) -> None:
    assert client.get("/", **BROWSER).status_code == 200
    maintenance.write_text("We are moving house until 14:00 UTC.\n")
    response = client.get("/", **BROWSER)
    assert (response.status_code, response["Retry-After"]) == (503, "60")
    assert "We are moving house until 14:00 UTC." in response.content.decode()
    response = client.get("/api/v1/me/")
    error = response.json()["error"]
    assert (response.status_code, error["code"], response["Retry-After"]) == (503, "maintenance", "60")
    assert error["message"] == "We are moving house until 14:00 UTC."
    maintenance.unlink()
    assert client.get("/api/v1/me/").status_code == 401


def test_empty_maintenance_file_has_words_of_ours(client: Client, maintenance: Path) -> None:
    maintenance.touch()
    assert "Superapp takes a short break" in client.get("/", **BROWSER).content.decode()
    assert client.get("/api/v1/me/").json()["error"]["message"].startswith("Superapp is being looked after")


def test_supervisors_are_answered_during_maintenance(client: Client, maintenance: Path, committed_db: Any) -> None:
    maintenance.touch()
    assert client.get("/healthz").status_code == 200
    assert client.get("/readyz").status_code == 200


def test_a_script_runs_only_with_the_pages_own_nonce(client: Client) -> None:
    pages = [client.get("/shows") for _again in range(2)]
    nonces = {re.findall(r'nonce="(.+?)"', page.content.decode())[0] for page in pages}
    assert len(nonces) == 2
    for page in pages:
        nonce = re.findall(r'nonce="(.+?)"', page.content.decode())[0]
        assert f"script-src 'self' 'nonce-{nonce}'" in directives(page)
        assert "unsafe" not in page["Content-Security-Policy"]


def test_only_the_admin_may_compile_scripts(client: Client, settings: Any) -> None:
    settings.ADMIN_PATH = "admin/"
    assert "'unsafe-eval'" in client.get("/admin/shows")["Content-Security-Policy"]
    assert "'unsafe-inline'" not in next(
        d for d in directives(client.get("/admin/shows")) if d.startswith("script-src")
    )


def test_documentation_of_the_api_runs_no_script_of_its_page(client: Client) -> None:
    page = client.get("/api/docs/", **BROWSER)
    assert page.status_code == 200
    assert not re.search(r"<script(?![^>]*\ssrc=)|<style", page.content.decode())


def test_start_page_is_there(client: Client) -> None:
    response = client.get("/", **BROWSER)
    assert response.status_code == 200
    assert b'href="/api/docs/"' in response.content
