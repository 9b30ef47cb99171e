"""The demo city: about forty people who know each other and have been talking for weeks.

Who they are and what they say is in ``people``, ``friends`` and ``conversations``; ``seeding`` puts them where they are
missing. `manage.py seed` does it, only where ``DEMO_DATA`` is set.
"""

from superapp.client.talk import DEMO_PASSWORD
from superapp.localdev.demo.sign_ins import card

__all__ = ["DEMO_PASSWORD", "card"]
