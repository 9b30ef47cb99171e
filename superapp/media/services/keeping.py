"""Files that the house itself makes for somebody: nobody uploads them, and they count for nobody's quota."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import IO
from uuid import uuid4

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from superapp.core.ids import new_id
from superapp.media.files import NewFiles
from superapp.media.models import Asset

#: The owner of what nobody uploaded. Who may see it is decided by its purpose alone.
NOBODY = 0
_LONG_AGO = timedelta(days=365)


@contextmanager
def keep(*, content: IO[bytes], name: str, content_type: str, purpose: str, reference: str) -> Iterator[Asset]:
    """Store a file that hangs on ``reference`` from the first. The block is the transaction that makes it of use: where
    it raises, there is neither row nor file. Call it outside a transaction. Raises ``Unavailable``."""
    size_bytes = content.seek(0, os.SEEK_END)
    content.seek(0)
    with NewFiles() as new:
        key = new.write(content)
        with transaction.atomic():
            yield Asset.objects.create(
                id=new_id(),
                owner_id=NOBODY,
                client_id=uuid4(),
                request_hash=bytes(32),
                purpose=purpose,
                reference=reference,
                kind=Asset.Kind.FILE,
                state=Asset.State.READY,
                name=name,
                storage_key=key,
                content_type=content_type,
                size_bytes=size_bytes,
            )
            new.keep()


def discard(*, purpose: str, reference: str) -> None:
    """Whatever hangs there is dead at once, and its files go with the next round of ``delete_orphans``, whatever its
    patience."""
    Asset.objects.filter(purpose=purpose, reference=reference).update(
        reference=None,
        unused_since=Now() - _LONG_AGO,
        state=Asset.State.DELETING,
        link_generation=F("link_generation") + 1,
    )
