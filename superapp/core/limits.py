"""Volume limits: one table, one atomic token bucket each in Redis.

Where a wrong answer costs safety (sending codes costs money, guessing them costs accounts) a limit fails closed: no
Redis, no action. Where it costs convenience it fails open. What must be exact is counted in Postgres rows instead.
"""

import functools
from dataclasses import dataclass

import redis
from django.conf import settings

from superapp.core.errors import TooManyRequests, Unavailable
from superapp.core.redis import RedisFailure, guarded


@dataclass(frozen=True)
class Limit:
    """At most ``capacity`` at once, refilled evenly to ``capacity`` per ``per_seconds``."""

    capacity: int
    per_seconds: float
    fails_open: bool


LIMITS: dict[str, Limit] = {
    # accounts: a code costs a text message, and each one is a new chance to guess
    "accounts.send_code.phone": Limit(5, 3600, fails_open=False),
    "accounts.send_code.address": Limit(20, 3600, fails_open=False),
    "accounts.sign_in.address": Limit(60, 600, fails_open=True),
    # an office has one address, and what is behind this door is everybody's
    "accounts.staff_sign_in.address": Limit(30, 600, fails_open=False),
    # each one is a row that is kept for as long as the token would have lived
    "accounts.refresh.user": Limit(120, 3600, fails_open=True),
    # each one ends the card that others were given
    "accounts.reset_card.user": Limit(10, 3600, fails_open=True),
    # each one is shown to every friend
    "accounts.change_profile.user": Limit(60, 3600, fails_open=True),
    "accounts.change_password.user": Limit(10, 3600, fails_open=True),
    # each one is work for whoever checks it
    "accounts.request_organisation.user": Limit(5, 86_400, fails_open=True),
    # each one is a row of the audit log, which nobody deletes
    "accounts.change_organisation.user": Limit(120, 3600, fails_open=True),
    # each one is shown to somebody who did not ask for it
    "accounts.invite_staff.organisation": Limit(100, 86_400, fails_open=True),
    # each one may reserve a number for a month
    "accounts.change_phone.user": Limit(5, 86_400, fails_open=False),
    # links: nobody finds one by trying, and nobody shall try
    "links.scan.user": Limit(60, 60, fails_open=True),
    "links.open.address": Limit(60, 60, fails_open=True),
    # media
    "media.upload.user": Limit(60, 600, fails_open=True),
    # one gibibyte a day
    "media.upload_kib.user": Limit(1024 * 1024, 86_400, fails_open=True),
    # messaging
    "messaging.send.user": Limit(10, 1, fails_open=True),
    "messaging.send.conversation": Limit(40, 1, fails_open=True),
    # each one is a row of the log for everybody
    "messaging.change.user": Limit(10, 2, fails_open=True),
    "messaging.typing.user": Limit(3, 6, fails_open=True),
    "messaging.friend_request.user": Limit(30, 86_400, fails_open=True),
    "messaging.find_person.user": Limit(60, 600, fails_open=True),
    # whoever walks through prefixes or numbers must not get far, Redis or not
    "messaging.search_people.user": Limit(300, 86_400, fails_open=False),
    "messaging.find_by_phone.user": Limit(50, 86_400, fails_open=False),
    "messaging.see_presence.user": Limit(30, 60, fails_open=True),
    "messaging.change_settings.user": Limit(60, 3600, fails_open=True),
    # each one is kept for the person's other devices
    "messaging.change_contacts.user": Limit(300, 3600, fails_open=True),
    "messaging.see_person.user": Limit(600, 600, fails_open=True),
    "messaging.create_group.user": Limit(30, 3600, fails_open=True),
    # each one is a row that everybody in the group is shown, or a link to it
    "messaging.change_group.user": Limit(60, 600, fails_open=True),
    # by the person who is added or invited
    "messaging.add_members.user": Limit(1000, 3600, fails_open=True),
    "messaging.join_group.user": Limit(60, 3600, fails_open=True),
    # payments: what must be exact, wrong PINs, is counted in rows; this spares the machine the hashing
    "payments.pin.user": Limit(60, 60, fails_open=True),
    # each one may read fifty thousand lines
    "payments.export_statement.user": Limit(20, 3600, fails_open=True),
    # safety: staff read every one of them
    "safety.report.user": Limit(30, 86_400, fails_open=True),
    # payments: each red packet is a card that everybody in a conversation is shown
    # each reset ends the code that others were given, each code is a row that is kept
    "payments.request_money.user": Limit(60, 3600, fails_open=True),
    "payments.split_bill.user": Limit(60, 3600, fails_open=True),
    "payments.reset_code.user": Limit(10, 3600, fails_open=True),
    "payments.create_code.user": Limit(120, 3600, fails_open=True),
    "payments.send_red_packet.user": Limit(30, 60, fails_open=True),
    "payments.open_red_packet.user": Limit(60, 60, fails_open=True),
    # realtime
    "realtime.ticket.user": Limit(60, 60, fails_open=True),
}

# The generic cell rate algorithm (ATM Forum TM 4.0): one key holds the moment at which the bucket is full again.
# KEYS[1]: bucket. ARGV: capacity, seconds per token, cost. Redis' own clock counts, so servers need not agree on it.
# Returns -1 when allowed, else the milliseconds to wait.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local per_token = tonumber(ARGV[2]) * 1000
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local next_full_at = full_at + per_token * tonumber(ARGV[3])
local wait = next_full_at - now - per_token * tonumber(ARGV[1])
if wait > 0 then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.3f', next_full_at), 'PX', math.max(math.ceil(next_full_at - now), 1))
return -1
"""


def limit_for(action: str) -> Limit:
    limit = LIMITS[action]
    if override := settings.LIMITS_OVERRIDES.get(action):
        return Limit(*override, fails_open=limit.fails_open)
    return limit


@functools.cache
def _script() -> redis.commands.core.Script:
    return redis.Redis().register_script(_TAKE)


def take(*, action: str, subject: str, cost: int = 1) -> None:
    """Take ``cost`` tokens of ``subject``'s bucket, all or none.

    Raises ``TooManyRequests`` with the seconds until enough are there, ``Unavailable`` when Redis is away and the limit
    fails closed.
    """
    limit = limit_for(action)
    arguments = [limit.capacity, limit.per_seconds / limit.capacity, cost]
    try:
        wait = guarded(
            lambda client: _script()(keys=[f"limit:{action}:{subject}"], args=arguments, client=client),
            patient=not limit.fails_open,
        )
    except RedisFailure:
        if limit.fails_open:
            return
        raise Unavailable() from None
    if wait >= 0:
        raise TooManyRequests(retry_after_seconds=wait / 1000)
