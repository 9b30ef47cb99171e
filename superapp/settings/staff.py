"""Who of the staff may see and do what in the admin: the one table, kept here because it knows every room.

A row per model that the admin shows. ``view`` names the roles that may open its pages, every other key an action with
the roles that may run it; its permission is called ``room.action_model``. A superuser may do everything. A page of the
admin without a row fails the tests, and so does a row that no page has. Signing in needs a second factor for all.
"""

#: The groups; a migration of accounts makes them.
SUPPORT, MODERATOR, FINANCE, VERIFIER, OPERATOR = ("support", "moderator", "finance", "verifier", "operator")
STAFF_ROLES = (SUPPORT, MODERATOR, FINANCE, VERIFIER, OPERATOR)
#: For what only a superuser does.
NOBODY: tuple[str, ...] = ()

STAFF_ACCESS: dict[str, dict[str, tuple[str, ...]]] = {
    "core.outboxevent": {"view": (OPERATOR,), "retry": (OPERATOR,)},
    "core.auditentry": {"view": (OPERATOR, MODERATOR), "export": NOBODY},
    "accounts.user": {
        "view": (SUPPORT, MODERATOR, VERIFIER, OPERATOR),
        "sign_out": (SUPPORT, OPERATOR),
        "unlock": (SUPPORT, OPERATOR),
        "ban": (MODERATOR,),
        "unban": (MODERATOR,),
        "reset_second_factor": NOBODY,
    },
    "accounts.dataexport": {"view": (SUPPORT, OPERATOR), "retry": (OPERATOR,)},
    "accounts.erasure": {"view": (SUPPORT, OPERATOR), "retry": (OPERATOR,)},
    "accounts.signincode": {"view": (SUPPORT, OPERATOR)},
    "accounts.organisation": {
        "view": (SUPPORT, MODERATOR, VERIFIER, OPERATOR),
        "approve": (VERIFIER,),
        "refuse": (VERIFIER,),
        "suspend": (MODERATOR,),
        "reinstate": (MODERATOR,),
    },
    "media.asset": {"view": (SUPPORT, MODERATOR)},
    "messaging.conversation": {"view": (SUPPORT, MODERATOR)},
    "ledger.account": {"view": (FINANCE, SUPPORT)},
    "ledger.entry": {"view": (FINANCE, SUPPORT)},
    "ledger.hold": {"view": (FINANCE, SUPPORT)},
    "ledger.check": {"view": (FINANCE, OPERATOR)},
    "payments.wallet": {
        "view": (SUPPORT, MODERATOR, FINANCE),
        "freeze": (MODERATOR, FINANCE),
        "freeze_somebody": (MODERATOR, FINANCE),
        "unfreeze": (FINANCE,),
        "unlock_pin": (SUPPORT, FINANCE),
        "change_tier": (FINANCE,),
    },
    # Whoever may propose may approve, though never what they proposed themselves.
    "payments.adjustment": {
        "view": (SUPPORT, FINANCE),
        "propose": (FINANCE,),
        "approve": (FINANCE,),
        "refuse": (FINANCE,),
    },
    "payments.volume": {"view": (FINANCE,)},
    "payments.transfer": {"view": (SUPPORT, FINANCE)},
    "payments.moneyrequest": {"view": (SUPPORT, FINANCE)},
    "payments.split": {"view": (SUPPORT, FINANCE)},
    "payments.redpacket": {"view": (SUPPORT, FINANCE)},
    "payments.payment": {"view": (SUPPORT, FINANCE)},
    "payments.refund": {"view": (SUPPORT, FINANCE)},
    "safety.report": {"view": (MODERATOR,), "resolve": (MODERATOR,), "dismiss": (MODERATOR,)},
}
