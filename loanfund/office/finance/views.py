"""The finance desk: statements and reports."""

from django.http import HttpRequest, HttpResponse

from loanfund.office.pages import page, show
from loanfund.parties import roles


@page("statements/", name="statements", readers=(roles.FINANCE,), menu="Statements", section="Finance")
def statements(request: HttpRequest) -> HttpResponse:
    """Interest statements to take out."""
    return show(request, "office/finance/statements.html", title="Interest statements")
