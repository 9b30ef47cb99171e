"""A product as far as messaging can tell: a parcel that is tracked by a card, couriers behind masks."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from django.utils.translation import gettext as _

from messaging import registry, services
from messaging.models import Notice
from messaging.services import Card
from tests.realtime.people import Device

Json = dict[str, Any]
PARCEL, NOTE = "test.parcel", "test.note"
#: Notices: one that may be muted, and one that must not be missed.
NEWS, WARNING = "test.news", "test.warning"
#: What ``live`` was asked, call by call.
asked: list[tuple[tuple[str, ...], int]] = []


def parcel_in_words(data: Json) -> str:
    # A text that the catalogues have.
    return f"{_('Conversations')}: {data.get('state')}"


def news_in_words(params: Json) -> str:
    return f"{_('Conversations')}: {params['parcel']}"


def live(references: Sequence[str], viewer_id: int) -> Mapping[str, Json]:
    asked.append((tuple(references), viewer_id))
    if "broken" in references:
        raise RuntimeError("this product is broken")
    return {reference: {"is_mine": reference == f"p{viewer_id}"} for reference in references if reference != "nothing"}


def couriers(references: Sequence[str]) -> Mapping[str, registry.PersonaShown]:
    return {
        reference: registry.PersonaShown(display_name=f"Courier {reference}", avatar_id=7)
        for reference in references
        if reference != "gone"
    }


if registry.cards.get(PARCEL) is None:
    registry.cards.register(PARCEL, fallback=parcel_in_words, live=live, forwardable=True)
    registry.cards.register(NOTE, fallback=lambda data: str(data["text"]))
    registry.personas.register("courier", couriers)
    registry.notices.register(NEWS, text=news_in_words, mutable=True, label="Parcels")
    registry.notices.register(WARNING, text=lambda params: "Mind the step.", mutable=False, label="Warnings")


def parcel(reference: str = "p1", *, state: str = "packed", version: int = 1) -> Card:
    return Card(kind=PARCEL, reference=reference, data={"state": state}, version=version)


def post(
    who: Device | None,
    conversation_id: int,
    card: Card | None = None,
    *,
    client_id: UUID | None = None,
    persona: str = "",
) -> int:
    return services.post_card(
        conversation_id=conversation_id,
        sender_id=who.user_id if who else None,
        card=card or parcel(),
        client_id=client_id or uuid4(),
        persona=persona,
    )


def update(state: str, version: int, reference: str = "p1") -> None:
    services.update_card(kind=PARCEL, reference=reference, data={"state": state}, version=version)


def tell(who: Device, *, kind: str = NEWS, parcel: str = "p1", key: str = "", card: Card | None = None) -> int:
    """Returns the id of the notice."""
    key = key or str(uuid4())
    services.notify(user_id=who.user_id, kind=kind, params={"parcel": parcel}, dedupe_key=key, card=card)
    return Notice.objects.get(user_id=who.user_id, dedupe_key=key).id


def opened(
    *members: Device, kind: Any = "temporary", reference: str | None = None, **more: Any
) -> tuple[int, dict[str, str]]:
    """A conversation that the product opened, and by what name it knows it."""
    name = {"purpose": "test.delivery", "reference": reference or str(uuid4())}
    made = services.open_conversation(kind=kind, member_ids=[member.user_id for member in members], **name, **more)
    return made, name
