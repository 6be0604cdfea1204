"""The company's own pages: registering it, its people and papers, its notices, and the overview."""

from django.urls import URLPattern, URLResolver, path

from loanfund.portal.company import views

open_pages: list[URLPattern | URLResolver] = [path("", views.home, name="home")]
partner_pages: list[URLPattern | URLResolver] = [
    path("", views.overview, name="overview"),
    path("company/", views.company, name="company"),
    path("notices/", views.notices, name="notices"),
]
