"""From an application to a signed offer."""

from django.urls import URLPattern, URLResolver, path

from loanfund.portal.applying import answering, drafting, evidence, handing_in, offers, papers, views

ONE = "applications/<str:application>/"

partner_pages: list[URLPattern | URLResolver] = [
    path("applications/", views.applications, name="applications"),
    path("applications/new/", drafting.new, name="application_new"),
    path("applications/liquidations.csv", evidence.template_file, name="liquidations_template"),
    path(ONE, views.application, name="application"),
    path(f"{ONE}request/", drafting.request_page, name="application_request"),
    path(f"{ONE}purpose/", drafting.purpose, name="application_purpose"),
    path(f"{ONE}terms/", drafting.terms, name="application_terms"),
    path(f"{ONE}liquidations/", evidence.liquidations, name="application_liquidations"),
    path(f"{ONE}papers/", papers.papers, name="application_papers"),
    path(f"{ONE}papers/<slug:kind>/", papers.paper, name="application_paper"),
    path(f"{ONE}papers/files/<int:paper>/", papers.paper_file, name="application_paper_file"),
    path(f"{ONE}check/", handing_in.check, name="application_check"),
    path(f"{ONE}receipt/", handing_in.receipt, name="application_receipt"),
    path(f"{ONE}withdraw/", handing_in.withdraw, name="application_withdraw"),
    path(f"{ONE}thread/", answering.thread_page, name="application_thread"),
    path(f"{ONE}thread/<int:question>/", answering.answer, name="application_answer"),
    path(f"{ONE}thread/files/<int:file>/", answering.thread_file, name="application_thread_file"),
    path(f"{ONE}offer/", offers.offer, name="offer"),
    path(f"{ONE}offer/decline/", offers.decline, name="offer_decline"),
    path(f"{ONE}offer/text/", offers.text_file, name="offer_text"),
    path(f"{ONE}offer/document/", offers.document_file, name="offer_document"),
]
