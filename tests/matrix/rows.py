"""Who may do what: one row for every operation of the API, with the status that each role gets.

``owner`` is whose things they are, ``member`` shares the owner's group and is a friend, ``ex_member`` was sent away,
``blocked`` was a friend until the owner blocked them, ``staff`` may enter the admin and has no rights here.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.matrix.world import ROLES, Json, Role, World
from tests.messaging import products

Make = Callable[[World], Json]


@dataclass(frozen=True)
class Row:
    """``name``: method and address as in the schema. ``about`` tells rows of the same operation apart."""

    name: str
    expected: dict[Role, int]
    body: Make | None = None
    form: Make | None = None
    #: Parts of the address, and a query, that are not the owner's things.
    parts: Make = field(default=lambda world: {})
    query: str = ""
    about: str = ""
    #: Tables in which a refusal counts an attempt; all others it leaves as they were.
    counts: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} {self.about}".strip()


def everybody(status: int, name: str, **row: object) -> Row:
    """A way in: it asks for no sign-in, and says the same to all."""
    return Row(name, dict.fromkeys(ROLES, status), **row)


def own(status: int, name: str, **row: object) -> Row:
    """Acts on the things of whoever calls, so everybody may, and nothing in it can name somebody else's."""
    return Row(name, {**dict.fromkeys(ROLES, status), "anonymous": 401}, **row)


def of_owner(status: int, name: str, **row: object) -> Row:
    return only(status, ("owner",), name, **row)


def of_manager(status: int, name: str, **row: object) -> Row:
    """What somebody on the staff may see, and only who manages the staff may do."""
    made = of_owner(status, name, **row)
    return Row(**{**vars(made), "expected": {**made.expected, "member": 403}})


def of_members(status: int, name: str, **row: object) -> Row:
    return only(status, ("owner", "member"), name, **row)


def of_readers(status: int, name: str, **row: object) -> Row:
    """What was there up to somebody's removal stays theirs."""
    return only(status, ("owner", "member", "ex_member"), name, **row)


def only(status: int, roles: tuple[Role, ...], name: str, *, else_status: int = 404, **row: object) -> Row:
    expected: dict[Role, int] = {role: status if role in roles else else_status for role in ROLES}
    return Row(name, {**expected, "anonymous": 401}, **row)


def json(**body: object) -> Make:
    return lambda world: body


DEVICE = {"name": "Phone", "platform": "ios"}


def accounts() -> Iterator[Row]:
    yield everybody(201, "POST /api/v1/auth/codes/", body=json(phone="+33612000000"))
    yield everybody(410, "POST /api/v1/auth/sign-in/code/", body=json(challenge="x", code="000000", device=DEVICE))
    yield everybody(
        401,
        "POST /api/v1/auth/sign-in/password/",
        body=json(identifier="nobody_here", password="wrong", device=DEVICE),
        counts=("accounts_password_attempts",),
    )
    yield everybody(401, "POST /api/v1/auth/refresh/", body=json(refresh_token="refresh.1.x"))
    yield own(204, "POST /api/v1/auth/sign-out/")
    yield own(200, "GET /api/v1/me/")
    yield own(200, "PATCH /api/v1/me/", body=json(display_name="New"))
    yield everybody(410, "POST /api/v1/auth/return/", body=json(return_token="return.1.x", device=DEVICE))
    yield own(200, "GET /api/v1/me/exports/")
    # The owner's is being made.
    yield Row("POST /api/v1/me/exports/", {**dict.fromkeys(ROLES, 201), "owner": 409, "anonymous": 401})
    yield of_owner(200, "GET /api/v1/me/exports/{export_id}/")
    yield own(200, "GET /api/v1/me/leaving/")
    yield own(410, "POST /api/v1/me/leaving/", body=json(challenge="x", code="000000"))
    yield own(200, "POST /api/v1/me/terms/", body=json(version=1))
    yield own(200, "GET /api/v1/me/qr/")
    yield own(200, "POST /api/v1/me/qr/")
    yield own(200, "POST /api/v1/scan/", body=json(content="https://elsewhere.example/"))
    yield own(204, "PUT /api/v1/me/password/", body=json(new_password="a long enough one"))
    # Nobody of the matrix has a number or a password.
    yield own(422, "POST /api/v1/me/phone/codes/")
    yield own(403, "POST /api/v1/me/phone/changes/", body=json(password="wrong"))
    yield own(410, "POST /api/v1/me/phone/changes/codes/", body=json(change_token="x", phone="+33612000000"))
    yield own(410, "PUT /api/v1/me/phone/", body=json(change_token="x", challenge="x", code="000000"))
    yield own(200, "GET /api/v1/devices/")
    yield own(200, "DELETE /api/v1/devices/others/")
    yield of_owner(204, "DELETE /api/v1/devices/{device_id}/")


