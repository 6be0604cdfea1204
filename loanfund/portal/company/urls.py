"""The company's own pages: registering it, its people and papers, its notices, and the overview."""

from django.urls import URLPattern, URLResolver, path

from loanfund.portal.company import (
    details,
    keys,
    notices,
    overview,
    owners,
    papers,
    people,
    registering,
    settlement,
)

open_pages: list[URLPattern | URLResolver] = [
    path("", registering.home, name="home"),
    path("companies/new/", registering.register, name="register"),
    path("invitations/<str:token>/", registering.invitation, name="invitation"),
]
partner_pages: list[URLPattern | URLResolver] = [
    path("", overview.overview, name="overview"),
    path("notices/", notices.notices, name="notices"),
    path("notices/read/", notices.read_all, name="read_all"),
    path("notices/<int:notice>/", notices.open_notice, name="open_notice"),
    path("company/", details.company, name="company"),
    path("company/details/", details.details, name="details"),
    path("company/people/", people.people, name="people"),
    path("company/people/invite/", people.invite_person, name="invite"),
    path("company/people/<int:member>/", people.member, name="member"),
    path("company/people/<int:member>/end/", people.end_place, name="end_place"),
    path("company/invitations/<int:invitation>/withdraw/", people.uninvite, name="uninvite"),
    path("company/papers/", papers.papers, name="papers"),
    path("company/papers/files/<int:paper>/", papers.paper_file, name="paper_file"),
    path("company/papers/<str:kind>/", papers.paper, name="paper"),
    path("company/owners/", owners.owners, name="owners"),
    path("company/owners/new/", owners.name_owner, name="name_owner"),
    path("company/owners/<int:owner>/end/", owners.end_owner, name="end_owner"),
    path("company/accounts/", settlement.accounts, name="accounts"),
    path("company/accounts/new/", settlement.name_account, name="name_account"),
    path("company/accounts/<int:account>/", settlement.account, name="account"),
    path("company/keys/", keys.keys, name="keys"),
    path("company/keys/new/", keys.make_key, name="make_key"),
    path("company/keys/<int:key>/end/", keys.end_key, name="end_key"),
    path("company/accounts/<int:account>/retire/", settlement.retire_account, name="retire_account"),
]
