"""From an application to a signed offer."""

from django.urls import URLPattern, URLResolver, path

from loanfund.portal.applying import views

partner_pages: list[URLPattern | URLResolver] = [
    path("applications/", views.applications, name="applications"),
]
