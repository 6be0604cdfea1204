"""Playing the demo: each business day its acts, through the services that people use, then its close."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import partial

from django.db.models import F, Sum

from loanfund.calculation.money import currency, round_decimal
from loanfund.facilities.models import ConditionPrecedent, Facility, Fund
from loanfund.facilities.programme import programme_values
from loanfund.facilities.selectors import conditions_standing
from loanfund.facilities.services import (
    accept_evidence,
    confirm_policy,
    open_fund,
    propose_policy,
    show_condition,
)
from loanfund.office.demo.room import plan_room
from loanfund.office.demo.script import (
    BUSINESS_DATE,
    FUND_CODE,
    OPENED,
    STAFF,
    Plan,
    plans,
)
from loanfund.office.demo.stage import CALENDAR, Stage
from loanfund.office.demo.waiting import plan_last_days
from loanfund.origination import services as origination
from loanfund.origination.models import Application, Proposal, Question
from loanfund.parties import roles
from loanfund.parties import services as parties
from loanfund.reference.selectors import calendar
from loanfund.reference.services import (
    ensure_calendars,
    ensure_reference_rates,
    ensure_shipped_fixings,
)
from loanfund.reporting.services import export_statement
from loanfund.servicing import services as servicing
from loanfund.servicing.models import Allocation, Drawdown, Due, Loan, Receipt
from loanfund.servicing.selectors.facilities import dues
from loanfund.servicing.services.instructions import content_digest


class Demo(Stage):
    """The fund and everything that happens to it, day by day."""

    def open(self) -> None:
        """The first day: people, calendars, fixings, the fund, its policy, its committee, the companies."""
        for login, name, held in STAFF:
            person = parties.create_person(
                email=f"{login}@demo.example", name=name, password=None, actor=None, on=OPENED
            )
            parties.set_first_roles(person=person, names=held, on=OPENED)
            self.staff[login] = person
        ensure_calendars()
        ensure_reference_rates()
        # The real fixings come all at once: each is due long before the close that needs it.
        loaded_at = datetime.combine(BUSINESS_DATE, time(14), UTC)
        ensure_shipped_fixings(known_at=loaded_at, on=OPENED)
        admin, second = self.staff["admin"], self.staff["admin2"]
        self.fund = open_fund(
            code=FUND_CODE,
            name="Harbour Recovery Fund",
            currency="USD",
            size=Decimal(100_000_000),
            calendar=CALENDAR,
            receipt_cut_off=time(17),
            actor=admin,
            on=OPENED,
            auto_close=False,
        )
        policy = propose_policy(
            fund=self.fund, values=programme_values(), effective_from=OPENED, actor=admin, on=OPENED
        )
        confirm_policy(policy=policy, seen_digest=policy.proposed_digest, actor=second, on=OPENED)
        self.committee = origination.form_committee(
            fund=self.fund, name="Fund committee", actor=admin, on=OPENED
        )
        for login, role in (
            ("chair", "chair"),
            ("member1", "member"),
            ("member2", "member"),
            ("member3", "member"),
        ):
            seat = origination.propose_seat(
                committee=self.committee,
                user=self.staff[login],
                role=role,
                joined_on=OPENED,
                actor=admin,
                on=OPENED,
            )
            origination.confirm_seat(seat=seat, actor=second, on=OPENED)
        for plan in plans(self.seed):
            self.later(plan.begins, partial(self.begin, plan))
        self.later(date(2026, 2, 2), self.hire)
        self.later(date(2026, 8, 3), self.july_statements)
        plan_room(self)
        plan_last_days(self)

    def hire(self) -> None:
        """A second person joins the finance desk; two administrators see to it."""
        person = parties.create_person(
            email="finance2@demo.example", name="Fay Ance", password=None, actor=None, on=self.today
        )
        change = parties.propose_roles(
            person=person,
            names=[roles.FINANCE],
            reason="Joins the finance desk.",
            actor=self.staff["admin"],
            on=self.today,
        )
        parties.confirm_roles(change=change, actor=self.staff["admin2"], on=self.today)
        self.staff["finance2"] = person

    def july_statements(self) -> None:
        """Finance takes out July for the auditors of the first three borrowers."""
        for facility in Facility.objects.filter(fund=self.fund).order_by("number")[:3]:
            export_statement(
                actor=self.staff["finance"],
                on=self.today,
                subject=facility,
                first_day=date(2026, 7, 1),
                last_day=date(2026, 7, 31),
                fmt="csv",
            )

    def play(self, through: date = BUSINESS_DATE) -> None:
        """Every day until `through` is the business date."""
        while True:
            for act in self.acts.pop(self.today, []):
                act()
            self.collect()
            if self.today >= through:
                return
            servicing.close_through(fund=self.fund, through=self.today)
            self.today += timedelta(days=1)

    # --- From application to facility ------------------------------------------------------------------------------

    def begin(self, plan: Plan) -> None:
        """A draft with its papers and records; submitted unless it stays one."""
        partner = self.company(plan.company)
        owner, _ = self.people[plan.company]
        application = origination.start_application(
            fund=self.fund,
            partner=partner,
            values={
                "amount": Decimal(plan.amount),
                "purpose": "To keep operating and honour customers' withdrawals after the October liquidations.",
                "tenor_months": plan.tenor,
                "profile": plan.profile,
                "interest_only_months": plan.deal.get("interest_only_months", 0),
                "net_assets": Decimal(plan.amount) * 2,
            },
            actor=owner,
            on=self.today,
        )
        plan.state["application"] = application
        for kind in ("audited_accounts", "liquidation_statement", "net_assets_statement"):
            origination.attach_document(
                application=application,
                kind=kind,
                file=self.paper(partner, owner, f"{kind}-{application.number}.pdf"),
                actor=owner,
                on=self.today,
            )
        origination.import_liquidations(
            application=application,
            content=liquidations(plan, application.number),
            file_name="liquidations.csv",
            actor=owner,
            on=self.today,
        )
        if plan.ends == "draft":
            return
        origination.submit_application(application=application, actor=owner, on=self.today)
        if plan.ends == "withdrawn":
            self.soon(3, partial(self.withdraw, plan))
        elif plan.ends != "submitted":
            self.soon(2, partial(self.check, plan))

    def withdraw(self, plan: Plan) -> None:
        """The partner found money elsewhere."""
        origination.withdraw_application(
            application=self.fresh(plan),
            reason="We were financed elsewhere.",
            actor=self.people[plan.company][0],
            on=self.today,
        )

    def fresh(self, plan: Plan) -> Application:
        """The application as it stands."""
        found: Application = Application.objects.get(pk=plan.state["application"].pk)
        return found

    def check(self, plan: Plan) -> None:
        """The analyst takes it up, checks the papers, and asks if something is unclear."""
        application, analyst = self.fresh(plan), self.staff["analyst"]
        origination.start_check(application=application, actor=analyst, on=self.today)
        origination.assign_analyst(application=application, analyst=analyst, actor=analyst, on=self.today)
        for document in application.documents.all():
            origination.check_document(document=document, accepted=True, actor=analyst, on=self.today)
        origination.assess_impact(application=application, actor=analyst, on=self.today)
        if plan.ends == "checking":
            return
        if not plan.question:
            self.soon(3, partial(self.table, plan))
            return
        question = origination.ask_question(
            application=self.fresh(plan),
            text="Which venue holds the account named main-7, and in whose name?",
            actor=analyst,
            on=self.today,
        )
        if plan.ends != "information":
            self.soon(2, partial(self.answer, plan, question))

    def answer(self, plan: Plan, question: Question) -> None:
        """The partner answers, with a paper, and it goes on."""
        owner = self.people[plan.company][0]
        paper = self.paper(
            self.partners[plan.company], owner, f"account-{plan.state['application'].number}.pdf"
        )
        origination.answer_question(
            question=question,
            text="It is our own account at the venue, in the company's name: the venue's letter is attached.",
            files=[paper],
            actor=owner,
            on=self.today,
        )
        self.soon(2, partial(self.table, plan))

    def table(self, plan: Plan) -> None:
        """Memo, scorecard, proposal."""
        application, analyst = self.fresh(plan), self.staff["analyst"]
        origination.write_memo(
            application=application,
            body="Losses are proven by the venue's records. Cash flow covers the dues asked for.",
            actor=analyst,
            on=self.today,
        )
        points = {
            key: (4 if key != "capital" else 3, "See memo.")
            for key in ("repayment", "capital", "impact", "governance")
        }
        origination.score_application(application=application, points=points, actor=analyst, on=self.today)
        plan.state["proposal"] = origination.table_proposal(
            application=self.fresh(plan),
            committee=self.committee,
            actor=analyst,
            on=self.today,
            summary="Lend as asked: the loss is proven and repayment is likely.",
            terms=plan.deal,
            meeting=self.next_meeting if plan.ends in {"tabled", "voting"} else None,
        )
        if plan.ends != "tabled":
            self.soon(2, partial(self.vote, plan))

    def vote(self, plan: Plan) -> None:
        """The committee votes; one ballot is missing where the vote is still open."""
        proposal = origination.open_voting(
            proposal=plan.state["proposal"], actor=self.staff["chair"], on=self.today
        )
        voters = ("chair", "member1", "member2", "member3")
        choice = "decline" if plan.ends == "declined" else "approve"
        for login in voters[:1] if plan.ends == "voting" else voters:
            proposal.refresh_from_db()
            if proposal.state != Proposal.State.VOTING:
                break
            origination.cast_vote(
                proposal=proposal,
                choice=choice,
                reason="Repayment is likely." if choice == "approve" else "The loss is not proven.",
                seen_digest=proposal.digest,
                actor=self.staff[login],
                on=self.today,
            )
        if plan.ends in {"signed", "offered", "lapsed"}:
            self.soon(1, partial(self.offer, plan))

    def offer(self, plan: Plan) -> None:
        """One person makes the offer, another sends it."""
        made = origination.make_offer(application=self.fresh(plan), actor=self.staff["maker"], on=self.today)
        plan.state["offer"] = origination.send_offer(
            offer=made, seen_digest=made.digest, actor=self.staff["checker"], on=self.today
        )
        if plan.ends == "signed":
            self.soon(3, partial(self.sign, plan))

    def sign(self, plan: Plan) -> None:
        """Both signatories accept; the first conditions are shown and checked."""
        facility: Facility | None = None
        for person in self.people[plan.company]:
            _, facility = origination.sign_offer(
                offer=plan.state["offer"],
                seen_digest=plan.state["offer"].digest,
                signed_name=person.name,
                actor=person,
                on=self.today,
            )
        if facility is None:
            raise AssertionError("two signatures make a facility")
        plan.state["facility"] = facility
        self.payers.append((plan, facility))
        for standing in conditions_standing(facility):
            if standing.condition.scope == "first":
                self.show(plan, standing.condition)
        for after, share in plan.drawdowns:
            amount = Decimal(int(plan.amount * share) // 10_000 * 10_000)
            self.soon(2 + after, partial(self.draw, plan, amount))

    def show(self, plan: Plan, condition: ConditionPrecedent, drawdown: str = "") -> None:
        """The partner shows that a condition is met, the analyst agrees."""
        evidence = show_condition(
            condition=condition,
            note="Shown to the lender and kept in the file.",
            drawdown=drawdown,
            actor=self.people[plan.company][0],
            on=self.today,
        )
        accept_evidence(evidence=evidence, actor=self.staff["analyst"], on=self.today)

    # --- Money -----------------------------------------------------------------------------------------------------

    def draw(self, plan: Plan, amount: Decimal) -> None:
        """A drawdown is asked for with its notice, and approved."""
        facility: Facility = plan.state["facility"]
        wanted = calendar(CALENDAR).add_business_days(self.today, 2)
        drawdown = servicing.request_drawdown(
            facility=facility,
            amount=amount,
            wanted_on=wanted,
            request_key=f"demo-{facility.number}-{self.today}",
            settlement_account=self.accounts[plan.company],
            actor=self.people[plan.company][0],
            on=self.today,
        )
        for standing in conditions_standing(facility, drawdown.number):
            if standing.condition.scope == "each":
                self.show(plan, standing.condition, drawdown.number)
        servicing.approve_drawdown(drawdown=drawdown, actor=self.staff["checker"], on=self.today)
        self.later(wanted, partial(self.pay_out, plan, drawdown))

    def pay_out(self, plan: Plan, drawdown: Drawdown) -> None:
        """A second person releases it; it settles the same day."""
        servicing.release_drawdown(drawdown=drawdown, actor=self.staff["releaser"], on=self.today)
        servicing.settle_drawdown(
            drawdown=drawdown,
            reference=f"WIRE-{drawdown.number}",
            value_date=self.today,
            actor=self.staff["maker"],
            on=self.today,
        )
        if plan.pays == "early":
            self.soon(60, partial(self.prepay, plan))

    def prepay(self, plan: Plan) -> None:
        """A quarter of the first loan comes back early, with notice."""
        facility: Facility = plan.state["facility"]
        loan = Loan.objects.filter(facility=facility).earliest("disbursed_on")
        amount = round_decimal(loan.amount / 4, currency(loan.currency))
        instruction = servicing.propose_instruction(
            kind="prepayment",
            facility=facility,
            loan=loan,
            value_date=self.today,
            amount=amount,
            details={"effect": "instalment"},
            reason="The partner gave notice of a prepayment.",
            actor=self.staff["maker"],
            on=self.today,
        )
        servicing.book_instruction(
            instruction=instruction,
            seen_digest=content_digest(instruction),
            actor=self.staff["checker"],
            on=self.today,
        )
        self.receive(facility, amount, "prepayment")

    def receive(self, facility: Facility, amount: Decimal, what: str) -> Receipt:
        """Money arrives: one person enters it, another books it."""
        receipt = servicing.enter_receipt(
            fund=self.fund,
            amount=amount,
            value_date=self.today,
            reference=f"{facility.number} {what} {self.today}",
            facility=facility,
            actor=self.staff["maker"],
            on=self.today,
        )
        return servicing.book_receipt(receipt=receipt, actor=self.staff["checker"], on=self.today)

    def collect(self) -> None:
        """Each borrower pays what is due today, in its own way."""
        if not calendar(CALENDAR).is_business_day(self.today):
            return
        owing = owing_facilities(on=self.today)
        for plan, facility in self.payers:
            if facility.pk not in owing:
                continue
            if plan.pays == "stops" and self.today > date(2026, 5, 1):
                continue
            late = 6 if plan.pays == "late" else 0
            waiting = [
                due
                for due in dues(facility, on=self.today)
                if due.due_date + timedelta(days=late) <= self.today
            ]
            amount = sum((due.outstanding for due in waiting), Decimal(0))
            if not amount:
                continue
            if plan.pays == "too much":
                amount += Decimal(1000)
            receipt = self.receive(facility, amount, "payment")
            if plan.pays == "bounces":
                plan.pays = "on time"
                self.soon(3, partial(self.bounce, receipt))

    def bounce(self, receipt: Receipt) -> None:
        """The bank takes a payment back."""
        servicing.reverse_receipt(
            receipt=receipt,
            reason="The paying bank recalled the transfer.",
            actor=self.staff["releaser"],
            on=self.today,
        )


def liquidations(plan: Plan, number: str) -> bytes:
    """The venue's records: four forced liquidations in the window, together a little over what is asked for."""
    header = "time_utc,venue,account,reference,market,instrument,side,quantity,price,loss\n"
    rows = [
        f"2025-10-10T21:{20 + 7 * i}:0{i}Z,DEMO VENUE,main-{plan.company},{number}-{i},"
        f"{'futures' if i % 2 else 'margin'},{'BTC-PERP' if i % 2 else 'ETH'},long,{12 + i}.5,10425{i}.50,"
        f"{plan.amount * 3 // 10}.00\n"
        for i in range(4)
    ]
    return (header + "".join(rows)).encode()


def owing_facilities(*, on: date) -> set[int]:
    """The facilities of which something due by `on` is not settled: none of the others need be asked for its dues."""
    dues_by_key = Due.objects.filter(due_date__lte=on).values_list("facility_id", "key")
    settled = {
        (facility, key): total
        for facility, key, total in Allocation.objects.values_list("facility_id", "due_key").annotate(
            total=Sum("amount")
        )
    }
    return {
        facility
        for facility, key, total in dues_by_key.annotate(total=Sum("amount"))
        if total != settled.get((facility, key), 0)
    }


def loaded() -> bool:
    """Whether there is a demo fund already."""
    return Fund.objects.filter(code=FUND_CODE, business_date__gte=F("opened_on")).exists()
