"""Where products plug in, when their app starts: what the lines of a statement say.

The ledger knows a purpose, a reference and a step of everything it posts, and nothing of what is behind them. Whoever
posts under a purpose registers it::

    purposes.register("taxi.fare", describe=selectors.receipt_lines, label=_("Ride"))

A purpose is named once, by the app that owns it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Json = dict[str, Any]
_PURPOSE = re.compile("[a-z][a-z0-9_.]{0,39}")

#: What lines can be filtered by, with what people call it. Several purposes share a kind.
KINDS: dict[str, str | Promise] = {
    "transfer": _("Transfers"),
    "red_packet": _("Red packets"),
    "payment": _("Payments"),
    "refund": _("Refunds"),
    "adjustment": _("Corrections"),
}
#: Of a payment, an entry whose step begins so gives money back: its kind is ``refund``.
REFUND_STEP = "refund"


@dataclass(frozen=True)
class ReceiptLine:
    """What somebody reads about one reference, in the language of the moment.

    ``title``: what it was. ``step_titles``: what stands in its place at the entries of these steps, such as a transfer
    that came back. ``counterparty``: whom it was with, by the name that the reader may see; ``counterparty_id`` where
    that is a person. ``note``: what was written to it. ``data``: for the receipt's page, JSON that clients of the
    product understand; ids in it are strings.
    """

    title: str
    counterparty: str | None = None
    counterparty_id: int | None = None
    note: str = ""
    data: Json = field(default_factory=dict)
    step_titles: Mapping[str, str] = field(default_factory=dict)


Describe = Callable[[Sequence[str], int], Mapping[str, ReceiptLine]]


@dataclass(frozen=True)
class Purpose:
    """See ``purposes.register``."""

    purpose: str
    label: str | Promise
    kind: str
    describe: Describe | None


class _Purposes:
    def __init__(self) -> None:
        self._purposes: dict[str, Purpose] = {}

    def register(
        self, purpose: str, *, label: str | Promise, describe: Describe | None = None, kind: str = "payment"
    ) -> None:
        """``describe(references, viewer_id)``: what the viewer's lines say, by reference; asked once for a page and a
        purpose, so it should cost one statement. The viewer's wallet is touched by each of the references; of what else
        they may know the product decides. What it leaves out, and all if it raises, is shown as ``label``.

        ``kind``: one of ``KINDS``, by which people filter.
        """
        if not _PURPOSE.fullmatch(purpose):
            raise ImproperlyConfigured(f"No name for a purpose: {purpose!r}.")
        if purpose in self._purposes:
            raise ImproperlyConfigured(f"Two apps registered the purpose {purpose}.")
        if kind not in KINDS.keys() - {"refund"}:
            raise ImproperlyConfigured(f"{kind!r} is no kind of a purpose.")
        self._purposes[purpose] = Purpose(purpose=purpose, label=label, kind=kind, describe=describe)

    def get(self, purpose: str) -> Purpose | None:
        """None: no app that runs here knows it (any more)."""
        return self._purposes.get(purpose)

    def of_kind(self, kind: str) -> list[str]:
        return sorted(name for name, one in self._purposes.items() if one.kind == kind)

    def kind_of(self, purpose: str, step: str) -> str:
        """Of an entry. What nobody knows any more was a payment to some product."""
        known = self._purposes.get(purpose)
        kind = known.kind if known else "payment"
        return "refund" if kind == "payment" and step.startswith(REFUND_STEP) else kind


purposes = _Purposes()
