"""Opaque tokens: 256 random bits, hashed at rest, with the owner's id in front so that a lookup knows its shard."""

import hashlib
import secrets
from dataclasses import dataclass

from superapp.core.ids import MAX_ID


@dataclass(frozen=True)
class Token:
    """``text`` goes to its holder and nowhere else; ``digest`` is what the database keeps."""

    text: str
    owner_id: int

    @property
    def digest(self) -> str:
        # A plain hash is enough: unlike a password, 256 random bits cannot be guessed.
        return hashlib.sha256(self.text.encode()).hexdigest()


def issue(kind: str, *, owner_id: int) -> Token:
    """``kind`` is a short prefix that tells tokens apart at a glance, for people and for secret scanners."""
    return Token(text=f"{kind}.{owner_id}.{secrets.token_urlsafe(32)}", owner_id=owner_id)


def parse(kind: str, text: str) -> Token | None:
    """None for anything that ``issue`` cannot have made."""
    parts = text.split(".")
    if len(parts) != 3 or len(text) > 200 or parts[0] != kind:
        return None
    owner = parts[1]
    if not (owner.isascii() and owner.isdigit()) or len(owner) > 19 or int(owner) > MAX_ID:
        return None
    return Token(text=text, owner_id=int(owner))
