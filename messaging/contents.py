"""What a message says: from what its sender gave to the body that everybody is shown."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from messaging import mentions, quotes
from messaging.errors import MayNotCallAll, TooLong, WrongKind
from messaging.log import Place
from messaging.models import Message
from superapp.accounts import selectors as accounts
from superapp.core.errors import InvalidInput
from superapp.media import registry
from superapp.media import services as media
from superapp.media.errors import NotReady

if TYPE_CHECKING:
    from superapp.media.models import Asset

Json = dict[str, Any]

MAX_TEXT = 4000
MAX_MENTIONS = 50
#: The purpose of whatever hangs on a message.
PURPOSE = "message"


def reference(conversation_id: int, seq: int) -> str:
    """Where the files of a row hang: whoever may read the row may see them."""
    return f"{conversation_id}:{seq}"


def check_text(text: str) -> None:
    """Raises ``InvalidInput``, ``TooLong``."""
    if not text.strip():
        raise InvalidInput(fields={"text": [_("Write something.")]})
    if len(text) > MAX_TEXT:
        raise TooLong(max_characters=MAX_TEXT)


def body_of(kind: str, given: Mapping[str, Any], *, sender_id: int, place: Place) -> Json:
    """What everybody sees of it, in the transaction that fills the place. Of files there is no address in it: that
    depends on the reader and comes from ``/media/``.

    Raises ``NotFound`` (not an own upload, nobody, a quoted row out of reach), ``Recalled``, ``NotForThis``,
    ``MayNotCallAll``, ``WrongKind``, ``TooLong``, ``NotReady``.
    """
    match kind:
        case Message.Kind.TEXT:
            return text_body(given, sender_id=sender_id, conversation_id=place.conversation_id, seq=place.seq)
        case Message.Kind.LOCATION:
            return {
                "latitude": given["latitude"],
                "longitude": given["longitude"],
                "name": given.get("name", ""),
                "address": given.get("address", ""),
            }
        case Message.Kind.CONTACT:
            profile = accounts.profile_frame(accounts.visible_user(given["user_id"], viewer_id=sender_id))
            return {"user_id": profile["id"], **{name: profile[name] for name in ("display_name", "avatar_id")}}
    return shown_of(_attached(kind, given["asset_id"], sender_id, place))


def text_body(given: Mapping[str, Any], *, sender_id: int, conversation_id: int, seq: int) -> Json:
    """Of a text with this number, whose calls it makes. A statement for each of what it has beyond the text."""
    body: Json = {"text": given["text"]}
    at = {"conversation_id": conversation_id, "seq": seq}
    # Who has just left is not called, and that is no reason to refuse what was written.
    if (user_ids := given.get("mention_ids")) and (called := mentions.call(**at, user_ids=user_ids)):
        body["mention_ids"] = [str(user_id) for user_id in called]
    if given.get("mentions_all"):
        if not mentions.call_all(**at, caller_id=sender_id):
            raise MayNotCallAll
        body["mentions_all"] = True
    if quoted := given.get("quote_seq"):
        body["quote"] = quotes.preview(conversation_id=conversation_id, reader_id=sender_id, seq=quoted)
    return body


def _attached(kind: str, asset_id: int, sender_id: int, place: Place) -> "Asset":
    try:
        (asset,) = media.attach(
            asset_ids=[asset_id],
            owner_id=sender_id,
            purpose=PURPOSE,
            reference=reference(place.conversation_id, place.seq),
        )
    except NotReady as refusal:
        if refusal.details.get("refusal") == "too_long":
            raise TooLong(max_seconds=registry.KINDS[kind].max_seconds) from None
        raise
    if asset.kind != kind:
        raise WrongKind(kind=asset.kind)
    return asset


def shown_of(asset: "Asset") -> Json:
    """An upload as the body of the message that it is."""
    body: Json = {"asset_id": str(asset.id), "content_type": asset.content_type}
    match asset.kind:
        case "photo":
            body |= {"width": asset.width, "height": asset.height}
        case "voice":
            body |= {"duration_ms": asset.duration_ms, "waveform": list(bytes(asset.waveform or b""))}
        case "video":
            body |= {"width": asset.width, "height": asset.height, "duration_ms": asset.duration_ms}
        case "file":
            body |= {"name": asset.name, "size_bytes": asset.size_bytes}
    return body
