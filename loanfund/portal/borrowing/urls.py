"""Facilities, loans, drawdowns and statements."""

from django.urls import URLPattern, URLResolver, path

from loanfund.portal.borrowing import views

partner_pages: list[URLPattern | URLResolver] = [
    path("facilities/", views.facilities, name="facilities"),
    path("statements/", views.statements, name="statements"),
]
