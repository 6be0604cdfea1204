"""The partner's REST interface, version 1."""

from django.urls import URLPattern, URLResolver, path, re_path
from drf_spectacular.views import SpectacularJSONAPIView

from loanfund.api import applications, borrowing, company, statements
from loanfund.api.documents import SETTINGS
from loanfund.api.problems import nowhere

app_name = "api"

urlpatterns: list[URLPattern | URLResolver] = [
    path(
        "openapi.json",
        SpectacularJSONAPIView.as_view(
            custom_settings=SETTINGS, authentication_classes=[], permission_classes=[]
        ),
        name="openapi",
    ),
    path("partner", company.PartnerPage.as_view(), name="partner"),
    path("settlement-accounts", company.Accounts.as_view(), name="settlement_accounts"),
    path("applications", applications.Applications.as_view(), name="applications"),
    path("applications/<str:number>", applications.OneApplication.as_view(), name="application"),
    path("applications/<str:number>/papers", applications.Papers.as_view(), name="papers"),
    path("applications/<str:number>/liquidations", applications.Liquidations.as_view(), name="liquidations"),
    path("applications/<str:number>/submit", applications.Submit.as_view(), name="submit"),
    path("applications/<str:number>/withdraw", applications.Withdraw.as_view(), name="withdraw"),
    path("applications/<str:number>/questions", applications.Questions.as_view(), name="questions"),
    path(
        "applications/<str:number>/questions/<int:question>/answers",
        applications.Answers.as_view(),
        name="answers",
    ),
    path("offers", applications.Offers.as_view(), name="offers"),
    path("offers/<str:number>", applications.OneOffer.as_view(), name="offer"),
    path("facilities", borrowing.Facilities.as_view(), name="facilities"),
    path("facilities/<str:number>", borrowing.OneFacility.as_view(), name="facility"),
    path("facilities/<str:number>/dues", borrowing.Dues.as_view(), name="dues"),
    path("facilities/<str:number>/schedule", borrowing.Schedule.as_view(), name="schedule"),
    path("facilities/<str:number>/drawdowns", borrowing.Drawdowns.as_view(), name="drawdowns"),
    path("drawdowns/<str:number>", borrowing.OneDrawdown.as_view(), name="drawdown"),
    path("drawdowns/<str:number>/cancel", borrowing.CancelDrawdown.as_view(), name="cancel_drawdown"),
    path("statement", statements.StatementFile.as_view(), name="statement"),
    re_path(r"^(?P<rest>.*)$", nowhere, name="nowhere"),
]
