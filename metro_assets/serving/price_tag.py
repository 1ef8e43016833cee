"""The price tag of a recommendation, for people: tier prices, the offer, what it saves, why it is there."""

from __future__ import annotations

from decimal import Decimal

from rich.console import Group
from rich.panel import Panel
from rich.text import Text

from metro_assets.serving.schemas import Recommendation

WIDTH = 78


def price_tag(offer: Recommendation) -> Panel:
    """The tag as a panel: always in this order tiers, offer, saving, next tier, reason."""
    tiers = Text(tier_line(offer), style="dim")
    promise = Text.assemble((offer_line(offer), "bold green" if offer.saving_ron else "bold"))
    next_tier = next_tier_line(offer)
    lines = [
        tiers,
        promise,
        *([Text(next_tier, style="cyan")] if next_tier else []),
        Text(offer.reason, style="italic"),
        Text(terms_line(offer), style="dim"),
    ]
    title = Text(f" {offer.rank}  {offer.product_name} ", style="bold")
    return Panel(Group(*lines), title=title, title_align="left", width=WIDTH, padding=(0, 1))


def tag_text(offer: Recommendation) -> str:
    """The tag as plain lines."""
    lines = [
        f"{offer.rank}. {offer.product_name}",
        tier_line(offer),
        offer_line(offer),
        next_tier_line(offer),
        offer.reason,
        terms_line(offer),
    ]
    return "\n".join(line for line in lines if line)


def tier_line(offer: Recommendation) -> str:
    """ "1+ 24.90 | 6+ 21.90 | 24+ 18.90 RON/buc"."""
    steps = [
        (Decimal(1), offer.base_price_ron),
        (offer.tier2_quantity, offer.tier2_price_ron),
        (offer.tier3_quantity, offer.tier3_price_ron),
    ]
    shown = [
        f"{plain(quantity)}+ {price:.2f}" for quantity, price in steps if quantity is not None and price is not None
    ]
    return f"{' | '.join(shown)} RON/{offer.unit}"


def offer_line(offer: Recommendation) -> str:
    """ "17.52 RON/buc with the offer: you save 26.28 RON on your usual 6 buc", or that the tier price is as good.

    An offer that states no benefit says the price without it.
    """
    usual = f"your usual {plain(offer.usual_quantity)} {offer.unit}"
    if offer.offer_unit_price_ron is None or offer.saving_ron is None:
        return f"{offer.usual_unit_price_ron:.2f} RON/{offer.unit} at {usual} before the offer"
    if offer.saving_ron <= 0:
        return f"{offer.usual_unit_price_ron:.2f} RON/{offer.unit} at {usual}, with the offer as without"
    return (
        f"{offer.offer_unit_price_ron:.2f} RON/{offer.unit} with the offer: you save {ron(offer.saving_ron)} on {usual}"
    )


def next_tier_line(offer: Recommendation) -> str:
    """ "at 6+ you save 18.00 RON"; empty where the best tier is reached or the offer beats the price of the next."""
    if offer.next_tier_quantity is None or not offer.next_tier_saving_ron:
        return ""
    prices = {offer.tier2_quantity: offer.tier2_price_ron, offer.tier3_quantity: offer.tier3_price_ron}
    price = prices.get(offer.next_tier_quantity)
    reached = offer.usual_unit_price_ron if offer.offer_unit_price_ron is None else offer.offer_unit_price_ron
    if price is None or float(price) >= reached:
        return ""
    return f"at {plain(offer.next_tier_quantity)}+ you save {ron(offer.next_tier_saving_ron)}"


def terms_line(offer: Recommendation) -> str:
    """ "-20% Mozzarella METRO Chef 1 kg · EMAIL · until 30 Nov"."""
    return f"{offer.offer_name} · {offer.channel.lower()} · until {offer.valid_to_date:%-d %b}"


def plain(quantity: Decimal | float) -> str:
    """A quantity without needless decimals: 6, 2.5."""
    return f"{float(quantity):.3f}".rstrip("0").rstrip(".")


def ron(amount: float) -> str:
    """ "1,234.50 RON"."""
    return f"{amount:,.2f} RON"