def organisations() -> Iterator[Row]:
    """The owner's organisation, in which the member is cashier; the ex-member was."""
    yield own(200, "GET /api/v1/organisations/")
    yield own(201, "POST /api/v1/organisations/", body=json(kind="brand", name="New"))
    one = "/api/v1/organisations/{organisation_id}/"
    for part in ("", "roles/", "staff/"):
        yield of_members(200, f"GET {one}{part}")
    asker: Make = lambda world: {"user_id": world.asker.id}  # noqa: E731
    roles = json(roles=["finance"])
    yield of_manager(200, f"PATCH {one}", body=json(name="New"))
    yield of_manager(200, f"PUT {one}staff/{{user_id}}/", parts=asker, body=roles)
    yield of_manager(204, f"DELETE {one}staff/{{user_id}}/", parts=asker)
    yield of_manager(200, f"PUT {one}ownership/", body=lambda world: {**asker(world), "kept_roles": ["manager"]})
    yield of_manager(200, f"GET {one}invitations/")
    yield of_manager(201, f"POST {one}invitations/", body=roles)
    yield of_manager(204, f"DELETE {one}invitations/{{invitation_id}}/")

    mine = "/api/v1/organisation-invitations/"
    to_owner: Make = lambda world: {"invitation_id": world.invitation_to_owner_id}  # noqa: E731
    yield own(200, f"GET {mine}")
    yield of_owner(200, f"POST {mine}{{invitation_id}}/accept/", parts=to_owner)
    yield of_owner(204, f"POST {mine}{{invitation_id}}/decline/", parts=to_owner)
    # A link is good for whoever holds it.
    yield own(200, f"POST {mine}accept-link/", body=lambda world: {"link": world.invitation_link})


def media() -> Iterator[Row]:
    yield own(200, "GET /api/v1/media/", query="?ids={asset_id}")
    yield own(201, "POST /api/v1/media/", form=lambda world: {"purpose": "message"})
    yield of_owner(200, "GET /api/v1/media/{asset_id}/")


def realtime() -> Iterator[Row]:
    yield own(201, "POST /api/v1/realtime/tickets/")


