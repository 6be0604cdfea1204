"""The committee's year in the demo: what comes back to it after signing, its meetings, and what borrowers ask for."""

from datetime import date, timedelta
from decimal import Decimal

from loanfund.facilities.models import Facility
from loanfund.facilities.selectors import current_terms
from loanfund.office.demo.stage import Stage
from loanfund.origination import services as origination
from loanfund.origination.models import Meeting, Proposal
from loanfund.parties.models import User
from loanfund.reporting.services.confirmations import confirm_balance
from loanfund.servicing import services as servicing
from loanfund.servicing.models import BorrowerRequest, HandJournal, Instruction, Loan, Receipt
from loanfund.servicing.services.instructions import content, content_digest

HOLIDAY, LOSS, CHEAPER = 8, 7, 11
"""The companies with a payment holiday, with a write-off that is declined, and with an amendment that is voted on."""
FRIEND = 24
"""The company in which a member of the committee has an interest."""


def plan_room(stage: Stage) -> None:
    """Put the committee's year on the calendar of the demo."""
    room = Room(stage)
    acts = {
        date(2026, 5, 11): room.holiday_asked,
        date(2026, 5, 13): room.holiday_tabled,
        date(2026, 5, 21): room.holiday_decided,
        date(2026, 6, 30): room.bank_charge,
        date(2026, 7, 6): room.loss_tabled,
        date(2026, 7, 16): room.loss_declined,
        date(2026, 7, 20): room.next_meeting,
        date(2026, 7, 22): room.allowance,
        date(2026, 7, 30): room.conflict,
        date(2026, 8, 4): room.small_requests,
        date(2026, 8, 19): room.amendment_tabled,
        date(2026, 8, 21): room.last_day,
    }
    for day, act in acts.items():
        stage.later(day, act)


