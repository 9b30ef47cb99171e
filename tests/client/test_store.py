"""The catch-up rules: whatever order the news comes in, the device ends with the server's log."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from superapp.client.conversation_log import Fetch
from superapp.client.store import Store
from superapp.client.updates import (
    ConversationLost,
    FriendAdded,
    MessageAdded,
    MessageChanged,
    PeerRead,
    Pushed,
    ReadMoved,
    Typing,
    Update,
)

Json = dict[str, Any]
ME, BO, CHAT = "1", "2", "77"


def message(seq: int, *, message_no: int | None = None, sender: str = BO, chat: str = CHAT, kind: str = "text") -> Any:
    return {
        "conversation_id": chat,
        "seq": seq,
        "message_no": seq if message_no is None else message_no,
        "ref_seq": None,
        "sender_id": sender,
        "client_id": f"c{seq}",
        "kind": kind,
        "body": {"text": f"text {seq}"},
        "target": None,
        "reactions": [],
        "edited_at": None,
        "recalled_at": None,
        "created_at": "2026-01-01T10:00:00Z",
    }


def summary(last_seq: int, *, read_seq: int = 0, unread: int | None = None, peer_read_seq: int | None = None) -> Any:
    unread = last_seq - read_seq if unread is None else unread
    mine = {"read_seq": read_seq, "unread": unread, "peer": {"id": BO}, "peer_read_seq": peer_read_seq}
    return {"id": CHAT, "last_seq": last_seq, "title": "", "mine": mine}


def sync(*conversations: Any, events: Any = (), cursor: str = "next", has_more: bool = False) -> Any:
    return {"conversations": list(conversations), "events": list(events), "cursor": cursor, "has_more": has_more}


def pushed(event_type: str, payload: Json, **frame: Any) -> Any:
    return {"type": event_type, "payload": payload, **frame}


def created(seq: int, **what: Any) -> Any:
    return pushed("message.created", message(seq, **what), topic=f"conversation:{CHAT}")


def changed(seq: int, about: int, *, kind: str = "edited", **target: Any) -> Any:
    """Row ``seq`` says that something happened to row ``about``, which is ``target`` now; without one nobody says."""
    row = message(seq, message_no=3, kind=kind) | {"ref_seq": about, "body": {}}
    if target:
        row["target"] = {name: value for name, value in (message(about) | target).items() if name != "target"}
    return pushed("message.created", row, topic=f"conversation:{CHAT}")


def seqs(updates: list[Update]) -> list[int]:
    return [update.message["seq"] for update in updates if isinstance(update, MessageAdded)]


@pytest.fixture
def store() -> Store:
    """Connected and caught up, with messages 1 to 3."""
    store = Store(me=ME)
    store.synced(sync(summary(3)))
    store.syncing()
    store.fetched(store.fetch(CHAT), [message(seq) for seq in (1, 2, 3)])
    store.release()
    return store


class Histories(RuleBasedStateMachine):
    """A server's log grows; pushes of it come in any order, twice or never; fetches and syncs answer early or late."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[Any] = []
        self.store = Store(me=ME)
        self.shown: list[int] = []
        self.in_flight: list[Any] = []
        self.fetches: list[tuple[Fetch, list[Any]]] = []
        self.syncs: list[Any] = []

    def show(self, updates: list[Update]) -> None:
        self.shown += seqs(updates)

    @rule(sender=st.sampled_from([ME, BO]))
    def somebody_writes(self, sender: str) -> None:
        self.log.append(message(len(self.log) + 1, sender=sender))
        self.in_flight.append(created(len(self.log), sender=sender))

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data(), again=st.booleans())
    def push_arrives(self, data: st.DataObject, again: bool) -> None:
        frame = data.draw(st.sampled_from(self.in_flight))
        if not again:
            self.in_flight.remove(frame)
        self.show(self.store.push(frame))

    @precondition(lambda self: self.in_flight)
    @rule(data=st.data())
    def push_is_lost(self, data: st.DataObject) -> None:
        self.in_flight.remove(data.draw(st.sampled_from(self.in_flight)))

    @precondition(lambda self: self.log)
    @rule(data=st.data())
    def own_send_is_answered(self, data: st.DataObject) -> None:
        self.show(self.store.received(data.draw(st.sampled_from(self.log))))

    @rule(limit=st.integers(1, 5))
    def fetch_is_asked(self, limit: int) -> None:
        fetch = self.store.fetch(CHAT)
        self.fetches.append((fetch, self.log[fetch.after : fetch.after + limit]))

    @precondition(lambda self: self.fetches)
    @rule(data=st.data())
    def fetch_is_answered(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.fetches) - 1))
        self.show(self.store.fetched(*self.fetches.pop(index)))

    @rule()
    def sync_is_asked(self) -> None:
        self.store.syncing()
        self.syncs.append(sync(summary(len(self.log))))

    @precondition(lambda self: self.syncs)
    @rule(data=st.data())
    def sync_is_answered(self, data: st.DataObject) -> None:
        self.show(self.store.synced(self.syncs.pop(data.draw(st.integers(0, len(self.syncs) - 1)))))

    @rule()
    def connection_is_new(self) -> None:
        self.in_flight.clear()
        self.store.hold()

    @rule()
    def first_sync_is_done(self) -> None:
        self.show(self.store.release())

    @invariant()
    def what_is_shown_is_in_order_and_exactly_once(self) -> None:
        assert self.shown == list(range(1, len(self.shown) + 1))

    @invariant()
    def what_is_kept_is_what_was_shown(self) -> None:
        log = self.store.logs.get(CHAT)
        assert (log.messages if log else []) == self.log[: len(self.shown)]

    def teardown(self) -> None:
        """The next sync, and the fetches that it asks for, repair everything."""
        self.show(self.store.synced(sync(summary(len(self.log)))))
        self.show(self.store.release())
        for _ in range(len(self.log) + 1):
            if self.store.is_behind(CHAT):
                fetch = self.store.fetch(CHAT)
                self.show(self.store.fetched(fetch, self.log[fetch.after : fetch.after + 2]))
        assert self.shown == list(range(1, len(self.log) + 1))
        assert self.store.logs[CHAT].messages == self.log
        assert not self.store.is_behind(CHAT)