def people() -> Iterator[Row]:
    for name in (
        "GET /api/v1/friends/",
        "GET /api/v1/friends/online/",
        "GET /api/v1/friend-tags/",
        "GET /api/v1/friend-requests/",
        "GET /api/v1/blocks/",
        "GET /api/v1/messaging-settings/",
    ):
        yield own(200, name)
    yield own(200, "PATCH /api/v1/messaging-settings/", body=json(shares_read_marks=True))

    # A profile has nothing in it but what people show to be found. Whoever is blocked finds nobody.
    for name, query in (("GET /api/v1/people/", "?handle={owner_handle}"), ("GET /api/v1/people/{user_id}/", "")):
        row = own(200, name, query=query)
        yield Row(**{**vars(row), "expected": {**row.expected, "blocked": 404}})
    yield own(200, "GET /api/v1/people/search/", query="?prefix={owner_handle}")
    yield Row(
        "POST /api/v1/people/{user_id}/report/",
        {**dict.fromkeys(ROLES, 201), "owner": 422, "anonymous": 401},
        body=json(reason="spam"),
    )
    # Nobody here has a number, and nobody would want to be found by it.
    yield own(404, "POST /api/v1/people/by-phone/", body=json(phone="+33612000000"))

    friend: Make = lambda world: {"user_id": world.people["member"].id}  # noqa: E731
    yield of_owner(200, "GET /api/v1/friends/{user_id}/", parts=friend)
    yield of_owner(200, "PATCH /api/v1/friends/{user_id}/", parts=friend, body=json(remark="Mate"))
    yield of_owner(204, "DELETE /api/v1/friends/{user_id}/", parts=friend)

    yield of_owner(
        200,
        "PATCH /api/v1/friends/{user_id}/",
        parts=lambda world: {"user_id": world.people["blocked"].id},
        body=lambda world: {"tag_ids": [str(world.things["tag_id"])]},
        about="under the owner's tag",
    )
    yield own(200, "POST /api/v1/friend-tags/", body=json(name="Choir"))
    yield of_owner(200, "PATCH /api/v1/friend-tags/{tag_id}/", body=json(name="Choir"))
    yield of_owner(204, "DELETE /api/v1/friend-tags/{tag_id}/")

    yield Row(
        "POST /api/v1/friend-requests/",
        {
            "owner": 422,
            "member": 409,
            "ex_member": 409,
            "blocked": 404,
            "stranger": 200,
            "staff": 200,
            "anonymous": 401,
        },
        body=lambda world: {"user_id": world.people["owner"].id},
    )
    yield of_owner(200, "POST /api/v1/friend-requests/{request_id}/accept/")
    yield of_owner(204, "POST /api/v1/friend-requests/{request_id}/decline/")
    yield Row(
        "PUT /api/v1/blocks/{user_id}/",
        {**dict.fromkeys(ROLES, 204), "member": 422, "anonymous": 401},
        parts=friend,
    )
    yield own(204, "DELETE /api/v1/blocks/{user_id}/", parts=lambda world: {"user_id": world.people["blocked"].id})


def transfers() -> Iterator[Row]:
    """The member has sent the owner money; nobody here has a PIN to pay with."""
    yield own(200, "GET /api/v1/transfers/")
    yield Row(
        "POST /api/v1/transfers/",
        {**dict.fromkeys(ROLES, 403), "owner": 422, "anonymous": 401},
        body=lambda world: {"payee_id": world.people["owner"].id, "amount": {"amount": 1, "currency": "CNY"}},
    )
    # A code is good for whoever holds it; here nobody does.
    yield own(404, "POST /api/v1/transfers/instant/", body=json(code="https://elsewhere.example/"))
    yield own(200, "GET /api/v1/wallet/receive-code/")
    yield own(200, "POST /api/v1/wallet/receive-code/")
    yield own(201, "POST /api/v1/wallet/receive-codes/", body=json(amount={"amount": 1, "currency": "CNY"}))
    yield from requests_and_splits()
    one = "/api/v1/transfers/{transfer_id}/"
    yield of_members(200, f"GET {one}")
    for verb, who in (("accept", "owner"), ("decline", "owner"), ("cancel", "member")):
        row = of_members(200, f"POST {one}{verb}/")
        yield Row(**{**vars(row), "expected": {**row.expected, "owner": 403, "member": 403, who: 200}})


