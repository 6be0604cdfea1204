"""What this person was told, with the way to what it is about."""

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from loanfund.parties.models import Notice
from loanfund.parties.selectors import notices_of
from loanfund.parties.services import mark_all_read, mark_read
from loanfund.portal.access import Visit, partner_page, show
from loanfund.portal.company.links import page_in

ON_A_PAGE = 25


@partner_page
def notices(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Everything told to this person about the company and about themselves, the newest first."""
    told = notices_of(visit.user, visit.partner)
    page = Paginator(told, ON_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "lines": [(notice, _leads(notice, visit.partner.number)) for notice in page],
        "unread": told.filter(read_at__isnull=True).count(),
    }
    return show(request, visit, "portal/company/notices.html", context)


@partner_page
@require_POST
def open_notice(request: HttpRequest, visit: Visit, notice: int) -> HttpResponse:
    """Mark one notice as read and lead to what it is about."""
    found = get_object_or_404(notices_of(visit.user, visit.partner), pk=notice)
    mark_read(notice=found, actor=visit.user, now=timezone.now())
    return redirect(_way(found, visit.partner.number))


def _leads(notice: Notice, partner: str) -> bool:
    """Whether a notice leads anywhere but to the notices."""
    return _way(notice, partner) != reverse("portal:notices", args=[partner])


def _way(notice: Notice, partner: str) -> str:
    """Where a notice leads: its own link, the page of what it names, or back to the notices."""
    if notice.link and url_has_allowed_host_and_scheme(notice.link, allowed_hosts=None):
        return notice.link
    named = page_in(partner, f"{notice.subject} {notice.body}") if notice.partner_id else ""
    return named or reverse("portal:notices", args=[partner])


@partner_page
@require_POST
def read_all(request: HttpRequest, visit: Visit) -> HttpResponse:
    """Mark everything as read."""
    mark_all_read(actor=visit.user, partner=visit.partner, now=timezone.now())
    return redirect("portal:notices", number=visit.partner.number)
