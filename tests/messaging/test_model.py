"""Whatever people do in whatever order, each of them sees, and has to read, what a model in plain Python says."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from messaging import selectors, services
from messaging.errors import Blocked, MayNotCallAll, NotForThis, NotFriends, Recalled
from messaging.models import SAID, Message
from superapp.core.errors import DomainError, Forbidden, NotFound
from tests.realtime.people import befriend, group, person
from tests.sizes import sizes

pytestmark = pytest.mark.django_db

EMOJI = ("👍", "❤️")
NAMES = ("ada", "bo", "cy")
Refusal = type[DomainError] | None


# --- the model --------------------------------------------------------------------------------------------------------


@dataclass
class Row:
    seq: int
    kind: str
    sender: int | None
    counts: bool
    text: str | None = None
    ref: int | None = None
    quote: int | None = None
    quoted: str = ""
    called: set[int] = field(default_factory=set)
    calls_all: bool = False
    is_recalled: bool = False
    reactions: dict[str, set[int]] = field(default_factory=dict)

    def empty(self) -> None:
        self.text, self.quote, self.called, self.calls_all, self.reactions = None, None, set(), False, {}
        self.is_recalled = True


@dataclass
class Place:
    """Somebody's, and what they did to it for themselves."""

    joined: int = 1
    left: int | None = None
    read: int = 0
    cleared: int = 0
    hidden: set[int] = field(default_factory=set)
    out_of_list: int | None = None


@dataclass
class Talk:
    id: int
    is_group: bool
    owner: int | None
    rows: list[Row] = field(default_factory=list)
    places: dict[int, Place] = field(default_factory=dict)

    def row(self, seq: int) -> Row | None:
        return self.rows[seq - 1] if 1 <= seq <= len(self.rows) else None

    def add(self, kind: str, sender: int | None, *, counts: bool = False, **said: Any) -> Row:
        row = Row(seq=len(self.rows) + 1, kind=kind, sender=sender, counts=counts, **said)
        self.rows.append(row)
        return row

    def number(self, seq: int) -> int:
        return sum(row.counts for row in self.rows[:seq])

    def belongs(self, who: int) -> bool:
        return who in self.places and self.places[who].left is None

    def end_for(self, who: int) -> int:
        left = self.places[who].left
        return len(self.rows) if left is None else left

    def in_window(self, who: int, seq: int) -> bool:
        place = self.places.get(who)
        return place is not None and max(place.joined, place.cleared + 1) <= seq <= self.end_for(who)

    def readable(self, who: int, seq: int) -> Row | None:
        hidden = who in self.places and seq in self.places[who].hidden
        return self.row(seq) if self.in_window(who, seq) and not hidden else None

    # What somebody sees ---------------------------------------------------------------------------------------------

    def history(self, who: int) -> list[Any]:
        return [self.shown(who, row) for row in self.rows if self.in_window(who, row.seq)]

    def shown(self, who: int, row: Row, *, is_target: bool = False) -> Any:
        mine = sorted(emoji for emoji, people in row.reactions.items() if who in people)
        target = None
        if row.ref is not None and not is_target and self.in_window(who, row.ref):
            about = self.row(row.ref)
            target = self.shown(who, about, is_target=True) if about else None
        if row.seq in self.places[who].hidden:
            return (row.seq, "deleted", None, None, False, {}, row.ref, target) + (() if is_target else (mine,))
        counted = {emoji: len(people) for emoji, people in row.reactions.items() if people}
        quoted = row.quoted if row.quote is not None else None
        return (row.seq, row.kind, row.text, quoted, row.is_recalled, counted, row.ref, target) + (
            () if is_target else (mine,)
        )

    def summary(self, who: int) -> Any:
        place = self.places[who]
        end = self.end_for(who)
        last = max(
            (
                row.seq
                for row in self.rows
                if row.ref is None and self.in_window(who, row.seq) and row.seq not in place.hidden
            ),
            default=None,
        )
        is_hidden = place.out_of_list is not None and place.out_of_list >= self.number(end)
        unread = max(0, self.number(end) - self.number(place.read))
        return (end, place.left, place.read, unread, self.called_at(who), last, is_hidden)

    def called_at(self, who: int) -> int | None:
        place = self.places[who]
        to_all = [row.seq for row in self.rows if row.calls_all]
        calls = [row.seq for row in self.rows if who in row.called] + to_all[-1:]
        above = [seq for seq in calls if seq > place.read and place.joined <= seq <= self.end_for(who)]
        return max((seq for seq in above if seq not in place.hidden), default=None)


