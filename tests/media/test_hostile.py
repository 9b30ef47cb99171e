"""Files that are made to do harm: each is refused for good or made harmless, within its share of the machine, and the
worker goes on with the next."""

import io
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from superapp.media import sandbox, services
from superapp.media.models import Asset
from tests.media import films
from tests.media.conftest import EVERYTHING, Person, files_in
from tests.media.test_sound_and_film import deliver_outbox, original, upload
from tests.sizes import sizes

#: Resident, at any moment, of the process that takes the file apart.
MOST_KIB = 150 * 1024


@pytest.fixture(autouse=True)
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[sandbox.Outcome]:
    """What the sandbox made of each file, with the memory that it took."""
    seen: list[sandbox.Outcome] = []
    outcome = sandbox._outcome

    def noted(*arguments: Any) -> sandbox.Outcome:
        seen.append(outcome(*arguments))
        return seen[-1]

    monkeypatch.setattr(sandbox, "_outcome", noted)
    return seen


@pytest.mark.parametrize("name", films.NOT_EVEN_THAT)
def test_what_is_no_sound_or_film_is_refused_at_the_door(name: str, person: Person, media_root: Path) -> None:
    kind, content = films.NOT_EVEN_THAT[name]
    response = person.upload(content, purpose=EVERYTHING, kind=kind, name="IMG_2041.mp4")
    assert (response.status_code, response.json()["error"]["code"]) == (415, "unsupported_media")
    assert (Asset.objects.count(), files_in(media_root)) == (0, [])


@pytest.mark.parametrize("name", films.REFUSED)
def test_hostile_files_are_refused_for_good(
    name: str, person: Person, media_root: Path, outcomes: list[sandbox.Outcome]
) -> None:
    kind, make, codes = films.REFUSED[name]
    asset = upload(person, kind, make())
    services.make_variants(asset_id=asset.id)
    asset.refresh_from_db()
    assert (asset.state, asset.attempts) == ("failed", 1)
    assert asset.refusal in codes
    assert outcomes[0].peak_kib <= MOST_KIB
    shown = person.asset(asset.id).json()
    assert (shown["state"], shown["refusal"], shown["variants"]) == ("failed", asset.refusal, {})
    deliver_outbox()
    assert files_in(media_root) == []


@pytest.mark.parametrize("name", films.NEUTRALISED)
def test_what_else_a_file_is_stays_behind(
    name: str, person: Person, media_root: Path, outcomes: list[sandbox.Outcome]
) -> None:
    kind, make = films.NEUTRALISED[name]
    content = make()
    assert b"<script>" in content
    asset = upload(person, kind, content)
    services.make_variants(asset_id=asset.id)
    deliver_outbox()
    asset.refresh_from_db()
    assert (asset.state, asset.refusal) == ("ready", "")
    assert outcomes[0].peak_kib <= MOST_KIB
    assert original(person.asset(asset.id).json())
    assert not any(b"<script>" in path.read_bytes() for path in files_in(media_root))


@pytest.mark.parametrize("name", films.LYING)
def test_what_a_file_says_about_itself_is_not_believed(name: str, person: Person, media_root: Path) -> None:
    kind, make = films.LYING[name]
    asset = upload(person, kind, make())
    services.make_variants(asset_id=asset.id)
    shown = person.asset(asset.id).json()
    assert (shown["state"], shown["refusal"]) == ("ready", "")
    assert 900 <= shown["duration_ms"] <= 1200
    assert (shown["width"], shown["height"]) == ((320, 240) if kind == "video" else (None, None))


@pytest.mark.parametrize("kind", ["voice", "video"])
def test_damaged_anyhow_a_file_is_made_or_refused(
    kind: str, person: Person, outcomes: list[sandbox.Outcome], media_root: Path, settings: Settings
) -> None:
    settings.LIMITS_OVERRIDES = dict.fromkeys(("media.upload.user", "media.upload_kib.user"), (10**6, 1))
    whole = films.sound(0.5) if kind == "voice" else films.film(pictures=5)
    for seed in range(sizes.mangled_films):
        asset = upload(person, kind, films.mangled(whole, seed=seed, count=1 + seed % 40))
        services.make_variants(asset_id=asset.id)
        asset.refresh_from_db()
        assert asset.state in {"ready", "failed"}, seed
        assert asset.attempts == 1
        Asset.objects.all().delete()
    assert max(outcome.peak_kib for outcome in outcomes) <= MOST_KIB


