"""The one place where an application changes its state, under its row lock and by the table of transitions."""

from datetime import date

from django.db.models import Model

from loanfund.audit.errors import Refused
from loanfund.audit.services import record
from loanfund.origination.models import Application
from loanfund.origination.models.states import TRANSITIONS, State
from loanfund.parties.models import User


def locked_application(application: Application) -> Application:
    """The application as it is now, locked until the transaction ends."""
    found = Application.objects.select_for_update(of=("self",)).select_related(
        "fund", "partner", "partner__group"
    )
    return found.get(pk=application.pk)


def may_move(application: Application, action: str) -> bool:
    """Whether the table of transitions leads on from the application's state by this action."""
    return application.state in TRANSITIONS[action].sources


def must_move(application: Application, action: str) -> None:
    """Refused when the action does not start from the application's state."""
    if not may_move(application, action):
        raise Refused(
            f"{application.number} is {application.get_state_display()}, so you cannot {action.replace('_', ' ')} now.",
            code="state",
        )


def move(
    application: Application,
    action: str,
    *,
    actor: User | None,
    on: date,
    reason: str = "",
    fields: tuple[str, ...] = (),
) -> None:
    """Take one action on a locked application: state, date, the other `fields` already set on it, and the audit row."""
    must_move(application, action)
    before = application.state
    application.state = TRANSITIONS[action].target
    application.state_since = on
    application.save(update_fields=["state", "state_since", *fields])
    record(
        actor=actor,
        action=f"application.{action}",
        obj=application,
        on=on,
        before={"state": before},
        after={
            "state": State(application.state).value,
            **{name: _shown(application, name) for name in fields},
        },
        reason=reason,
    )


def _shown(application: Application, name: str) -> object:
    value = getattr(application, name)
    return value.pk if isinstance(value, Model) else value


def must_say(text: str, what: str, field: str = "reason") -> str:
    """The text without its outer spaces. Refused when nothing is left."""
    if not text.strip():
        raise Refused(f"Say {what}.", field=field)
    return text.strip()
