"""The operations desk: drawdowns, receipts, instructions and closes."""

from django.http import HttpRequest, HttpResponse

from loanfund.office.pages import page, show


@page("drawdowns/", name="drawdowns", menu="Drawdowns", section="Operations")
def drawdowns(request: HttpRequest) -> HttpResponse:
    """Every drawdown that waits for somebody."""
    return show(request, "office/operations/drawdowns.html", title="Drawdowns")
