"""Out of what a refund comes. Sums only: who is asked for how much, from what is left where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from superapp.core.money import allocate


@dataclass(frozen=True)
class Sources:
    """``legs``: of the refunded payment, what each gives, by their numbers. The part of a leg into escrow comes out of
    escrow (``out_of_escrow``), and beyond that out of ``settlements``: by payment, what each of its legs gives."""

    legs: tuple[int, ...]
    out_of_escrow: int
    settlements: Mapping[int, tuple[int, ...]]


def sources(
    amount_minor: int,
    *,
    legs: Sequence[tuple[bool, int]],
    in_escrow: int,
    settlements: Mapping[int, Sequence[int]],
) -> Sources:
    """What is still in escrow goes back first. The rest comes from all who got something, in proportion to what of it
    they still have; for what has left escrow that is whoever it was settled to.

    ``legs``: whether each went into escrow, and what of it was not given back yet; they hold ``amount_minor`` at least.
    ``settlements``: likewise for each leg of the payments out of this escrow. Everything paid into escrow and not given
    back is in ``in_escrow`` and ``settlements``.
    """
    parts = _first_from_escrow(min(amount_minor, in_escrow), legs)
    out_of_escrow = sum(parts)
    if rest := amount_minor - out_of_escrow:
        left = [remaining - part for (_, remaining), part in zip(legs, parts, strict=True)]
        parts = [part + more for part, more in zip(parts, allocate(rest, left), strict=True)]
    had_left = sum(part for part, (into_escrow, _) in zip(parts, legs, strict=True) if into_escrow) - out_of_escrow
    return Sources(legs=tuple(parts), out_of_escrow=out_of_escrow, settlements=_shared(had_left, settlements))


def _first_from_escrow(amount_minor: int, legs: Sequence[tuple[bool, int]]) -> list[int]:
    parts = []
    for into_escrow, remaining in legs:
        part = min(amount_minor, remaining) if into_escrow else 0
        amount_minor -= part
        parts.append(part)
    return parts


def _shared(amount_minor: int, settlements: Mapping[int, Sequence[int]]) -> dict[int, tuple[int, ...]]:
    if not amount_minor:
        return {}
    given = iter(allocate(amount_minor, [left for legs in settlements.values() for left in legs]))
    shares = {payment_id: tuple(next(given) for _ in legs) for payment_id, legs in settlements.items()}
    return {payment_id: share for payment_id, share in shares.items() if any(share)}
