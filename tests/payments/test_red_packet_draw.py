"""How a red packet is divided, on packets of every size."""

from statistics import fmean, pvariance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments import red_packets
from payments.errors import PartTooLarge, PartTooSmall
from superapp.core.errors import DomainError
from superapp.core.money import CURRENCIES

parts = st.integers(1, red_packets.MOST_PARTS)
seeds = st.binary(min_size=red_packets.SEED_BYTES, max_size=red_packets.SEED_BYTES)
caps = st.integers(1, 20_000)


def seed(number: int) -> bytes:
    return number.to_bytes(red_packets.SEED_BYTES, "big")


@st.composite
def packets(draw: st.DrawFn) -> tuple[int, int, int]:
    """A total that can be divided, into how many, and the most for each."""
    count, most = draw(parts), draw(caps)
    return draw(st.integers(count, count * most)), count, most


@given(packets(), seeds)
def test_random_parts_are_all_there_and_none_is_too_small_or_too_large(packet: tuple[int, int, int], of: bytes) -> None:
    total, count, most = packet
    drawn = red_packets.random_parts(total, count, most=most, seed=of)
    assert len(drawn) == count
    assert sum(drawn) == total
    assert min(drawn) >= 1
    assert max(drawn) <= most
    # The seed is the proof of how it was drawn.
    assert red_packets.random_parts(total, count, most=most, seed=of) == drawn


@given(parts, seeds)
def test_where_there_is_no_choice_there_is_none(count: int, of: bytes) -> None:
    assert red_packets.random_parts(count, count, most=20_000, seed=of) == [1] * count
    assert red_packets.random_parts(count * 500, count, most=500, seed=of) == [500] * count


@given(packets())
def test_equal_parts_differ_by_one_at_most(packet: tuple[int, int, int]) -> None:
    total, count, _most = packet
    shared = red_packets.equal_parts(total, count)
    assert (len(shared), sum(shared)) == (count, total)
    assert max(shared) - min(shared) <= 1


def test_a_hundred_in_three_lose_nothing() -> None:
    assert sorted(red_packets.equal_parts(100, 3)) == [33, 33, 34]


@given(st.integers(1, 10**9), parts, st.sampled_from(["CNY", "EUR", "USD", "JPY", "KWD"]))
def test_what_passes_the_check_can_be_divided_and_nothing_else(total: int, count: int, currency: str) -> None:
    most = red_packets.most_per_part(currency)
    assert most == 200 * 10 ** CURRENCIES[currency].exponent
    refused: type[DomainError] | None = None
    try:
        red_packets.check(total, currency, count)
    except DomainError as refusal:
        refused = type(refusal)
    expected = PartTooSmall if total < count else PartTooLarge if total > count * most else None
    assert refused is expected


@pytest.mark.parametrize(
    ("total", "count", "refusal"),
    [(9, 10, PartTooSmall), (20_001, 1, PartTooLarge), (20_000 * 100 + 1, 100, PartTooLarge)],
)
def test_what_cannot_be_is_refused_at_the_border(total: int, count: int, refusal: type[DomainError]) -> None:
    with pytest.raises(refusal):
        red_packets.check(total, "CNY", count)


@pytest.mark.parametrize(("total", "count", "most"), [(20, 10, 20_000), (10_000, 10, 20_000), (9_000, 10, 1_000)])
def test_coming_first_or_last_makes_no_difference(total: int, count: int, most: int) -> None:
    """Each place's mean and spread are those of all places, over 4,000 packets whose seeds are always the same."""
    drawn = [red_packets.random_parts(total, count, most=most, seed=seed(number)) for number in range(4_000)]
    everything = [part for packet in drawn for part in packet]
    mean, variance = fmean(everything), pvariance(everything)
    assert mean == total / count
    for place in range(count):
        here = [packet[place] for packet in drawn]
        # Four and a half standard errors: of a million such places, seven would be off by chance.
        assert abs(fmean(here) - mean) < 4.5 * (variance / len(here)) ** 0.5, place
        assert 0.8 < pvariance(here) / variance < 1.25, place


def test_parts_really_differ() -> None:
    """Chance is not only in the order: of ten yuan for ten, some get a lot more than others."""
    drawn = [red_packets.random_parts(1_000, 10, most=20_000, seed=seed(number)) for number in range(500)]
    assert fmean(max(packet) for packet in drawn) > 180
    assert fmean(min(packet) for packet in drawn) < 60
    assert len({tuple(packet) for packet in drawn}) == 500


def test_seeds_are_new_each_time() -> None:
    assert len({red_packets.new_seed() for _ in range(100)}) == 100
    assert len(red_packets.new_seed()) == red_packets.SEED_BYTES


def test_the_luckiest_is_the_first_among_equals() -> None:
    assert red_packets.luckiest([3]) == 1
    assert red_packets.luckiest([1, 7, 7, 2]) == 2
