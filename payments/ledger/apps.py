from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class LedgerConfig(AppConfig):
    name = "payments.ledger"
    label = "ledger"
    verbose_name = _("Ledger")

    def ready(self) -> None:
        from payments.ledger import functions, services, watch
        from superapp.core import health

        health.register("ledger", functions.make_sure)
        services.register_loop()
        watch.register()
        post_migrate.connect(_open_house_accounts, sender=self)


def _open_house_accounts(using: str, plan: Any, **kwargs: Any) -> None:
    """Whatever was registered since the last time, in currencies that came since."""
    from payments.ledger import services

    services.open_house_accounts(using=using)
