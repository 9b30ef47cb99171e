"""Ids are unique everywhere, and grow inside a process whatever its clock does."""

import os
import threading

import pytest

from superapp.core.ids import COUNTER_BITS, EPOCH_MILLISECONDS, MAX_ID, NODE_BITS, IdGenerator, claim_node, new_id

FIRST_DAY = EPOCH_MILLISECONDS + 86_400_000


class Clock:
    """Nanoseconds since 1970, as somebody sets them."""

    def __init__(self, milliseconds: int = FIRST_DAY) -> None:
        self.milliseconds = milliseconds

    def __call__(self) -> int:
        return self.milliseconds * 1_000_000


def parts(number: int) -> tuple[int, int, int]:
    """Milliseconds since the epoch of ids, node and counter."""
    counter = number & (1 << COUNTER_BITS) - 1
    node = number >> COUNTER_BITS & (1 << NODE_BITS) - 1
    return number >> COUNTER_BITS + NODE_BITS, node, counter


def test_id_holds_milliseconds_node_and_counter() -> None:
    clock = Clock()
    make = IdGenerator(node=lambda: 713, clock=clock)
    assert parts(make()) == (86_400_000, 713, 0)
    assert parts(make()) == (86_400_000, 713, 1)
    clock.milliseconds += 1
    assert parts(make()) == (86_400_001, 713, 0)


def test_ids_keep_growing_when_the_clock_goes_back() -> None:
    clock = Clock()
    make = IdGenerator(node=lambda: 5, clock=clock)
    before = make()
    clock.milliseconds -= 3_600_000
    after = [make() for _ in range(10)]
    assert after == sorted(after)
    assert after[0] > before
    assert [parts(number) for number in after] == [(86_400_000, 5, count) for count in range(1, 11)]


def test_full_counter_borrows_the_next_millisecond() -> None:
    make = IdGenerator(node=lambda: 1023, clock=Clock())
    full = [make() for _ in range((1 << COUNTER_BITS) + 2)]
    assert parts(full[-3]) == (86_400_000, 1023, 4095)
    assert parts(full[-2]) == (86_400_001, 1023, 0)
    assert parts(full[-1]) == (86_400_001, 1023, 1)
    assert len(set(full)) == len(full)
    assert full == sorted(full)


def test_borrowed_milliseconds_are_not_used_again_when_the_clock_reaches_them() -> None:
    clock = Clock()
    make = IdGenerator(node=lambda: 0, clock=clock)
    made = [make() for _ in range((1 << COUNTER_BITS) + 1)]
    clock.milliseconds += 1
    made.append(make())
    assert parts(made[-1]) == (86_400_001, 0, 1)
    assert len(set(made)) == len(made)


def test_last_id_of_the_layout_fits_63_bits() -> None:
    last_millisecond = EPOCH_MILLISECONDS + (1 << 41) - 1
    number = IdGenerator(node=lambda: 1023, clock=Clock(last_millisecond))()
    assert number < MAX_ID
    assert number.bit_length() == 63


def test_ids_of_many_threads_are_unique_and_grow_in_each() -> None:
    make = IdGenerator(node=lambda: 9)
    made: list[list[int]] = [[] for _ in range(8)]

    def work(mine: list[int]) -> None:
        mine.extend(make() for _ in range(2_000))

    run_together([lambda mine=mine: work(mine) for mine in made])
    assert all(mine == sorted(mine) for mine in made)
    assert len({number for mine in made for number in mine}) == 16_000


def test_two_threads_that_start_together_agree_on_one_node() -> None:
    """Both ask for a number; with two numbers in turn ids would go back within a millisecond."""
    both_ask = threading.Barrier(2)
    numbers = iter([900, 3])

    def claim() -> int:
        number = next(numbers)
        both_ask.wait(10)
        return number

    make = IdGenerator(node=claim, clock=Clock())
    made: list[int] = []
    run_together([lambda: made.append(make()), lambda: made.append(make())])
    made.append(make())
    assert len({parts(number)[1] for number in made}) == 1
    assert sorted(parts(number)[2] for number in made) == [0, 1, 2]


def test_forked_process_claims_a_node_of_its_own() -> None:
    claimed: list[int] = []

    def claim() -> int:
        claimed.append(os.getpid())
        return 100 + os.getpid() % 2 if len(claimed) == 1 else 500

    make = IdGenerator(node=claim, clock=Clock())
    mine = [make() for _ in range(3)]
    theirs = in_fork(lambda: [make() for _ in range(3)])
    assert {parts(number)[1] for number in theirs} == {500}
    assert not {parts(number)[1] for number in mine} & {500}
    assert len(set(mine + theirs)) == 6
    # The parent keeps its own.
    assert parts(make())[1] == parts(mine[0])[1]


def test_forked_process_is_not_stuck_on_a_lock_that_a_thread_of_its_parent_held() -> None:
    """``new_id`` forgets lock and node after a fork; a generator of one's own shows what that is worth."""
    make = IdGenerator(node=lambda: 1)
    make()
    with make._lock:

        def child() -> list[int]:
            make.forget()
            return [make()]

        assert len(in_fork(child)) == 1


@pytest.mark.django_db
def test_new_id_works_on_a_node_that_the_database_gave() -> None:
    numbers = [new_id() for _ in range(1_000)]
    assert numbers == sorted(set(numbers))
    assert 0 < numbers[0] < numbers[-1] <= MAX_ID


@pytest.mark.django_db
def test_node_numbers_cycle_through_ten_bits() -> None:
    claimed = [claim_node() for _ in range(1_025)]
    assert set(claimed) == set(range(1_024))
    assert claimed[0] == claimed[1_024]


def run_together(calls: list) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)


def in_fork(call) -> list[int]:
    """What ``call`` returns in a forked process."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        try:
            os.write(writer, " ".join(map(str, call())).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(pid, 0)
    return [int(word) for word in text.split()]
