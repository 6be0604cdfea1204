"""The pool of money."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from loanfund.audit.models import Sealed
from loanfund.ledger.models import Book


class Fund(Sealed):
    """A pool of money with a size, a currency and a business date of its own.

    `business_date` is data: only the close moves it on, one calendar day at a time. `receipt_cut_off` is a time of day
    in `time_zone`: what comes later counts as the next day's. `calendar` names the payment days.
    """

    code = models.CharField(max_length=20, unique=True)
    name = models.CharField(max_length=120)
    currency = models.CharField(max_length=10)
    size = models.DecimalField(max_digits=32, decimal_places=12)
    time_zone = models.CharField(max_length=50, default="UTC")
    receipt_cut_off = models.TimeField()
    calendar = models.CharField(max_length=40)
    opened_on = models.DateField()
    business_date = models.DateField()
    auto_close = models.BooleanField(default=True)
    book = models.OneToOneField(Book, on_delete=models.PROTECT, related_name="fund")

    class Meta:
        ordering: ClassVar = ["code"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(size__gt=0), name="facilities_fund_size_positive"),
            models.CheckConstraint(
                condition=Q(business_date__gte=models.F("opened_on")),
                name="facilities_fund_date_after_opening",
            ),
        ]

    def __str__(self) -> str:
        return self.name