def requests_and_splits() -> Iterator[Row]:
    """The member asks the owner for money, and has split a bill in the owner's group with them."""
    yield own(200, "GET /api/v1/money-requests/")
    yield Row(
        "POST /api/v1/money-requests/",
        {
            "owner": 422,
            "member": 201,
            "ex_member": 201,
            "blocked": 403,
            "stranger": 403,
            "staff": 403,
            "anonymous": 401,
        },
        body=lambda world: {"payer_id": world.people["owner"].id, "amount": {"amount": 1, "currency": "CNY"}},
    )
    one = "/api/v1/money-requests/{money_request_id}/"
    yield of_members(200, f"GET {one}")
    # Nobody here has a PIN to pay with.
    yield only(403, ("owner", "member"), f"POST {one}pay/", body=json())
    for verb, who in (("decline", "owner"), ("cancel", "member")):
        row = of_members(200, f"POST {one}{verb}/")
        yield Row(**{**vars(row), "expected": {**row.expected, "owner": 403, "member": 403, who: 200}})

    yield of_members(
        201,
        "POST /api/v1/splits/",
        body=lambda world: {
            "conversation_id": str(world.things["conversation_id"]),
            "total": {"amount": 10, "currency": "CNY"},
            "participant_ids": [world.silent.id],
        },
    )
    one = "/api/v1/splits/{split_id}/"
    yield of_members(200, f"GET {one}")
    yield only(403, ("owner", "member"), f"POST {one}pay/", body=json())
    for verb, status in (("close", 200), ("remind", 204)):
        row = of_members(status, f"POST {one}{verb}/")
        yield Row(**{**vars(row), "expected": {**row.expected, "owner": 403}})


def notices() -> Iterator[Row]:
    for name in ("notices/", "notices/summary/", "notice-kinds/", "badge/", "inbox/"):
        yield own(200, f"GET /api/v1/{name}")
    yield own(200, "POST /api/v1/notices/read/", body=json(up_to="1"))
    yield of_owner(204, "DELETE /api/v1/notices/{notice_id}/")
    for method in ("PUT", "DELETE"):
        mute = f"{method} /api/v1/notice-kinds/{{notice_kind}}/mute/"
        yield own(204, mute)
        yield own(404, mute, parts=json(notice_kind=products.WARNING), about="that must not be missed")


def conversations() -> Iterator[Row]:
    yield own(200, "GET /api/v1/conversations/")
    yield own(200, "GET /api/v1/sync/")
    yield Row(
        "POST /api/v1/conversations/direct/",
        {
            "owner": 422,
            "member": 200,
            "ex_member": 200,
            "blocked": 200,
            "stranger": 403,
            "staff": 403,
            "anonymous": 401,
        },
        body=lambda world: {"user_id": world.people["owner"].id},
    )
    yield Row(
        "POST /api/v1/conversations/groups/",
        {
            "owner": 201,
            "member": 403,
            "ex_member": 403,
            "blocked": 403,
            "stranger": 403,
            "staff": 403,
            "anonymous": 401,
        },
        body=lambda world: {"title": "New", "member_ids": [world.people["member"].id, world.people["ex_member"].id]},
    )
    text = json(kind="text", text="hello")
    one = "/api/v1/conversations/{conversation_id}/"
    yield of_readers(200, f"GET {one}")
    yield of_members(200, f"GET {one}members/")
    yield of_readers(200, f"GET {one}messages/")
    yield of_readers(200, f"GET {one}messages/", query="?after=0", about="from the beginning")
    yield of_members(201, f"POST {one}messages/", body=text)
    yield of_owner(
        201,
        f"POST {one}messages/",
        # A member may speak here, but the photo is the owner's; the others do not even learn that.
        body=lambda world: {"kind": "photo", "asset_id": str(world.things["asset_id"])},
        about="with the owner's photo",
    )
    yield of_readers(200, f"POST {one}read/", body=json(seq=1))
    yield of_readers(200, f"PATCH {one}mine/", body=json(is_pinned=True, is_muted=True))
    said = f"{one}messages/{{seq}}/"
    reaction = json(emoji="👍", is_added=True)
    yield of_readers(200, f"GET {said}")
    yield of_readers(204, f"DELETE {said}")
    yield of_readers(200, f"GET {said}versions/")
    yield of_readers(200, f"GET {said}reactions/")
    yield of_members(200, f"PUT {said}reactions/", body=reaction)
    yield of_readers(200, f"POST {one}clear/", body=json(seq=1))
    # Whoever may read it may send it on, to where they may speak.
    onwards: Make = lambda world: {"conversation_ids": [str(world.direct_id)]}  # noqa: E731
    yield of_readers(200, f"POST {said}forward/", body=onwards)
    yield of_readers(200, f"POST {one}records/", body=lambda world: {**onwards(world), "seqs": [2], "title": "Tea"})
    # It is no record.
    yield only(404, (), f"GET {said}record/")
    # The owner wrote it: a member may see it and not change it.
    for name, body in ((f"PATCH {said}", json(text="other")), (f"POST {said}recall/", None)):
        row = of_owner(200, name, body=body)
        yield Row(**{**vars(row), "expected": {**row.expected, "member": 403}})
    # Nobody in this world shares how far they have read.
    yield of_members(403, f"GET {one}messages/{{seq}}/readers/")
    # It is the owner's own message, and whoever was removed may report what they still can read.
    report = json(reason="spam", comment="Please look.")
    row = of_members(201, f"POST {one}messages/{{seq}}/report/", body=report)
    yield Row(**{**vars(row), "expected": {**row.expected, "owner": 422, "ex_member": 201}})
    yield of_members(204, f"POST {one}typing/")

    blocked: Make = lambda world: {"conversation_id": world.blocked_direct_id}  # noqa: E731
    both: tuple[Role, ...] = ("owner", "blocked")
    yield only(200, both, f"GET {one}messages/", parts=blocked, about="with somebody who was blocked")
    row = only(200, both, f"PUT {said}reactions/", parts=blocked, body=reaction, about="to somebody who blocked")
    yield Row(**{**vars(row), "expected": {**row.expected, "blocked": 403}})
    for status, name, body in ((201, f"POST {one}messages/", text), (204, f"POST {one}typing/", None)):
        row = only(status, both, name, parts=blocked, body=body, about="to somebody who blocked")
        yield Row(**{**vars(row), "expected": {**row.expected, "blocked": 403}})


