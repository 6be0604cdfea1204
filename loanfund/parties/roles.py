"""The lender's roles, as names of groups. A migration makes the groups; `rules` and services ask for them."""

ANALYST = "Analyst"
COMMITTEE_MEMBER = "Committee member"
CHAIR = "Chair"
OPERATIONS_MAKER = "Operations maker"
OPERATIONS_CHECKER = "Operations checker"
FINANCE = "Finance"
AUDITOR = "Auditor"
ADMINISTRATOR = "Administrator"

ALL = (
    ANALYST,
    COMMITTEE_MEMBER,
    CHAIR,
    OPERATIONS_MAKER,
    OPERATIONS_CHECKER,
    FINANCE,
    AUDITOR,
    ADMINISTRATOR,
)