def seen(who: int, conversation_id: int) -> list[Any]:
    """The same from the product."""
    page = selectors.messages(actor_id=who, conversation_id=conversation_id, after=0, before=None, limit=200)
    return [_seen(frame) for frame in selectors.message_frames(actor_id=who, rows=page.rows, window=page.window)]


def _seen(frame: Any, *, is_target: bool = False) -> Any:
    body = frame["body"]
    target = frame.get("target")
    return (
        frame["seq"],
        frame["kind"],
        body.get("text"),
        body["quote"]["text"] if "quote" in body else None,
        frame["recalled_at"] is not None,
        {one["emoji"]: one["count"] for one in frame["reactions"]},
        frame["ref_seq"],
        _seen(target, is_target=True) if target else None,
    ) + (() if is_target else (frame["mine"]["reactions"],))


def summed_up(who: int, conversation_id: int) -> Any:
    frame = selectors.conversation_frame(actor_id=who, conversation_id=conversation_id)
    mine = frame["mine"]
    last = frame["last_message"]["seq"] if frame["last_message"] else None
    return (
        frame["last_seq"],
        mine["left_seq"],
        mine["read_seq"],
        mine["unread"],
        mine["mention_seq"],
        last,
        mine["is_hidden"],
    )


# --- what people do ---------------------------------------------------------------------------------------------------

whom = st.sampled_from(NAMES)
where = st.sampled_from(["tea", "direct"])
#: How far back from the end of the log, so that most are near it; below 0: beyond.
back = st.integers(-1, 6)