TestHistories = Histories.TestCase
TestHistories.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_next_message_is_applied_and_an_old_one_dropped(store: Store) -> None:
    assert seqs(store.push(created(4))) == [4]
    assert store.push(created(4)) == []
    assert store.push(created(2)) == []


def test_message_behind_a_gap_waits_for_what_is_missing(store: Store) -> None:
    assert store.push(created(6)) == []
    assert store.behind() == [CHAT]
    assert store.push(created(5)) == []
    assert seqs(store.push(created(4))) == [4, 5, 6]
    assert store.behind() == []


def test_pushes_wait_until_the_first_sync_is_done(store: Store) -> None:
    store.hold()
    assert store.push(created(4)) == []
    assert store.push(created(5)) == []
    store.synced(sync(summary(5)))
    assert seqs(store.fetched(store.fetch(CHAT), [message(4), message(5)])) == [4, 5]
    assert store.release() == []
    assert seqs(store.push(created(6))) == [6]


def test_push_that_the_sync_could_not_know_is_shown_after_it(store: Store) -> None:
    store.hold()
    store.synced(sync(summary(3)))
    assert store.push(created(5)) == []
    assert store.push(created(4)) == []
    assert seqs(store.release()) == [4, 5]


def test_answer_to_a_fetch_from_before_the_conversation_was_lost_is_no_beginning(store: Store) -> None:
    fetch = store.fetch(CHAT)
    store.lost(CHAT)
    assert store.fetched(fetch, [message(4), message(5)]) == []
    assert store.behind() == [CHAT]
    assert seqs(store.fetched(store.fetch(CHAT), [message(seq) for seq in range(1, 6)])) == [1, 2, 3, 4, 5]


def test_history_begins_with_the_first_page_and_older_pages_come_in_front() -> None:
    store = Store(me=ME)
    store.synced(sync(summary(50)))
    assert seqs(store.fetched(store.fetch(CHAT), [message(seq) for seq in range(41, 51)])) == list(range(41, 51))
    log = store.logs[CHAT]
    older = log.put_in_front([message(seq) for seq in range(36, 43)])
    assert [each["seq"] for each in older] == list(range(36, 41))
    assert [each["seq"] for each in log.messages] == list(range(36, 51))


def test_time_without_membership_is_skipped(store: Store) -> None:
    store.push(created(9))
    assert seqs(store.fetched(store.fetch(CHAT), [message(8), message(9)])) == [8, 9]
    assert store.behind() == []


def test_rows_from_before_one_joined_are_not_asked_for_again() -> None:
    store = Store(me=ME)
    store.synced(sync(summary(50, read_seq=50)))
    store.release()
    assert store.fetched(store.fetch(CHAT), []) == []
    assert store.behind() == []
    assert seqs(store.push(created(51))) == [51]