def groups() -> Iterator[Row]:
    one = "/api/v1/conversations/{conversation_id}/"
    member: Make = lambda world: {"user_id": world.people["member"].id}  # noqa: E731

    def run(status: int, name: str, **row: object) -> Row:
        """What the owner and administrators do; a member may see it and not do it."""
        allowed = only(status, ("owner",), name, **row)
        return Row(**{**vars(allowed), "expected": {**allowed.expected, "member": 403}})

    yield run(200, f"PATCH {one}settings/", body=json(title="New", is_silenced=True))
    yield run(200, f"PUT {one}notice/", body=json(notice="On Friday."))
    yield of_members(200, f"PUT {one}alias/", body=json(alias="Doc"))
    # To whoever may not do it, everybody in the address is the same.
    yield run(204, f"DELETE {one}members/{{user_id}}/", parts=member)
    yield run(
        204,
        f"PUT {one}members/{{user_id}}/silence/",
        parts=lambda world: {"user_id": world.silent.id},
        body=json(until="2100-01-01T00:00:00Z"),
    )
    yield run(204, f"DELETE {one}members/{{user_id}}/silence/", parts=lambda world: {"user_id": world.silent.id})
    yield run(204, f"PUT {one}admins/{{user_id}}/", parts=member)
    yield run(204, f"DELETE {one}admins/{{user_id}}/", parts=member)
    yield run(200, f"PUT {one}owner/", body=member)
    yield Row(
        f"POST {one}leave/",
        # Who has gone has gone; the owner hands it over first.
        {**of_members(204, "").expected, "owner": 409, "ex_member": 204},
    )
    yield run(204, f"POST {one}disband/")
    yield of_members(
        200,
        f"POST {one}members/",
        # Who is there already is passed over.
        body=lambda world: {"user_ids": [world.silent.id]},
    )
    yield only(
        403,
        ("owner", "member"),
        f"POST {one}members/",
        body=lambda world: {"user_ids": [world.asker.id]},
        about="with somebody who is no friend",
    )
    asker: Make = lambda world: {"user_id": world.asker.id}  # noqa: E731
    yield of_members(200, f"GET {one}links/")
    yield of_members(200, f"POST {one}links/")
    yield of_owner(204, f"DELETE {one}links/{{link_id}}/")
    yield of_members(200, f"GET {one}invitations/")
    yield of_owner(204, f"DELETE {one}invitations/{{user_id}}/", parts=asker)
    yield run(200, f"GET {one}join-requests/")
    yield run(204, f"POST {one}join-requests/{{user_id}}/approve/", parts=asker)
    yield run(204, f"POST {one}join-requests/{{user_id}}/decline/", parts=asker)
    yield own(200, "POST /api/v1/group-joins/", body=lambda world: {"link": world.group_link})
    yield own(200, "GET /api/v1/group-invitations/")
    elsewhere: Make = lambda world: {"conversation_id": world.other_group_id}  # noqa: E731
    yield of_owner(200, "POST /api/v1/group-invitations/{conversation_id}/accept/", parts=elsewhere)
    yield of_owner(204, "POST /api/v1/group-invitations/{conversation_id}/decline/", parts=elsewhere)