class Chats(RuleBasedStateMachine):
    """Ada's group with Bo and Cy, and Ada's conversation with Bo."""

    @initialize()
    def begin(self) -> None:
        devices = {name: person(name.title()) for name in NAMES}
        self.ids = {name: device.user_id for name, device in devices.items()}
        direct = befriend(devices["ada"], devices["bo"])
        befriend(devices["ada"], devices["cy"])
        tea = group(devices["ada"], devices["bo"], devices["cy"])
        self.blocks: set[tuple[int, int]] = set()
        self.talks = {
            "tea": self.talk(tea, is_group=True, names=NAMES),
            "direct": self.talk(direct, is_group=False, names=("ada", "bo")),
        }

    def talk(self, conversation_id: int, *, is_group: bool, names: tuple[str, ...]) -> Talk:
        talk = Talk(conversation_id, is_group, self.ids["ada"] if is_group else None)
        for row in Message.objects.filter(conversation_id=conversation_id).order_by("seq"):
            talk.add(row.kind, row.sender_id, counts=row.message_no > talk.number(row.seq - 1))
        talk.places = {self.ids[name]: Place() for name in names}
        for user_id, place in talk.places.items():
            frame = selectors.conversation_frame(actor_id=user_id, conversation_id=conversation_id)
            place.read = frame["mine"]["read_seq"]
        return talk

    def does(self, expected: Refusal, work: Callable[[], Any]) -> bool:
        """Do it, and see that it is refused as the model says; returns whether it was done."""
        if expected is None:
            work()
            return True
        with pytest.raises(expected):
            work()
        return False

    def may_not_speak(self, talk: Talk, who: int) -> Refusal:
        if not talk.belongs(who):
            return NotFound
        others = [other for other in talk.places if other != who]
        if not talk.is_group and (others[0], who) in self.blocks:
            return Blocked
        return None

    def at(self, talk: Talk, back: int) -> int:
        return max(1, len(talk.rows) - back)

    @rule(name=whom, at=where, called=st.sets(whom, max_size=2), to_all=st.booleans(), quote=st.none() | back)
    def send(self, name: str, at: str, called: set[str], to_all: bool, quote: int | None) -> None:
        talk, who, text = self.talks[at], self.ids[name], f"{uuid4().hex[:6]}"
        extra: dict[str, Any] = {"mention_ids": [self.ids[one] for one in sorted(called)], "mentions_all": to_all}
        refusal = self.may_not_speak(talk, who)
        if refusal is None and to_all and who != talk.owner:
            refusal = MayNotCallAll
        quoted = None
        if quote is not None:
            extra["quote_seq"] = self.at(talk, quote)
            quoted = talk.readable(who, extra["quote_seq"])
            if refusal is None:
                refusal = self.cannot_be_answered(quoted)
        work = lambda: services.send_message(  # noqa: E731
            sender_id=who, conversation_id=talk.id, client_id=uuid4(), kind="text", text=text, **extra
        )
        if self.does(refusal, work):
            row = talk.add("text", who, counts=True, text=text, calls_all=to_all)
            row.called = {user_id for user_id in extra["mention_ids"] if talk.belongs(user_id)}
            if quoted is not None:
                row.quote, row.quoted = quoted.seq, quoted.text or ""
            talk.places[who].read = row.seq

    def cannot_be_answered(self, row: Row | None) -> Refusal:
        if row is None:
            return NotFound
        if row.is_recalled:
            return Recalled
        return None if row.kind in SAID else NotForThis

    @rule(name=whom, at=where, back=back, emoji=st.sampled_from(EMOJI), is_added=st.booleans())
    def react(self, name: str, at: str, back: int, emoji: str, is_added: bool) -> None:
        talk, who = self.talks[at], self.ids[name]
        seq = self.at(talk, back)
        row = talk.readable(who, seq) if talk.belongs(who) else None
        refusal = NotFound if row is None else self.may_not_speak(talk, who) or self.cannot_be_answered(row)
        work = lambda: services.react(  # noqa: E731
            actor_id=who, conversation_id=talk.id, seq=seq, emoji=emoji, is_added=is_added
        )
        if self.does(refusal, work) and row is not None:
            people = row.reactions.setdefault(emoji, set())
            if (who in people) is not is_added:
                people.symmetric_difference_update({who})
                self.change(talk, "reacted", who, seq)

    @rule(name=whom, at=where, back=back, called=st.sets(whom, max_size=2), to_all=st.booleans())
    def edit(self, name: str, at: str, back: int, called: set[str], to_all: bool) -> None:
        talk, who, text = self.talks[at], self.ids[name], uuid4().hex[:6]
        seq, ids = self.at(talk, back), [self.ids[one] for one in sorted(called)]
        row = talk.readable(who, seq) if talk.belongs(who) else None
        refusal: Refusal = None
        if row is None:
            refusal = NotFound
        elif row.sender != who:
            refusal = Forbidden
        elif row.kind != "text":
            refusal = NotForThis
        elif row.is_recalled:
            refusal = Recalled
        else:
            refusal = self.may_not_speak(talk, who)
            if refusal is None and to_all and who != talk.owner:
                refusal = MayNotCallAll
        work = lambda: services.edit_message(  # noqa: E731
            actor_id=who, conversation_id=talk.id, seq=seq, text=text, mention_ids=ids, mentions_all=to_all
        )
        if self.does(refusal, work) and row is not None:
            row.text, row.calls_all = text, to_all
            row.called = {user_id for user_id in ids if talk.belongs(user_id)}
            self.change(talk, "edited", who, seq)

    @rule(name=whom, at=where, back=back)
    def recall(self, name: str, at: str, back: int) -> None:
        talk, who = self.talks[at], self.ids[name]
        seq = self.at(talk, back)
        row = talk.readable(who, seq) if talk.belongs(who) else None
        refusal: Refusal = None
        if row is None:
            refusal = NotFound
        elif row.is_recalled:
            refusal = None
        elif row.kind not in SAID:
            refusal = NotForThis
        elif who not in {row.sender, talk.owner}:
            refusal = Forbidden
        work = lambda: services.recall_message(actor_id=who, conversation_id=talk.id, seq=seq)  # noqa: E731
        if self.does(refusal, work) and row is not None and not row.is_recalled:
            row.empty()
            for other in talk.rows:
                if other.quote == seq:
                    other.quoted = ""
            self.change(talk, "recalled", who, seq)

    def change(self, talk: Talk, kind: str, who: int, seq: int) -> None:
        talk.add(kind, who, ref=seq)

    @rule(name=whom, at=where, back=back)
    def delete(self, name: str, at: str, back: int) -> None:
        talk, who = self.talks[at], self.ids[name]
        seq = self.at(talk, back)
        row = talk.row(seq) if talk.in_window(who, seq) else None
        refusal: Refusal = NotFound if row is None or row.ref is not None else None
        work = lambda: services.delete_message(actor_id=who, conversation_id=talk.id, seq=seq)  # noqa: E731
        if self.does(refusal, work):
            talk.places[who].hidden.add(seq)

    @rule(name=whom, at=where, back=st.integers(-1, 12))
    def read(self, name: str, at: str, back: int) -> None:
        """From any device, in any order: an older mark than the newest changes nothing."""
        talk, who = self.talks[at], self.ids[name]
        seq = self.at(talk, back)
        refusal: Refusal = None if who in talk.places else NotFound
        work = lambda: services.mark_read(actor_id=who, conversation_id=talk.id, seq=seq)  # noqa: E731
        if self.does(refusal, work):
            place = talk.places[who]
            place.read = max(place.read, min(seq, talk.end_for(who)))

    @rule(name=whom, at=where, back=st.integers(-1, 12))
    def clear(self, name: str, at: str, back: int) -> None:
        talk, who = self.talks[at], self.ids[name]
        seq = self.at(talk, back)
        refusal: Refusal = None if who in talk.places else NotFound
        work = lambda: services.clear_history(actor_id=who, conversation_id=talk.id, seq=seq)  # noqa: E731
        if self.does(refusal, work):
            place = talk.places[who]
            upto = min(seq, talk.end_for(who))
            place.read, place.cleared = max(place.read, upto), max(place.cleared, upto)

    @rule(name=whom, at=where, is_hidden=st.booleans())
    def hide(self, name: str, at: str, is_hidden: bool) -> None:
        talk, who = self.talks[at], self.ids[name]
        refusal: Refusal = None if who in talk.places else NotFound
        work = lambda: services.change_mine(actor_id=who, conversation_id=talk.id, is_hidden=is_hidden)  # noqa: E731
        if self.does(refusal, work):
            talk.places[who].out_of_list = talk.number(talk.end_for(who)) if is_hidden else None

    @rule(name=st.sampled_from(["bo", "cy"]))
    def leave(self, name: str) -> None:
        talk, who = self.talks["tea"], self.ids[name]
        if not talk.belongs(who):
            return
        services.leave_group(actor_id=who, conversation_id=talk.id)
        row = talk.add("member_left", who)
        place = talk.places[who]
        place.left, place.out_of_list = row.seq, talk.number(row.seq)

    @rule(name=st.sampled_from(["bo", "cy"]))
    def come_back(self, name: str) -> None:
        talk, who, ada = self.talks["tea"], self.ids[name], self.ids["ada"]
        refusal: Refusal = None if talk.belongs(who) or (who, ada) not in self.blocks else NotFriends
        work = lambda: services.add_members(actor_id=ada, conversation_id=talk.id, user_ids=[who])  # noqa: E731
        if self.does(refusal, work) and not talk.belongs(who):
            row = talk.add("members_added", ada)
            was = talk.places[who]
            # What they deleted or cleared before stays so; all else begins anew.
            talk.places[who] = Place(joined=row.seq, read=row.seq, cleared=was.cleared, hidden=was.hidden)

    @rule(name=st.sampled_from(["bo", "ada"]), is_blocked=st.booleans())
    def block(self, name: str, is_blocked: bool) -> None:
        who, other = self.ids[name], self.ids["ada" if name == "bo" else "bo"]
        if is_blocked:
            services.block(actor_id=who, user_id=other)
            self.blocks.add((who, other))
        else:
            services.unblock(actor_id=who, user_id=other)
            self.blocks.discard((who, other))

    @invariant()
    def everybody_sees_what_the_model_says(self) -> None:
        for talk in getattr(self, "talks", {}).values():
            for who in self.ids.values():
                if who not in talk.places:
                    with pytest.raises(NotFound):
                        seen(who, talk.id)
                    continue
                assert seen(who, talk.id) == talk.history(who)
                assert summed_up(who, talk.id) == talk.summary(who)


def test_what_everybody_sees_and_has_to_read(settings: Any) -> None:
    limited = ("send.user", "send.conversation", "change.user", "add_members.user", "create_group.user")
    settings.LIMITS_OVERRIDES = {f"messaging.{action}": (1_000_000, 1) for action in limited}
    run_state_machine_as_test(Chats, settings=SIZE)


SIZE = settings(
    max_examples=sizes.chat_models,
    stateful_step_count=sizes.chat_model_steps,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
