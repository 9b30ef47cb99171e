"""Database connections that the server has ended. On its own: every thread of the gateway is left with a dead one."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from tests.realtime.inside import InsideGateway, inside_gateway
from tests.realtime.people import friends
from tests.realtime.sockets import Refused, enter, until


@pytest.fixture(scope="module")
def server(committed_db: Any) -> Iterator[InsideGateway]:
    with inside_gateway() as running:
        yield running


async def test_a_dead_connection_costs_one_answer_and_then_there_is_a_new_one(server: InsideGateway) -> None:
    """A connection that the server ended costs one answer of "unavailable", then the thread has a new one."""
    ada, _bo, conversation_id = await asyncio.to_thread(friends)

    def end_the_others() -> bool:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user"
            )
            return True

    async with await enter(server, ada) as socket:
        await until(end_the_others)
        codes = []
        for _ in range(40):
            try:
                await socket.ask("message.read", {"conversation_id": str(conversation_id), "seq": 1})
                codes.append("ok")
            except Refused as refusal:
                codes.append(refusal.code)
        assert set(codes) <= {"ok", "unavailable"}
        assert codes.count("unavailable") <= 8
        assert codes[-1] == "ok"