def test_resync_during_a_fetch_asks_for_another_one(store: Store) -> None:
    resync = pushed("resync", {}, topic=f"conversation:{CHAT}")
    store.push(resync)
    assert store.behind() == [CHAT]
    fetch = store.fetch(CHAT)
    store.push(resync)
    store.fetched(fetch, [])
    assert store.behind() == [CHAT]
    store.fetched(store.fetch(CHAT), [])
    assert store.behind() == []


def test_resync_of_everything_asks_for_a_sync_even_during_one(store: Store) -> None:
    store.syncing()
    store.synced(sync(has_more=True))
    store.push(pushed("resync", {}))
    store.synced(sync(cursor="the end"))
    assert store.sync_wanted
    store.syncing()
    assert not store.sync_wanted
    assert store.cursor == "the end"


def test_refused_cursor_is_forgotten(store: Store) -> None:
    store.sync_failed(from_the_beginning=False)
    assert (store.sync_wanted, store.cursor) == (True, "next")
    store.sync_failed(from_the_beginning=True)
    assert (store.sync_wanted, store.cursor) == (True, None)


def test_message_of_an_unknown_conversation_has_it_looked_up(store: Store) -> None:
    other = pushed("message.created", message(1, chat="78"))
    assert seqs(store.push(other)) == [1]
    assert store.unknown() == ["78"]
    other_summary: Any = {**summary(1), "id": "78"}
    store.summarised(other_summary)
    assert store.unknown() == []


def test_joined_conversation_is_looked_up(store: Store) -> None:
    assert store.push(pushed("conversation.joined", {"conversation_id": "79"})) == []
    assert store.unknown() == ["79"]
    assert store.push(pushed("conversation.joined", {"conversation_id": CHAT})) == []
    assert store.unknown() == ["79"]


def test_lost_conversation_is_forgotten_once(store: Store) -> None:
    lost = pushed("topic.lost", {}, topic=f"conversation:{CHAT}")
    assert store.push(lost) == [ConversationLost(CHAT)]
    assert store.push(lost) == []
    assert CHAT not in store.logs


def test_event_counts_once_however_it_comes(store: Store) -> None:
    payload = {"user_id": BO, "conversation_id": CHAT, "event_id": "5"}
    assert store.push(pushed("friend.added", payload)) == [FriendAdded(BO, CHAT)]
    event = {"event_id": "5", "type": "friend.added", "payload": payload}
    later = {"event_id": "6", "type": "friend.added", "payload": {**payload, "event_id": "6", "user_id": "3"}}
    assert store.synced(sync(events=[event, later, later])) == [FriendAdded("3", CHAT)]


def test_unread_counts_what_is_above_the_mark(store: Store) -> None:
    log = store.logs[CHAT]
    assert log.unread == 3
    assert store.push(pushed("read.updated", {"conversation_id": CHAT, "read_seq": 2, "unread": 1})) == [
        ReadMoved(CHAT, 2, 1)
    ]
    store.push(created(4))
    assert log.unread == 2
    # Counted before message 4 was there, and arriving after it.
    assert store.push(pushed("read.updated", {"conversation_id": CHAT, "read_seq": 3, "unread": 0})) == [
        ReadMoved(CHAT, 3, 1)
    ]
    assert store.push(pushed("read.updated", {"conversation_id": CHAT, "read_seq": 1, "unread": 2})) == []
    store.push(created(5, sender=ME))
    assert (log.unread, log.read_seq) == (0, 5)


def test_unread_is_the_servers_count_where_history_is_not_here() -> None:
    store = Store(me=ME)
    store.synced(sync(summary(50, read_seq=10, unread=39)))
    store.fetched(store.fetch(CHAT), [message(seq) for seq in range(41, 51)])
    store.release()
    assert store.logs[CHAT].unread == 39
    store.push(created(51))
    assert store.logs[CHAT].unread == 40


def test_row_about_the_group_itself_is_not_unread() -> None:
    store = Store(me=ME)
    store.synced(sync(summary(2, unread=1)))
    store.fetched(store.fetch(CHAT), [message(1, message_no=0, kind="group_created"), message(2, message_no=1)])
    assert store.logs[CHAT].unread == 1


def test_what_is_done_to_a_message_shows_in_it_and_is_no_unread_row(store: Store) -> None:
    unread = store.logs[CHAT].unread
    updates = store.push(changed(4, about=2, body={"text": "better"}, edited_at="2026-01-01T10:05:00Z"))
    assert [type(update) for update in updates] == [MessageAdded, MessageChanged]
    now = store.logs[CHAT].find(2)
    assert now is not None
    assert (now["body"], now["edited_at"], now["seq"]) == ({"text": "better"}, "2026-01-01T10:05:00Z", 2)
    assert store.logs[CHAT].unread == unread
    assert store.stale() == []


