"""Entries of the applying pages: amounts as people type them, records as CSV, and several files at once."""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from loanfund.audit.errors import Refused
from loanfund.origination.liquidation_files import MOST_BYTES
from loanfund.parties.services import check_upload
from loanfund.portal.amounts import without_separators

TYPED = re.compile(r"-?[0-9]+(\.[0-9]+)?")
MOST_DIGITS = 15
MOST_FILES = 5
MEGABYTE = 1024 * 1024


class MoneyField(forms.CharField):
    """An amount in one currency; thousands separators may be typed. Its value is a Decimal, None when left out."""

    def __init__(self, **changes: Any) -> None:
        attributes = {"inputmode": "decimal", "autocomplete": "off"}
        super().__init__(widget=forms.TextInput(attrs=attributes), **changes)

    def clean(self, value: Any) -> Any:
        """The amount. Which signs and sizes are right is settled by the service that takes it, save what no sum is."""
        text = without_separators(super().clean(value))
        if not text:
            return None
        if not TYPED.fullmatch(text):
            raise forms.ValidationError("This is no amount. Write digits and a point, such as 1500000.00.")
        if len(text.lstrip("-").partition(".")[0]) > MOST_DIGITS:
            raise forms.ValidationError(
                f"This is too large: give at most {MOST_DIGITS} digits before the point."
            )
        if text.startswith("-"):
            raise forms.ValidationError("This is below zero. Leave the minus sign out.")
        return Decimal(text)

    def prepare_value(self, value: Any) -> Any:
        """A stored amount without idle zeros, as people write it; what was typed stays as it is."""
        if isinstance(value, Decimal):
            return format(
                value.quantize(Decimal(1)) if value == value.to_integral_value() else value.normalize(), ",f"
            )
        return value


class RecordsField(forms.FileField):
    """The CSV of liquidation records: its rows are read by the service, its size is settled here."""

    default_error_messages = {
        "required": "Choose the CSV file.",
        "empty": "The file is empty. Choose it again.",
        "missing": "Choose the CSV file.",
    }

    def clean(self, data: Any, initial: Any = None) -> Any:
        upload = super().clean(data, initial)
        if isinstance(upload, UploadedFile) and (upload.size or 0) > MOST_BYTES:
            raise forms.ValidationError(
                f"{upload.name} has {(upload.size or 0) / MEGABYTE:.0f} MB; at most {MOST_BYTES // MEGABYTE} MB can be "
                "sent. Send the records in the event window only."
            )
        return upload


class ManyFilesInput(forms.ClearableFileInput):
    """A chooser of several files."""

    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several uploads, or none, each of a kind and a size that can be taken."""

    widget = ManyFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        given: Iterable[Any] = data if isinstance(data, list | tuple) else [data]
        uploads = [one for one in given if one]
        if len(uploads) > MOST_FILES:
            raise forms.ValidationError(f"Send at most {MOST_FILES} files with one answer.")
        cleaned = [super(FilesField, self).clean(one, initial) for one in uploads]
        for upload in cleaned:
            try:
                check_upload(name=upload.name or "", size=upload.size or 0, content=upload)
            except Refused as refused:
                raise forms.ValidationError(refused.sentence) from refused
        return cleaned
