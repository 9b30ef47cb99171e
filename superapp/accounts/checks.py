"""What `manage.py check --deploy --database default` asks before strangers come."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register

from superapp.accounts.models import User


@register(Tags.database, deploy=True)
def nobody_is_of_the_demo(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Their passwords stand in the documentation, and one of them is an administrator."""
    if not any(User.objects.using(alias).filter(is_demo=True).exists() for alias in databases or ()):
        return []
    return [
        Error(
            "There are demo people in this database, whose password everybody knows.",
            hint="Start production with a database of its own; DEMO_DATA belongs to machines of developers.",
            id="superapp.accounts.E001",
        )
    ]
