"""A copy of everything that is kept of somebody. ``archives`` writes; here stands what is noted of it, and when.

Each step, a piece of a room or an archive of pieces, is stored and noted in one transaction, so a worker that is killed
costs one step. Neither memory nor one task's time bounds how much there may be.
"""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import IO, Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from superapp.accounts import registry, selectors
from superapp.accounts.errors import ExportUnderWay
from superapp.accounts.events import ExportRequested
from superapp.accounts.models import DataExport, User
from superapp.accounts.services import archives
from superapp.core import audit
from superapp.core.errors import Conflict, TooManyRequests
from superapp.core.events import publish
from superapp.core.ids import new_id
from superapp.media import services as media
from superapp.media.models import Asset

log = structlog.get_logger(__name__)

PURPOSE, PIECE = "data_export", "data_export_piece"
#: Longer than a step takes; each step begins it anew.
LEASE = timedelta(seconds=90)
FIRST_PAUSE = timedelta(minutes=1)
#: No step is begun later than this in a task, which has to end within a minute.
SECONDS = 15.0
State = DataExport.State


class _Overtaken(Exception):
    """Somebody else has claimed it meanwhile, or it is gone: what was made does not count."""


@transaction.atomic
def request_export(*, actor_id: int, client_id: UUID) -> DataExport:
    """Ask for a copy. Repeating a ``client_id`` returns the first, with ``is_replay`` set.

    Raises ``ExportUnderWay`` while another one is being made, ``TooManyRequests`` beyond ``EXPORTS_PER_DAY``.
    """
    # Two requests at once are one after the other here.
    User.objects.select_for_update(no_key=True).get(id=actor_id)
    mine = DataExport.objects.filter(user_id=actor_id)
    if earlier := mine.filter(client_id=client_id).first():
        earlier.is_replay = True
        return earlier
    if running := mine.filter(state=State.PREPARING).first():
        raise ExportUnderWay(export_id=str(running.id))
    now = timezone.now()
    _check_day(actor_id, now)
    export = DataExport.objects.create(
        id=new_id(),
        user_id=actor_id,
        client_id=client_id,
        created_at=now,
        due_at=now,
        expires_at=now + settings.EXPORT_KEPT_FOR,
    )
    audit.record(actor_id=actor_id, action="accounts.export_requested", subject=("user", str(actor_id)))
    publish(ExportRequested(export_id=export.id))
    return export


def _check_day(user_id: int, now: Any) -> None:
    """Counted in rows: each copy reads everything that somebody has. One that failed is not their fault."""
    since = now - timedelta(days=1)
    recent = DataExport.objects.filter(user_id=user_id, created_at__gt=since).exclude(state=State.FAILED)
    times = sorted(recent.values_list("created_at", flat=True))
    if len(times) >= settings.EXPORTS_PER_DAY:
        raise TooManyRequests(retry_after_seconds=(times[-settings.EXPORTS_PER_DAY] - since).total_seconds())


@transaction.atomic
def retry_export(*, export_id: int) -> None:
    """Give one that failed another full set of attempts. Raises ``Conflict`` for any other, and while its person has
    another one under way."""
    export = DataExport.objects.select_for_update(no_key=True).filter(id=export_id, state=State.FAILED).first()
    if export is None or DataExport.objects.filter(user_id=export.user_id, state=State.PREPARING).exists():
        raise Conflict
    now = timezone.now()
    DataExport.objects.filter(id=export_id).update(
        state=State.PREPARING, attempts=0, due_at=now, expires_at=now + settings.EXPORT_KEPT_FOR
    )
    publish(ExportRequested(export_id=export_id))


def make_export(*, export_id: int) -> bool:
    """Go on with a copy for a while. True when there is more to do: call it again, in a task of its own.

    Does nothing when it is done or somebody is at it. Attempts are counted before the work: what kills its worker is
    given up after ``DataExport.MAX_ATTEMPTS``, until a person retries it.
    """
    began, export = time.monotonic(), _claim(export_id)
    if export is None:
        return False
    try:
        while True:
            export = _step(export)
            if export.state != State.PREPARING:
                return False
            if time.monotonic() - began > SECONDS:
                return _hand_on(export)
    except _Overtaken:
        log.info("export.overtaken", export_id=export_id)
    except Exception as error:
        # Whatever a room meets: it is tried again later, and somebody reads of it in the end.
        _note_failure(export, error)
    return False


