"""`make bench APP=core`: two requests beside the same in plain Django, and the speed of the outbox.

Both sides run under granian, one worker, as REST does in the split form: what `make run` puts in front of the same
application (one origin for sockets and REST) would be added to both sides alike and flatter the ratios.
"""

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction

from messaging import services as messaging
from superapp.accounts import services as accounts
from superapp.bench import granian, load
from superapp.bench.events import Tick
from superapp.bench.frame import MAX_PACE, Limit, Report, Run, Scale, interleave
from superapp.bench.granian import Server, serving
from superapp.bench.stand import Stand
from superapp.core.events import publish
from superapp.localdev import programs
from superapp.localdev.processes import Child, wait_until
from superapp.localdev.progress import Problem, step

LIMITS = {
    "me_cpu_vs_plain": Limit.at_most(1.7),
    "post_cpu_vs_plain": Limit.at_most(2),
    "outbox_events_per_s": Limit.at_least(500),
}
PRODUCT, PLAIN = "product", "plain"
APPLICATIONS = {PRODUCT: granian.PRODUCT, PLAIN: "superapp.bench.limits.plain.wsgi:application"}
CONNECTIONS = 4
PEOPLE = 8
# A little under what counts: the slower side may have been measured in a good moment.
PACE = MAX_PACE - 0.1
TEXT = "Tea at four? The place by the river has moved its tables outside again."
OUTBOX_EVENTS, OUTBOX_KEYS = 10_000, 200
_UUIDS, _NUMBERS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), re.compile("[0-9]+")


@dataclass(frozen=True)
class Person:
    token: str
    conversation_id: int


def run(stand: Stand, report: Report, scale: Scale) -> None:
    with step("people", f"{PEOPLE} who are signed in and have somebody to write to"):
        people = [_person(number) for number in range(PEOPLE)]
    with ExitStack() as servers:
        sides = {
            side: servers.enter_context(serving(stand, side, application)) for side, application in APPLICATIONS.items()
        }
        _compare(stand, report, scale, "me", sides, [_get_me(person) for person in people], status=200)
        _compare(stand, report, scale, "post", sides, [_post_message(person) for person in people], status=201)
    _outbox(stand, report, scale)


# --- Two requests -----------------------------------------------------------------------------------------------------


def _compare(
    stand: Stand,
    report: Report,
    scale: Scale,
    what: str,
    servers: dict[str, Server],
    requests: list[str],
    *,
    status: int,
) -> None:
    """In turn, at one pace; before that as fast as they can, which warms them up and says what that pace is."""
    with step(what, "as fast as both can, then in turn at one pace"):
        fastest, bodies = {}, {}
        for side, server in servers.items():
            seen = _throw(server, requests, status, count=scale.of(1000, least=40), rate=None)
            _check(side, seen)
            fastest[side], bodies[side] = seen.answered / seen.seconds, seen.body
        rate = PACE * min(fastest.values())
        if shape(bodies[PRODUCT]) != shape(bodies[PLAIN]):
            report.void.append(f"{what}: the answers differ, so limits/plain has to follow: {bodies}")

        def side_of(server: Server) -> Callable[[], Run]:
            return lambda: _paced(stand, server, requests, status, count=scale.of(1500, least=40), rate=rate)

        runs = interleave({side: side_of(server) for side, server in servers.items()}, rounds=scale.rounds)
    report.runs(what, runs, unit="request")
    report.figure(f"{what}_pace_per_s", round(rate, 1))
    report.cpu_ratio(f"{what}_cpu_vs_plain", runs, of=PRODUCT, to=PLAIN)


def shape(body: str) -> str:
    """An answer without what differs from one request to the next: ids, keys, times and numbers."""
    return _NUMBERS.sub("0", _UUIDS.sub("uuid", body))


def _paced(stand: Stand, server: Server, requests: list[str], status: int, *, count: int, rate: float) -> Run:
    client = load.Client(load.Plan(server.port, requests, status, count, CONNECTIONS, rate))
    with stand.measured(server=[server.child.pid]) as spent:
        seen = client.go()
    return Run(
        units=seen.answered - seen.errors,
        seconds=spent.seconds,
        cpu_seconds=spent.cpu_seconds,
        client_cpu_seconds=seen.cpu_seconds,
        errors=seen.errors,
    )


def _throw(server: Server, requests: list[str], status: int, *, count: int, rate: float | None) -> load.Seen:
    return load.Client(load.Plan(server.port, requests, status, count, CONNECTIONS, rate)).go()


def _check(side: str, seen: load.Seen) -> None:
    if seen.errors:
        raise Problem(
            f"{side} answered {seen.error_body}.",
            cure=f"{side}.log in .local/bench may say why; both sides have to work.",
        )


def _get_me(person: Person) -> str:
    return load.request("GET", "/api/v1/me/", headers={"Authorization": f"Bearer {person.token}"})


def _post_message(person: Person) -> str:
    """The idempotent write that is made most often: a message under the key of the client that sends it."""
    return load.request(
        "POST",
        f"/api/v1/conversations/{person.conversation_id}/messages/",
        headers={"Authorization": f"Bearer {person.token}", "Idempotency-Key": load.KEY},
        body=f'{{"kind":"text","text":"{TEXT}"}}',
    )


def _person(number: int) -> Person:
    """Somebody with a device, a friend and their conversation."""
    one, other = (
        accounts.create_user(phone=f"+4477009{number:04}{end}", display_name=f"Walker {number}", handle=None)
        for end in (0, 1)
    )
    asked = messaging.request_friend(sender_id=one.id, recipient_id=other.id, source="handle")
    friendship = messaging.accept_friend_request(actor_id=other.id, request_id=asked.id)
    session = accounts.start_session(user_id=one.id, device_name="bench", platform="terminal")
    return Person(session.access.text, friendship.conversation_id)


# --- The outbox -------------------------------------------------------------------------------------------------------


def _outbox(stand: Stand, report: Report, scale: Scale) -> None:
    """Events of many keys, waiting when the relay starts on them, to a handler that does nothing."""
    count = scale.of(OUTBOX_EVENTS)
    with (
        step("outbox", f"{count} events of {OUTBOX_KEYS} keys to a trivial handler"),
        stand.process("loops", programs.loops(), ready=lambda child: _holds_all_shards()) as loops,
    ):
        runs = [_relayed(stand, loops, count) for _ in range(scale.rounds)]
    report.runs("outbox", {"relay": runs}, unit="event")
    report.figure("outbox_events_per_s", report.figures["outbox_relay_per_s"])


def _relayed(stand: Stand, loops: Child, count: int) -> Run:
    # All at once, in one commit: what is measured is the relay, not how fast events come in.
    with transaction.atomic():
        for number in range(count):
            publish(Tick(key=number % OUTBOX_KEYS, number=number))
    with stand.measured(loops=[loops.pid]) as spent:
        is_done = wait_until(lambda: _open_events() == 0, seconds=120, pause=0.05)
    return Run(
        units=count,
        seconds=spent.seconds,
        cpu_seconds=spent.cpu_seconds,
        paced=False,
        errors=0 if is_done else _open_events(),
    )


def _open_events() -> int:
    return _number("SELECT count(*) FROM core_outbox WHERE done_at IS NULL")


def _holds_all_shards() -> bool:
    held = "SELECT count(*) FROM core_lease WHERE name = 'outbox' AND lease_until > clock_timestamp()"
    return _number(held) == settings.OUTBOX_SHARDS


def _number(query: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(query)
        (value,) = cursor.fetchone()
    return int(value)