def test_a_change_that_a_push_may_not_show_is_fetched(store: Store) -> None:
    assert [type(update) for update in store.push(changed(4, about=2))] == [MessageAdded]
    assert (store.stale(), store.stale_seqs(CHAT)) == ([CHAT], [2])
    now = message(2) | {"body": {"text": "better"}}
    assert store.corrected(now) == [MessageChanged(now)]
    assert (store.stale(), store.logs[CHAT].find(2)) == ([], now)


def test_a_change_of_what_we_do_not_have_asks_for_nothing(store: Store) -> None:
    store.logs[CHAT].cleared(2)
    store.push(changed(4, about=1))
    store.push(changed(5, about=2, body={"text": "unseen"}))
    assert store.stale() == []
    assert [row["seq"] for row in store.logs[CHAT].messages] == [3, 4, 5]


def test_what_we_deleted_and_cleared_on_another_device_is_gone_here(store: Store) -> None:
    deleted = {"conversation_id": CHAT, "seq": 2, "event_id": "e1"}
    (update,) = store.push(pushed("message.deleted", deleted))
    assert isinstance(update, MessageChanged)
    assert (update.message["kind"], update.message["body"]) == ("deleted", {})
    # What is done to it afterwards does not bring it back.
    store.push(changed(4, about=2, body={"text": "better"}))
    assert store.logs[CHAT].find(2) == update.message
    store.push(pushed("history.cleared", {"conversation_id": CHAT, "cleared_seq": 3, "event_id": "e2"}))
    assert [row["seq"] for row in store.logs[CHAT].messages] == [4]
    store.push(created(5))
    assert [row["seq"] for row in store.logs[CHAT].messages] == [4, 5]


def test_the_others_mark_only_moves_forward(store: Store) -> None:
    def peer_read(seq: int) -> list[Update]:
        return store.push(pushed("peer.read", {"conversation_id": CHAT, "user_id": BO, "read_seq": seq}))

    assert peer_read(2) == [PeerRead(CHAT, BO, 2)]
    assert peer_read(1) == []
    assert store.summarised(summary(3, peer_read_seq=3))[1:] == [PeerRead(CHAT, BO, 3)]


def test_who_writes_has_read_what_came_before(store: Store) -> None:
    log = store.logs[CHAT]
    store.push(created(4))
    assert log.peer_read_seq is None
    store.summarised(summary(4, peer_read_seq=3))
    store.push(created(5, sender=ME))
    assert (log.read_seq, log.peer_read_seq) == (5, 3)
    store.push(created(6))
    assert (log.read_seq, log.peer_read_seq) == (5, 6)
    store.summarised(summary(6))
    assert log.peer_read_seq is None


def test_own_typing_is_not_shown(store: Store) -> None:
    assert store.push(pushed("typing", {"conversation_id": CHAT, "user_id": BO})) == [Typing(CHAT, BO)]
    assert store.push(pushed("typing", {"conversation_id": CHAT, "user_id": ME})) == []
    masked = {"conversation_id": CHAT, "user_id": None, "persona": {"key": "courier:8"}}
    assert store.push(pushed("typing", masked)) == [Typing(CHAT, "courier:8")]


def test_kinds_of_other_apps_are_passed_on(store: Store) -> None:
    move = pushed("match.moved", {"move": "e4"}, topic="match:5", version=3)
    assert store.push(move) == [Pushed("match.moved", "match:5", 3, {"move": "e4"})]


def test_what_happened_to_a_message_shows_in_it_and_in_what_quotes_it(store: Store) -> None:
    answer = created(4)
    answer["payload"]["body"] = {"text": "what?", "quote": {"seq": 3, "kind": "text", "text": "text 3"}}
    change = created(5, kind="recalled", message_no=4)
    change["payload"] |= {"ref_seq": 3, "target": message(3) | {"body": {}, "recalled_at": "2026-01-01T10:01:00Z"}}
    for frame in (answer, change):
        store.push(frame)
    third, fourth, fifth = store.logs[CHAT].messages[2:]
    assert (third["body"], third["recalled_at"]) == ({}, "2026-01-01T10:01:00Z")
    assert fourth["body"]["quote"] == {"seq": 3, "kind": "text", "text": "", "is_recalled": True}
    assert (fifth["kind"], store.logs[CHAT].unread) == ("recalled", 4)
