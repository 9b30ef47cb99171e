"""What people and jobs can do with files. See ``registry`` for how a room says which files it takes."""

from superapp.media.services.copies import copy
from superapp.media.services.deletion import delete_file, delete_orphans, delete_uploads_of
from superapp.media.services.keeping import discard, keep
from superapp.media.services.processing import FIRST_PAUSE, MAX_ATTEMPTS, make_variants
from superapp.media.services.uploads import attach, check_room, detach, store

__all__ = [
    "FIRST_PAUSE",
    "MAX_ATTEMPTS",
    "attach",
    "check_room",
    "copy",
    "delete_file",
    "delete_orphans",
    "delete_uploads_of",
    "detach",
    "discard",
    "keep",
    "make_variants",
    "store",
]
