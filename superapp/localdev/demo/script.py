"""How a conversation is written down, and how it turns into messages with times.

::

    5w Sun 11:05                 the Sunday five weeks ago (weeks begin on Mondays), five past eleven
    ada: Are you doing anything useful today?
    bo: [skyline]                a photo, drawn by ``photos``
    1d 20:46                     yesterday, 14 minutes to nine
    unread: ada, bo              from here on they have read nothing
    bo: See you tomorrow!

Times are on the clock of whoever opened the conversation. Weekdays need two weeks' distance and days less than one, so
that no day of the week brings the order into disorder. Day 0 is today where all of it is over already, else yesterday.
"""

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_START = re.compile(rf"(?:([2-9])w ({'|'.join(_WEEKDAYS)})|([0-6])d) (\d\d:\d\d)")
_LINE = re.compile(r"([a-z][a-z0-9_]+): (?:\[([a-z_]+)\]|(.+))")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Direct:
    """Two friends. ``remarks``: what each calls the other. ``talk`` may be empty: then there is only the greeting."""

    asks: str
    answers: str
    source: str
    greeting: str = ""
    remarks: Mapping[str, str] = field(default_factory=dict)
    talk: str = ""

    @property
    def members(self) -> tuple[str, str]:
        return self.asks, self.answers


@dataclass(frozen=True)
class Group:
    """``members``: the one who opened it comes first. They appointed ``admins`` and put up ``notice`` when all was
    said, and have a link to it."""

    title: str
    members: Sequence[str]
    talk: str
    admins: Sequence[str] = ()
    notice: str = ""


@dataclass(frozen=True)
class Said:
    """A text, or else the name of a photo."""

    sender: str
    at: datetime
    text: str = ""
    photo: str = ""


@dataclass(frozen=True)
class Told:
    """A conversation with its times. ``unread_from``: how many messages each of those who lag behind has read."""

    said: Sequence[Said]
    unread_from: Mapping[str, int]


def tell(talk: str, *, zone: ZoneInfo, now: datetime, chance: Random) -> Told:
    """Everything lies before ``now`` and each message later than the one before it. Raises ``ValueError``."""
    today = now.astimezone(zone).date()
    # The pauses between messages have to be the same for either day.
    state = chance.getstate()
    for day_zero in (today, today - timedelta(days=1)):
        chance.setstate(state)
        told = _tell(talk, zone, day_zero, today, chance)
        if not told.said or told.said[-1].at < now:
            return told
    raise ValueError(f"This does not fit into yesterday: {told.said[-1]}")


def _tell(talk: str, zone: ZoneInfo, day_zero: date, today: date, chance: Random) -> Told:
    said: list[Said] = []
    unread_from: dict[str, int] = {}
    at: datetime | None = None
    for line in filter(None, map(str.strip, textwrap.dedent(talk).splitlines())):
        if start := _START.fullmatch(line):
            at = _start(start, zone, day_zero, today)
            if said and at <= said[-1].at:
                raise ValueError(f"{line} begins before the message above it was sent.")
        elif line.startswith("unread: "):
            unread_from |= dict.fromkeys(line.removeprefix("unread: ").split(", "), len(said))
        elif (spoken := _LINE.fullmatch(line)) and at:
            sender, photo, text = spoken.groups(default="")
            said.append(Said(sender=sender, at=at, text=text, photo=photo))
            at += _pause(text, chance)
        else:
            raise ValueError(f"Not a line of a conversation: {line}")
    return Told(said=said, unread_from=unread_from)


def _start(match: re.Match[str], zone: ZoneInfo, day_zero: date, today: date) -> datetime:
    weeks, weekday, days, clock = match.groups()
    if weeks:
        monday = today - timedelta(days=today.weekday(), weeks=int(weeks))
        day = monday + timedelta(days=_WEEKDAYS.index(weekday))
    else:
        day = day_zero - timedelta(days=int(days))
    return datetime.combine(day, time.fromisoformat(clock), tzinfo=zone)


def _pause(text: str, chance: Random) -> timedelta:
    """Until the next message: reading this one and typing, longer for longer texts, and now and then something else."""
    characters = len(text) + 2 * len(_CHINESE.findall(text))
    seconds = (8 + 0.5 * characters) * chance.uniform(0.6, 1.6)
    if chance.random() < 0.15:
        seconds += chance.uniform(30, 150)
    return timedelta(seconds=seconds)
