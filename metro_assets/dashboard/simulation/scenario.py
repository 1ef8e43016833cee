"""A scenario: whom it starts from and what is changed, as the address of the page holds it."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Self
from urllib.parse import urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

MOST_PRODUCTS = 8
MOST_CATEGORIES = 60


def _blank_as_none(value: Any) -> Any:
    """A form without scripts sends its empty fields."""
    return None if isinstance(value, str) and not value.strip() else value


Blank = BeforeValidator(_blank_as_none)
Word = Annotated[Annotated[str, Field(max_length=80)] | None, Blank]
Day = Annotated[date | None, Blank]
Percentage = Annotated[Annotated[float, Field(ge=0, le=100)] | None, Blank]


class Scenario(BaseModel):
    """Whom the simulation starts from and what it changes; a field that is None leaves things as they are."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    customer: Annotated[Annotated[int, Field(ge=0, lt=2**31)] | None, Blank] = Field(
        None, description="id of the customer"
    )
    segment: Word = Field(None, description="segment whose typical customer it starts from, without a customer")
    date: Day = Field(None, description="run date; default the one in force")
    algorithm: Word = Field(None, description="default the champion")
    as_segment: Word = Field(None, description="segment that the customer is put into")
    as_type: Word = Field(None, description="business type that the customer is given")
    every: Annotated[Annotated[float, Field(ge=0.5, le=90)] | None, Blank] = Field(
        None, description="days between two orders"
    )
    lines: Annotated[Annotated[float, Field(ge=1, le=300)] | None, Blank] = Field(
        None, description="mean lines of an order"
    )
    basket: Annotated[Annotated[float, Field(ge=1, le=1_000_000)] | None, Blank] = Field(
        None, description="mean order, RON"
    )
    promo: Percentage = Field(None, description="share of spend on lines bought under an offer, per cent")
    depth: Annotated[Annotated[float, Field(ge=0, le=90)] | None, Blank] = Field(
        None, description="mean discount of the offers that were redeemed, per cent"
    )
    category: list[Annotated[str, Field(max_length=80)]] = Field([], max_length=MOST_CATEGORIES)
    share: list[Percentage] = Field(
        [], max_length=MOST_CATEGORIES, description="share of spend of each category, per cent; None: as it is"
    )
    product: list[Annotated[Annotated[int, Field(ge=0, lt=2**31)] | None, Blank]] = Field([], max_length=MOST_PRODUCTS)
    times: list[Annotated[Annotated[int, Field(ge=0, le=180)] | None, Blank]] = Field(
        [], max_length=MOST_PRODUCTS, description="orders of each product in the window"
    )
    last: list[Annotated[Annotated[int, Field(ge=1, le=90)] | None, Blank]] = Field(
        [], max_length=MOST_PRODUCTS, description="days since each product was last bought"
    )

    @field_validator("as_segment", "as_type", "segment", "algorithm")
    @classmethod
    def _is_printable(cls, text: str | None) -> str | None:
        return text if text is None or text.isprintable() else None

    @model_validator(mode="after")
    def _lists_belong_together(self) -> Self:
        if len(self.category) != len(self.share):
            raise ValueError("category and share come in pairs")
        if len({len(self.product), len(self.times), len(self.last)}) != 1:
            raise ValueError("product, times and last come together")
        return self

    @property
    def shares(self) -> dict[str, float]:
        """Share of spend, 0 to 1, of the categories that are set; more than everything is scaled down to it."""
        asked = {name: share / 100 for name, share in zip(self.category, self.share, strict=True) if share is not None}
        total = sum(asked.values())
        return {name: share / max(total, 1.0) for name, share in asked.items()}

    @property
    def purchases(self) -> dict[int, tuple[int, int]]:
        """Orders of a product in the window and days since the last, of the products that are set."""
        rows = zip(self.product, self.times, self.last, strict=True)
        return {
            product: (times, last or 1) for product, times, last in rows if product is not None and times is not None
        }

    @property
    def changes_history(self) -> bool:
        """Whether other purchases are assumed than were made."""
        knobs = (self.every, self.lines, self.basket, self.promo, self.depth)
        return any(knob is not None for knob in knobs) or bool(self.shares or self.purchases)

    @property
    def is_unchanged(self) -> bool:
        """Whether the customer is as they are."""
        return not self.changes_history and self.as_segment is None and self.as_type is None

    @property
    def unchanged(self) -> Scenario:
        """The same start without a change."""
        return Scenario(customer=self.customer, segment=self.segment, date=self.date, algorithm=self.algorithm)

    def parameters(self) -> list[tuple[str, str]]:
        """Query parameters that say all of it and nothing that is left as it is."""
        plain = ("customer", "segment", "date", "algorithm", "as_segment", "as_type", "every", "lines", "basket")
        names = (*plain, "promo", "depth")
        found = [(name, _text(getattr(self, name))) for name in names if getattr(self, name) is not None]
        for name, share in zip(self.category, self.share, strict=True):
            if share is not None:
                found += [("category", name), ("share", _text(share))]
        for product, (times, last) in self.purchases.items():
            found += [("product", str(product)), ("times", str(times)), ("last", str(last))]
        return found

    def address(self, path: str, **more: str) -> str:
        """The address of a page with the whole scenario."""
        query = urlencode([*self.parameters(), *more.items()])
        return f"{path}?{query}" if query else path


def _text(value: object) -> str:
    """A number without needless decimals."""
    return f"{value:.10g}" if isinstance(value, float) and abs(value) < 1e6 else str(value)
