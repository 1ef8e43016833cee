"""Numbers, money and dates as a language writes them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias, TypeGuard

from babel.dates import format_date, format_datetime
from babel.numbers import format_currency, format_decimal, format_percent

from metro_assets.dashboard.catalogue import LOCALES, Language

Number: TypeAlias = int | float | Decimal | None
NOTHING = "–"


@dataclass(frozen=True)
class Formats:
    """Of one language; what is not known is a dash."""

    language: Language

    def number(self, value: Number, decimals: int = 0) -> str:
        """With as many decimals."""
        if not _is_known(value):
            return NOTHING
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
        return format_decimal(value, pattern, locale=LOCALES[self.language])

    def quantity(self, value: Number) -> str:
        """Up to two decimals, no more than there are."""
        return NOTHING if not _is_known(value) else format_decimal(value, "#,##0.##", locale=LOCALES[self.language])

    def share(self, value: Number, decimals: int = 0) -> str:
        """A share as a percentage."""
        if not _is_known(value):
            return NOTHING
        pattern = "#,##0" + ("." + "0" * decimals if decimals else "") + " %"
        return format_percent(value, pattern.replace(" %", "%"), locale=LOCALES[self.language])

    def ron(self, value: Number, decimals: int = 2, *, signed: bool = False) -> str:
        """Money in RON."""
        if not _is_known(value):
            return NOTHING
        digits = "#,##0" + ("." + "0" * decimals if decimals else "")
        pattern = f"{digits} ¤¤" if not signed else f"+{digits} ¤¤;-{digits} ¤¤"
        return format_currency(value, "RON", pattern, locale=LOCALES[self.language], currency_digits=False)

    def signed(self, value: Number, decimals: int = 2) -> str:
        """With its sign."""
        if not _is_known(value):
            return NOTHING
        digits = "#,##0" + ("." + "0" * decimals if decimals else "")
        return format_decimal(value, f"+{digits};-{digits}", locale=LOCALES[self.language])

    def day(self, value: date | None, length: str = "medium") -> str:
        """A date: short, medium or long."""
        return NOTHING if value is None else format_date(value, length, locale=LOCALES[self.language])

    def day_of_year(self, value: date) -> str:
        """Day and month."""
        return format_date(value, "d MMMM", locale=LOCALES[self.language])

    def weekday(self, value: date) -> str:
        """Day of the week, day and month."""
        return format_date(value, "EEE d MMM", locale=LOCALES[self.language])

    def weekday_name(self, value: date, pattern: str = "EEE") -> str:
        """Day of the week."""
        return format_date(value, pattern, locale=LOCALES[self.language])

    def month(self, value: date) -> str:
        """Month, short."""
        return format_date(value, "LLL", locale=LOCALES[self.language])

    def moment(self, value: datetime | None) -> str:
        """Date and time of day."""
        return NOTHING if value is None else format_datetime(value, "d MMM y, HH:mm", locale=LOCALES[self.language])


def _is_known(value: Number) -> TypeGuard[float | Decimal]:
    return value is not None and not (isinstance(value, float) and math.isnan(value))
