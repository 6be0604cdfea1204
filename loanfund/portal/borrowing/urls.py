"""Facilities, loans, drawdowns, payments and statements."""

from django.urls import URLPattern, URLResolver, path

from loanfund.portal.borrowing import (
    acts,
    asking,
    conditions,
    drawdowns,
    facilities,
    loans,
    payments,
    statements,
)

partner_pages: list[URLPattern | URLResolver] = [
    path("facilities/", facilities.facilities, name="facilities"),
    path("facilities/<str:facility>/", facilities.facility, name="facility"),
    path("facilities/<str:facility>/conditions/", conditions.conditions, name="conditions"),
    path("facilities/<str:facility>/conditions/<int:position>/", conditions.condition, name="condition"),
    path("facilities/<str:facility>/drawdowns/new/", drawdowns.drawdown_new, name="drawdown_new"),
    path("facilities/<str:facility>/payments/", payments.payments, name="payments"),
    path("facilities/<str:facility>/payoff/", payments.payoff, name="facility_payoff"),
    path("facilities/<str:facility>/cancel/", acts.cancel_commitment, name="cancel_commitment"),
    path("facilities/<str:facility>/ask/", asking.asks, name="asks"),
    path("facilities/<str:facility>/ask/<slug:what>/", asking.ask, name="ask"),
    path("requests/<str:ask>/", asking.request_page, name="request"),
    path("requests/<str:ask>/<slug:which>/", asking.request_file, name="request_file"),
    path("facilities/<str:facility>/requests/<str:instruction>/", acts.instruction, name="instruction"),
    path("drawdowns/<str:drawdown>/", drawdowns.drawdown, name="drawdown"),
    path("drawdowns/<str:drawdown>/cancel/", drawdowns.cancel, name="drawdown_cancel"),
    path("loans/<str:loan>/", loans.loan, name="loan"),
    path("loans/<str:loan>/explain/", loans.explain, name="explain"),
    path("loans/<str:loan>/what-if/", loans.what_if, name="what_if"),
    path("loans/<str:loan>/prepay/", acts.prepay, name="prepay"),
    path("statements/", statements.statements, name="statements"),
    path("statements/<int:kept>/", statements.month, name="month_statement"),
]
