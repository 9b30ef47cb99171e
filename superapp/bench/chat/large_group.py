"""A group of five hundred in which somebody says something twenty times a second, spread over two gateway processes."""

from contextlib import ExitStack
from dataclasses import dataclass

from superapp.bench.chat.crowd import Crowd, crowd
from superapp.bench.chat.fanout import TEXT, FanOut, result, show_latencies
from superapp.bench.chat.people import Group, groups, tickets_for
from superapp.bench.chat.sides import gateway
from superapp.bench.frame import Report, Scale, interleave
from superapp.bench.stand import Stand
from superapp.localdev.progress import step

MEMBERS = 500
SENDERS = 20
MESSAGES_PER_S = 20.0
SECONDS = 10.0
GATEWAYS = 2


@dataclass(frozen=True)
class Room:
    """Everybody in the group is there, on one of the gateways; whoever speaks sits next to those who only listen."""

    group: Group
    sockets: Crowd
    pids: list[int]


def run(stand: Stand, report: Report, scale: Scale) -> None:
    """A message has arrived when the last of its members has it: ``group500_p99_ms`` is of that, from its frame on."""
    with ExitStack() as cleanup:
        cleanup.enter_context(
            step("group500", f"{MEMBERS} members on {GATEWAYS} gateways, {MESSAGES_PER_S:g} a second")
        )
        (group,) = groups(count=1, size=scale.of(MEMBERS, least=4))
        running = [cleanup.enter_context(gateway(stand)) for _ in range(GATEWAYS)]
        sockets = cleanup.enter_context(crowd())
        tickets = tickets_for(group.member_ids)
        for number, (_child, port) in enumerate(running):
            sockets.connect(port, tickets=tickets[number::GATEWAYS])
        room = Room(group, sockets, [child.pid for child, _port in running])
        # Statements are planned and connections made before anything is measured.
        speak(stand, room, seconds=1 if scale.is_full else 0.1)
        seconds = SECONDS if scale.is_full else 0.5
        runs = interleave({"ours": lambda: speak(stand, room, seconds=seconds)}, rounds=scale.rounds)
    report.runs("group500", runs, unit="message sent")
    show_latencies(report, "group500", runs)
    report.figure("group500_p99_ms", report.figures.pop("group500_ours_p99_ms"))


def speak(stand: Stand, room: Room, *, seconds: float) -> FanOut:
    count, size = round(MESSAGES_PER_S * seconds), len(room.group.member_ids)
    sender_count = min(SENDERS, size)
    places = [number * size // sender_count for number in range(sender_count)]
    room.sockets.start()
    with stand.measured(server=room.pids) as spent:
        room.sockets.send(
            senders=[(place, str(room.group.conversation_id)) for place in places],
            members=size,
            rate=MESSAGES_PER_S,
            count=count,
            text=TEXT,
        )
        room.sockets.wait_for(count)
    return result(room.sockets.report(), spent, count, paced=True)
