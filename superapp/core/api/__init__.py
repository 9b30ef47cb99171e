"""The plumbing of the REST API. ``Endpoint`` is the one way in: what it declares is validated, shown and documented."""

from superapp.core.api.endpoint import Endpoint, Operation, Shown
from superapp.core.api.paging import Page, paginate

__all__ = ["Endpoint", "Operation", "Page", "Shown", "paginate"]
