"""What must hold of partners, their people and their papers beyond what one row's constraints can say."""

from django.core.files.storage import default_storage
from django.db.models import Count, F, Q, Sum

from loanfund.audit.invariants import Break, Finding, Invariant
from loanfund.audit.models import AuditEvent
from loanfund.parties.models import BeneficialOwner, KybPaper, Membership, Partner, StoredFile, User


def owners_hold_at_most_all() -> Finding:
    """The beneficial owners of a partner together hold no more than 100 per cent."""
    open_rows = BeneficialOwner.objects.filter(ended_on__isnull=True)
    sums = open_rows.values("partner_id", "partner__number").annotate(held=Sum("share"))
    breaks = [
        Break(
            f"parties_partner:{row['partner_id']}", f"{row['partner__number']} is owned to {row['held']} %."
        )
        for row in sums.filter(held__gt=100)
    ]
    return Finding("owners hold at most all", len(sums), breaks)


def partners_have_an_owner() -> Finding:
    """Every partner has somebody who may invite and remove people."""
    owning = Q(memberships__role=Membership.Role.OWNER, memberships__ended_on__isnull=True)
    partners = Partner.objects.annotate(owning=Count("memberships", filter=owning))
    breaks = [
        Break(f"parties_partner:{one.pk}", f"{one.number} has no owner left in the portal.")
        for one in partners.filter(owning=0)
    ]
    return Finding("partners have an owner", partners.count(), breaks)


def papers_are_the_files_that_were_checked() -> Finding:
    """A paper's proposed digest is that of its file, which belongs to the same partner."""
    papers = KybPaper.objects.select_related("file")
    wrong = papers.exclude(proposed_digest=F("file__sha256")) | papers.exclude(file__partner=F("partner"))
    breaks = [
        Break(f"parties_kybpaper:{one.pk}", f"{one} rests on another file than was put forward.")
        for one in wrong
    ]
    return Finding("papers are the files that were checked", papers.count(), breaks)


def stored_files_are_there() -> Finding:
    """Every stored file lies in the document store with its size; its digest is compared whenever it is read."""
    breaks, seen = [], 0
    for path, size, key in StoredFile.objects.values_list("path", "size", "pk").iterator():
        seen += 1
        if not default_storage.exists(path):
            breaks.append(
                Break(f"parties_storedfile:{key}", "Its bytes are missing from the document store.")
            )
        elif default_storage.size(path) != size:
            breaks.append(
                Break(f"parties_storedfile:{key}", "Its bytes have another length than was stored.")
            )
    return Finding("stored files are there", seen, breaks)


def roles_are_those_that_were_given() -> Finding:
    """Everybody holds the lender's roles that the log last gave them, and nobody holds one that it did not."""
    given: dict[str, list[str]] = {}
    log = AuditEvent.objects.filter(action="user.roles_changed").order_by("id")
    for key, after in log.values_list("object_id", "after"):
        given[key] = (after or {})["roles"]
    people = User.objects.filter(
        Q(is_staff=True) | Q(groups__isnull=False) | Q(pk__in=list(given))
    ).distinct()
    breaks = []
    for person in people.prefetch_related("groups"):
        held, due = sorted(group.name for group in person.groups.all()), given.get(str(person.pk), [])
        if held != due or person.is_staff != bool(due):
            sentence = f"{person.email} holds {held or 'nothing'} and was given {due or 'nothing'}."
            breaks.append(Break(f"parties_user:{person.pk}", sentence))
    return Finding("roles are those that were given", len(people), breaks)


INVARIANTS: list[Invariant] = [
    owners_hold_at_most_all,
    partners_have_an_owner,
    papers_are_the_files_that_were_checked,
    stored_files_are_there,
    roles_are_those_that_were_given,
]