def wallet_security() -> Iterator[Row]:
    """Of one's own wallet. Nobody of the matrix has a PIN or a number."""
    pin, code = {"pin": "284913"}, {"challenge": "x", "code": "000000"}
    yield own(200, "GET /api/v1/wallet/security/")
    yield own(201, "POST /api/v1/wallet/pin/", body=json(**pin))
    yield own(403, "PUT /api/v1/wallet/pin/", body=json(current_pin="284913", new_pin="394026"))
    yield own(403, "POST /api/v1/wallet/pin/reset/", body=json(**code))
    yield own(404, "PUT /api/v1/wallet/pin/reset/", body=json(**pin, **code))
    yield own(204, "DELETE /api/v1/wallet/pin/reset/")
    payment = {"kind": "payments.transfer", "payee": "user:1", "amount": {"amount": 1250, "currency": "CNY"}}
    yield own(403, "POST /api/v1/wallet/approvals/", body=json(**pin, **payment))
    yield own(200, "POST /api/v1/wallet/freeze/")
    yield own(403, "POST /api/v1/wallet/unfreeze/", body=json(**pin))


def red_packets() -> Iterator[Row]:
    """One that the owner sent to their group."""
    yield own(200, "GET /api/v1/red-packets/")
    yield own(200, "GET /api/v1/red-packets/year/", query="?year=2026")
    asked = {"kind": "equal", "total": {"amount": 100, "currency": "CNY"}, "parts": 2}
    # Whoever belongs there has no PIN.
    yield only(
        403,
        ("owner", "member"),
        "POST /api/v1/red-packets/",
        body=lambda world: {"conversation_id": str(world.things["conversation_id"]), **asked},
    )
    for part in ("", "claims/"):
        yield of_members(200, f"GET /api/v1/red-packets/{{packet_id}}/{part}")
    yield of_members(200, "POST /api/v1/red-packets/{packet_id}/open/")


def payments_to_products() -> Iterator[Row]:
    """The owner was paid a part of what somebody bought."""
    yield of_owner(200, "GET /api/v1/payments/{payment_id}/")


def wallets() -> Iterator[Row]:
    """Everybody's own; nobody sees a movement in which no wallet of theirs took part."""
    yield own(200, "GET /api/v1/wallet/")
    yield own(200, "GET /api/v1/wallet/statement/", query="?currency=CNY")
    yield own(200, "GET /api/v1/wallet/statement.csv", query="?currency=CNY")
    yield of_owner(200, "GET /api/v1/wallet/statement/{entry_id}/")
    yield own(200, "GET /api/v1/wallet/summary/", query="?currency=CNY&month=2026-11")


ROWS: list[Row] = [
    *accounts(),
    *organisations(),
    *media(),
    *realtime(),
    *people(),
    *notices(),
    *conversations(),
    *groups(),
    *wallet_security(),
    *transfers(),
    *red_packets(),
    *payments_to_products(),
    *wallets(),
]