class Room:
    """What the people around the committee do, each on its day."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.meeting: Meeting
        self.matter: Proposal
        self.instruction: Instruction

    # --- Who and what ----------------------------------------------------------------------------------------------

    def facility(self, company: int) -> Facility:
        return Facility.objects.select_related("fund", "partner").get(partner=self.stage.partners[company])

    def owner(self, company: int) -> User:
        return self.stage.people[company][0]

    def first_loan(self, facility: Facility) -> Loan:
        return Loan.objects.filter(facility=facility).earliest("disbursed_on")

    def meet(self, held_on: date, title: str) -> Meeting:
        return origination.schedule_meeting(
            committee=self.stage.committee,
            held_on=held_on,
            title=title,
            actor=self.stage.staff["chair"],
            on=self.stage.today,
        )

    def put(self, summary: str) -> None:
        """The instruction at hand comes before the meeting at hand."""
        one = self.instruction
        self.matter = origination.propose_reserved(
            facility=one.facility,
            committee=self.stage.committee,
            kind=one.kind,
            summary=summary,
            document=content(one),
            preparer=one.maker,
            amount=one.amount,
            meeting=self.meeting,
            actor=self.stage.staff["analyst"],
            on=self.stage.today,
        )

    def vote(self, choices: dict[str, tuple[str, str]]) -> None:
        """The vote on the matter at hand: who, what, why."""
        stage = self.stage
        matter = Proposal.objects.get(pk=self.matter.pk)
        if matter.state == Proposal.State.TABLED:
            matter = origination.open_voting(proposal=matter, actor=stage.staff["chair"], on=stage.today)
        for login, (choice, reason) in choices.items():
            origination.cast_vote(
                proposal=matter,
                choice=choice,
                reason=reason,
                seen_digest=matter.digest,
                actor=stage.staff[login],
                on=stage.today,
            )

    def minute(self, minutes: str) -> None:
        origination.write_minutes(
            meeting=self.meeting, minutes=minutes, actor=self.stage.staff["chair"], on=self.stage.today
        )

    def ask(self, company: int, kind: str, day: date, text: str, **given: object) -> BorrowerRequest:
        return servicing.ask_lender(
            facility=self.facility(company),
            kind=kind,
            day=day,
            text=text,
            actor=self.owner(company),
            on=self.stage.today,
            **given,  # type: ignore[arg-type] # each kind's own entries
        )

    # --- A payment holiday: asked for, consented to, allowed, booked -----------------------------------------------

    def holiday_asked(self) -> None:
        loan = self.first_loan(self.facility(HOLIDAY))
        self.request = self.ask(
            HOLIDAY,
            "payment_holiday",
            date(2026, 6, 1),
            "Two of our venues pay out only in the autumn. We ask for three months without instalments.",
            loan=loan,
            until=date(2026, 8, 31),
        )

    def holiday_tabled(self) -> None:
        stage = self.stage
        answered = servicing.answer_request(
            request=self.request,
            answer="We put it to the committee; please consent to the terms in the portal.",
            actor=stage.staff["maker"],
            on=stage.today,
        )
        assert answered.instruction is not None
        self.instruction = servicing.consent_to_instruction(
            instruction=answered.instruction,
            seen_digest=answered.instruction.proposed_digest,
            actor=self.owner(HOLIDAY),
            on=stage.today,
        )
        self.meeting = self.meet(date(2026, 5, 21), "Meeting of May")
        self.put("Three months without instalments: two venues pay out in the autumn, interest goes on.")

    def holiday_decided(self) -> None:
        self.vote(
            {
                "chair": ("approve", "The money is certain, only late."),
                "member1": ("approve", "The borrower told us in time."),
                "member2": ("approve", "Interest goes on, so nothing is given away."),
            }
        )
        self.minute(
            "Present: Haven (chair), Strand, Quay.\n"
            f"{self.matter.number}: the holiday is allowed. The analyst reports on the two venues in September."
        )
        self.book(self.instruction)

    def book(self, instruction: Instruction) -> None:
        servicing.book_instruction(
            instruction=instruction,
            seen_digest=content_digest(instruction),
            actor=self.stage.staff["checker"],
            on=self.stage.today,
        )

    # --- A write-off that the committee declines, and an allowance instead ------------------------------------------

    def loss_tabled(self) -> None:
        stage = self.stage
        self.instruction = servicing.propose_instruction(
            kind="write_off",
            facility=self.facility(LOSS),
            value_date=stage.today,
            reason="Nothing was paid since May and letters come back.",
            details={"cancel_undrawn": True},
            actor=stage.staff["maker"],
            on=stage.today,
        )
        self.meeting = self.meet(date(2026, 7, 16), "Meeting of July")
        self.put("Write the facility off: nothing was paid since May.")

    def loss_declined(self) -> None:
        self.vote(
            {
                "chair": ("approve", "I see no way in which this is repaid."),
                "member1": ("decline", "The owner answers again; wait for the sale of the rigs."),
                "member2": ("decline", "An allowance says the same and gives nothing up."),
                "member3": ("decline", "Too early: the venue's administrator reports in October."),
            }
        )
        self.minute(
            "Present: all four members.\n"
            f"{self.matter.number}: declined. Finance proposes an allowance; operations asks again in October."
        )
        servicing.refuse_instruction(
            instruction=self.instruction,
            reason=f"{self.matter.number} was declined.",
            actor=self.stage.staff["checker"],
            on=self.stage.today,
        )

    def allowance(self) -> None:
        facility = self.facility(LOSS)
        lent = sum((loan.amount for loan in facility.loans.all()), Decimal(0))
        self.journal(
            HandJournal.Kind.ALLOWANCE, (lent / 2).quantize(Decimal(1)), "Decision of July", facility
        )

    def journal(
        self,
        kind: str,
        amount: Decimal,
        reference: str,
        facility: Facility | None = None,
        *,
        book: bool = True,
    ) -> None:
        stage = self.stage
        made = servicing.propose_journal(
            fund=stage.fund,
            kind=kind,
            amount=amount,
            value_date=stage.today,
            reference=reference,
            reason="As the committee asked." if facility else "The bank's fees of the quarter.",
            facility=facility,
            actor=stage.staff["finance"],
            on=stage.today,
        )
        if book:
            servicing.book_journal(
                journal=made,
                seen_digest=made.proposed_digest,
                actor=stage.staff["finance2"],
                on=stage.today,
            )

    def bank_charge(self) -> None:
        self.journal(HandJournal.Kind.BANK_CHARGE, Decimal("145.50"), "FEES Q2 2026")

    # --- The next meeting ------------------------------------------------------------------------------------------

    def next_meeting(self) -> None:
        self.meeting = self.stage.next_meeting = self.meet(date(2026, 8, 27), "Meeting of August")

    def conflict(self) -> None:
        origination.declare_conflict(
            user=self.stage.staff["member3"],
            partner=self.stage.company(FRIEND),
            reason="My sister is its treasurer.",
            actor=self.stage.staff["member3"],
            on=self.stage.today,
        )

    def amendment_tabled(self) -> None:
        stage, facility = self.stage, self.facility(CHEAPER)
        document = {**current_terms(facility).document, "grace_days": 10}
        proposed = servicing.propose_instruction(
            kind="amendment",
            facility=facility,
            value_date=date(2026, 9, 1),
            reason="The borrower's bank settles only once a week.",
            details={"terms": document},
            actor=stage.staff["maker"],
            on=stage.today,
        )
        self.instruction = servicing.consent_to_instruction(
            instruction=proposed,
            seen_digest=proposed.proposed_digest,
            actor=self.owner(CHEAPER),
            on=stage.today,
        )
        self.put("Ten days of grace instead of the usual ones: the borrower's bank settles once a week.")
        self.vote({"chair": ("approve", "It costs us nothing.")})

    # --- What borrowers ask for ------------------------------------------------------------------------------------

    def small_requests(self) -> None:
        stage = self.stage
        holiday = self.ask(
            9,
            "payment_holiday",
            date(2026, 9, 1),
            "The summer was slow.",
            loan=self.first_loan(self.facility(9)),
            until=date(2026, 10, 30),
        )
        servicing.answer_request(
            request=holiday,
            answer="A slow summer alone is no ground for it. Call us before the next due date.",
            declined=True,
            actor=stage.staff["maker"],
            on=stage.today,
        )
        taken_back = self.ask(2, "balance_confirmation", date(2026, 6, 30), "For our auditors.")
        servicing.withdraw_request(request=taken_back, actor=self.owner(2), on=stage.today)
        audited = self.ask(3, "balance_confirmation", date(2026, 6, 30), "For our auditors, year to June.")
        confirm_balance(
            request=audited,
            answer="Here it is; your auditors may write to us about it.",
            actor=stage.staff["finance"],
            on=stage.today,
            now=stage.now,
        )
        receipt = Receipt.objects.filter(facility=self.facility(1), state=Receipt.State.BOOKED).latest("pk")
        told = self.ask(
            1, "payment_report", receipt.value_date, "", amount=receipt.amount, reference="WIRE 88-2210"
        )
        servicing.answer_request(
            request=told, answer="It is in.", receipt=receipt, actor=stage.staff["finance"], on=stage.today
        )

    def last_day(self) -> None:
        """What waits for an answer on the demo's business date."""
        today = self.stage.today
        self.ask(
            5,
            "payment_report",
            today - timedelta(days=1),
            "Sent yesterday, for the due of September.",
            amount=Decimal(18_250),
            reference="WIRE 88-3904",
        )
        self.ask(12, "balance_confirmation", today - timedelta(days=1), "For our auditors.")
        self.journal(HandJournal.Kind.BANK_CHARGE, Decimal("48.00"), "FEES AUGUST 2026", book=False)
