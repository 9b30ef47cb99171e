"""One file that holds everything a user was promised: the database, the files in MEDIA_ROOT, and what both should be.

``make_backup`` writes it, ``restore_backup`` puts it into an empty database and compares what arrived with what left.
Redis is not in it: nothing in there was promised. Neither are secrets: SECRET_KEY and passwords are kept elsewhere.
"""

from superapp.localdev.backups.making import make_backup
from superapp.localdev.backups.restoring import restore_backup

__all__ = ["make_backup", "restore_backup"]