# --- The process itself -----------------------------------------------------------------------------------------------


def run(content: bytes, kind: str = "voice", container: str = "wav") -> sandbox.Outcome:
    with sandbox.work(
        io.BytesIO(content), kind=kind, container=container, max_seconds=60, pictures={"poster": 64}
    ) as outcome:
        return outcome


@pytest.mark.parametrize("kind", ["voice", "video"])
def test_a_codec_that_nobody_knows_is_refused_for_good(kind: str) -> None:
    whole = films.sound(0.5) if kind == "voice" else films.film(pictures=5)
    assert b"mp4a" in whole
    nameless = whole.replace(b"mp4a", b"zzzz").replace(b"esds", b"free")
    outcome = run(nameless, kind=kind, container="mp4")
    assert outcome.refusal == "unsupported_media"


@pytest.fixture
def studio(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Replaces what the process does once its limits are set."""

    def replaced(doing: str) -> None:
        source = sandbox.STUDIO.read_text().partition("\ndef main()")[0]
        path = tmp_path_factory.mktemp("studio") / "studio.py"
        path.write_text(f"{source}\nlimit(**json.load(sys.stdin)['limits'])\n{doing}\n")
        monkeypatch.setattr(sandbox, "STUDIO", path)

    return replaced


@pytest.mark.parametrize(
    ("doing", "refusal"),
    [
        ("while True: pass", "too_heavy"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "file_damaged"),
        ("import os; os.abort()", "file_damaged"),
        ("held = [bytes(range(256)) * 4096 for _ in range(1000)]", None),
        ("open('large', 'wb').write(bytes(200_000_000))", None),
        ("files = [open('/dev/null') for _ in range(100)]", None),
        ("print('not what was asked for')", "too_heavy"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", None),
    ],
)
def test_nothing_that_happens_in_the_process_is_taken_for_a_result(
    doing: str, refusal: str | None, studio: Any, settings: Any
) -> None:
    settings.MEDIA_WORK_CPU_SECONDS = 1
    studio(doing)
    if refusal is None:
        # Nobody knows whose fault it was: it is tried again, a few times.
        with pytest.raises(sandbox.Interrupted):
            run(b"")
    else:
        assert run(b"").refusal == refusal


def test_one_that_sleeps_is_ended(studio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "WALL_SECONDS", 1)
    monkeypatch.setattr(sandbox, "GRACE_SECONDS", 0)
    studio("import signal, time; signal.alarm(0); time.sleep(600)")
    with pytest.raises(sandbox.Interrupted):
        run(b"")


def test_an_interrupted_attempt_is_counted_and_the_next_succeeds(
    person: Person, studio: Any, monkeypatch: pytest.MonkeyPatch, media_root: Path
) -> None:
    asset = upload(person, "voice", films.recorded("wav"))
    with monkeypatch.context() as patch:
        patch.setattr(sandbox.subprocess, "Popen", _killed_at_once(sandbox.subprocess.Popen))
        with pytest.raises(sandbox.Interrupted):
            services.make_variants(asset_id=asset.id)
    asset.refresh_from_db()
    assert (asset.state, asset.attempts, len(files_in(media_root))) == ("processing", 1, 1)
    Asset.objects.update(due_at=asset.created_at)
    services.make_variants(asset_id=asset.id)
    asset.refresh_from_db()
    assert (asset.state, asset.attempts) == ("ready", 2)


def _killed_at_once(popen: Any) -> Any:
    def start(*arguments: Any, **options: Any) -> Any:
        process = popen(*arguments, **options)
        process.kill()
        return process

    return start


def test_one_that_is_always_interrupted_is_given_up(person: Person, media_root: Path, studio: Any) -> None:
    asset = upload(person, "voice", films.recorded("wav"))
    studio("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    for _ in range(services.MAX_ATTEMPTS):
        Asset.objects.update(due_at=asset.created_at)
        with pytest.raises(sandbox.Interrupted):
            services.make_variants(asset_id=asset.id)
    Asset.objects.update(due_at=asset.created_at)
    services.make_variants(asset_id=asset.id)
    asset.refresh_from_db()
    assert (asset.state, asset.refusal) == ("failed", "too_heavy")
    deliver_outbox()
    assert files_in(media_root) == []
