"""The admin on its own: ``@pytest.mark.urls("tests.core.admin_site")``, without what guards it in production."""

from django.urls import include, path
from unfold.sites import UnfoldAdminSite

from superapp.core.admin import AuditEntryAdmin, OutboxEventAdmin
from superapp.core.models import AuditEntry, OutboxEvent

site = UnfoldAdminSite(name="admin")
site.register(AuditEntry, AuditEntryAdmin)
site.register(OutboxEvent, OutboxEventAdmin)
# Every page of the admin links to the recovery codes of whoever sees it.
urlpatterns = [path("admin/", site.urls), path("account/", include("superapp.accounts.staff.urls"))]
