"""The partner's pages: everything of a partner lies beneath its number."""

from django.urls import URLPattern, URLResolver, include, path

from loanfund.portal.applying import urls as applying
from loanfund.portal.borrowing import urls as borrowing
from loanfund.portal.company import urls as company

app_name = "portal"

urlpatterns: list[URLPattern | URLResolver] = [
    *company.open_pages,
    path("partners/<str:number>/", include(company.partner_pages)),
    path("partners/<str:number>/", include(applying.partner_pages)),
    path("partners/<str:number>/", include(borrowing.partner_pages)),
]
