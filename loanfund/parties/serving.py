"""What every face does alike: hand out a stored file, read the id of a request."""

import uuid

from django.http import FileResponse, HttpRequest

from loanfund.audit.errors import Refused
from loanfund.parties.models import StoredFile
from loanfund.parties.services import read_file


def attachment(stored: StoredFile) -> FileResponse:
    """The file as a download that no browser opens as a page. The caller has checked the right to it.

    Raises Refused when its bytes are gone or were changed.
    """
    answer = FileResponse(
        read_file(stored), as_attachment=True, filename=stored.name, content_type=stored.content_type
    )
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def request_key(request: HttpRequest) -> str:
    """The id that the form carries (`components/request_id.html`), for a service's `key`.

    Refused when it is missing or made up, so that no act goes without one.
    """
    try:
        return str(uuid.UUID(request.POST.get("request_id", "")))
    except ValueError as error:
        raise Refused("This form has lost its number. Open the page again and send it once more.") from error