@transaction.atomic
def _claim(export_id: int) -> DataExport | None:
    now = timezone.now()
    export = (
        DataExport.objects.select_for_update(no_key=True)
        .filter(id=export_id, state=State.PREPARING, due_at__lte=now)
        .first()
    )
    if export is None:
        return None
    if export.attempts >= DataExport.MAX_ATTEMPTS:
        _give_up(export)
        return None
    export.attempts += 1
    export.turn += 1
    export.due_at = now + LEASE
    export.save(update_fields=["attempts", "turn", "due_at"])
    return export


def _step(export: DataExport) -> DataExport:
    """The next piece, or once all rooms are done the next archive. Returns it as it is then."""
    for room in registry.privacy.rooms():
        if room.name not in export.done_rooms:
            return _copy(export, room)
    return _pack(export)


def _copy(export: DataExport, room: registry.Room) -> DataExport:
    with archives.piece(room, user_id=export.user_id, offset=export.offset) as piece:
        columns: dict[str, Any] = {"offset": piece.offset}
        if piece.is_last:
            columns = {"offset": 0, "done_rooms": [*export.done_rooms, room.name]}
        if piece.is_empty:
            return _note(export, **columns)

        def noted(asset: Asset) -> DataExport:
            return _note(export, pieces=[*export.pieces, [asset.id, asset.size_bytes]], **columns)

        return _keep(piece.content, PIECE, export, "piece.zip", noted)


def _pack(export: DataExport) -> DataExport:
    taken = archives.fitting([size for _asset_id, size in export.pieces[export.packed :]])
    pieces = export.pieces[export.packed : export.packed + taken]
    user = User.objects.get(id=export.user_id)
    name = f"superapp-{export.created_at:%Y-%m-%d}-{len(export.archive_ids) + 1}.zip"
    ids = [asset_id for asset_id, _size in pieces]
    with archives.packed(ids, language=user.language, made_at=export.created_at) as file:

        def noted(asset: Asset) -> DataExport:
            columns: dict[str, Any] = {
                "archive_ids": [*export.archive_ids, asset.id],
                "size_bytes": export.size_bytes + asset.size_bytes,
                "packed": export.packed + taken,
            }
            if columns["packed"] == len(export.pieces):
                now = timezone.now()
                columns |= {"state": State.READY, "ready_at": now, "expires_at": now + settings.EXPORT_KEPT_FOR}
            # The copy before its files, as where it is forgotten.
            after = _note(export, **columns)
            if after.state == State.READY:
                media.discard(purpose=PIECE, reference=str(export.id))
            return after

        return _keep(file, PURPOSE, export, name, noted)


def _keep(
    content: IO[bytes], purpose: str, export: DataExport, name: str, note: Callable[[Asset], DataExport]
) -> DataExport:
    with media.keep(
        content=content, name=name, content_type="application/zip", purpose=purpose, reference=str(export.id)
    ) as asset:
        return note(asset)


def _note(export: DataExport, **columns: Any) -> DataExport:
    """Raises ``_Overtaken``, and with it goes whatever the transaction stored."""
    columns |= {"attempts": 1, "error": "", "due_at": timezone.now() + LEASE}
    mine = DataExport.objects.filter(id=export.id, turn=export.turn, state=State.PREPARING)
    if not mine.update(**columns):
        raise _Overtaken
    for name, value in columns.items():
        setattr(export, name, value)
    return export


def _hand_on(export: DataExport) -> bool:
    mine = DataExport.objects.filter(id=export.id, turn=export.turn, state=State.PREPARING)
    return bool(mine.update(due_at=timezone.now(), attempts=0))


def _note_failure(export: DataExport, error: Exception) -> None:
    pause = FIRST_PAUSE * 2 ** (export.attempts - 1)
    mine = DataExport.objects.filter(id=export.id, turn=export.turn, state=State.PREPARING)
    mine.update(error=type(error).__name__[:200], due_at=timezone.now() + pause)
    log.warning("export.failed", export_id=export.id, done_rooms=export.done_rooms, error_type=type(error).__name__)


def _give_up(export: DataExport) -> None:
    log.error("export.given_up", export_id=export.id, attempts=export.attempts, error=export.error)
    export.state = State.FAILED
    export.save(update_fields=["state"])


def forget_exports() -> None:
    """Delete copies whose time is over, with their archives; a bounded number, the next hour goes on."""
    for export_id in selectors.exports_over(limit=500):
        forget_export(export_id)


@transaction.atomic
def forget_export(export_id: int) -> None:
    # Locked first: what a worker is about to store then hangs there already, or is refused.
    DataExport.objects.select_for_update().filter(id=export_id).first()
    for purpose in (PURPOSE, PIECE):
        media.discard(purpose=purpose, reference=str(export_id))
    DataExport.objects.filter(id=export_id).delete()
