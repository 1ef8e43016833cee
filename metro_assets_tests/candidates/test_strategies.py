"""Every strategy on hand-made markets: its order, its ties, its cut, and who may be shown what."""

from collections.abc import Sequence
from operator import itemgetter

from metro_assets.candidates.market import open_market
from metro_assets.candidates.strategies import STRATEGIES
from metro_assets.config import Candidates
from metro_assets.vocabulary import Category, Segment, Strategy
from metro_assets_tests.frames import (
    DAY,
    Row,
    ago,
    connection,
    customer,
    described_offer,
    listed_for,
    offer,
    offer_product,
    product,
    purchases,
    relation,
)

PRODUCTS = [product(number) for number in (1, 2, 3)]
ONE_EACH = [offer_product(number, number) for number in (1, 2, 3)]
"""Offer n covers product n."""


def found(
    *strategies: Strategy,
    bought: Sequence[Row],
    customers: Sequence[Row] = (customer(),),
    offers: Sequence[Row] = (offer(1), offer(2), offer(3)),
    offer_products: Sequence[Row] = ONE_EACH,
    audience: Sequence[Row] = (),
    margins: Sequence[Row] = (described_offer(1), described_offer(2), described_offer(3)),
    products: Sequence[Row] = PRODUCTS,
    settings: Candidates = Candidates(),  # noqa: B008
) -> dict[int, list[int]]:
    """Offers of each customer by rank, on which all the strategies agree."""
    answers = []
    with connection() as database:
        market = open_market(
            DAY,
            relation(database, "customers", customers),
            relation(database, "offers", offers),
            relation(database, "offer_products", offer_products),
            relation(database, "offer_audience", audience),
            relation(database, "offer_features", margins),
            relation(database, "customer_products", bought),
            relation(database, "products", products),
            relation(database, "product_vectors", []),
            relation(database, "customer_vectors", []),
        )
        for strategy in strategies:
            by_customer: dict[int, list[int]] = {}
            for customer_id, offer_id, rank in sorted(
                STRATEGIES[strategy](market, DAY, settings).fetchall(), key=itemgetter(0, 2)
            ):
                by_customer.setdefault(customer_id, []).append(offer_id)
                assert rank == len(by_customer[customer_id])
            answers.append(by_customer)
    assert answers == [answers[0]] * len(strategies), dict(zip(strategies, answers, strict=True))
    return answers[0]


# the order of each strategy ---------------------------------------------------------------------------------------


def test_repeat_purchase_halves_what_is_a_half_life_old() -> None:
    # 3 purchases 112 days ago weigh 3/4, 2 of 56 days ago 2/2, 1 of today's eve nearly 1
    settings = Candidates(repeat_half_life_days=56)
    bought = [
        purchases(1, 1, order_count=3, last_date=ago(112)),
        purchases(1, 2, order_count=2, last_date=ago(56)),
        purchases(1, 3, order_count=1, last_date=ago(1)),
    ]
    assert found(Strategy.REPEAT_PURCHASE, bought=bought, settings=settings) == {1: [2, 3, 1]}


def test_repeat_purchase_adds_up_the_products_of_an_offer_and_ranks_ties_by_offer() -> None:
    bought = [purchases(1, 1, order_count=2), purchases(1, 2), purchases(1, 3)]
    covers = [offer_product(3, 2), offer_product(3, 3, is_anchor=False), offer_product(2, 1), offer_product(1, 3)]
    assert found(Strategy.REPEAT_PURCHASE, bought=bought, offer_products=covers) == {1: [2, 3, 1]}


def test_repeat_purchase_takes_equal_weights_for_equal() -> None:
    # 1 x 0.5 ** (18 / 56) = 2 x 0.5 ** (74 / 56), but for the sixteenth digit
    bought = [
        purchases(1, 2, order_count=1, last_date=ago(18)),
        purchases(1, 1, order_count=2, last_date=ago(74)),
        purchases(2, 1, order_count=1, last_date=ago(18)),
        purchases(2, 2, order_count=2, last_date=ago(74)),
    ]
    settings, customers = Candidates(repeat_half_life_days=56), [customer(1), customer(2)]
    answer = found(Strategy.REPEAT_PURCHASE, bought=bought, settings=settings, customers=customers)
    assert answer == {1: [1, 2], 2: [1, 2]}


def test_repeat_purchase_finds_nothing_for_who_bought_nothing() -> None:
    customers = [customer(1), customer(2)]
    assert found(Strategy.REPEAT_PURCHASE, bought=[purchases(1, 2)], customers=customers) == {1: [2]}


def test_segment_popularity_counts_buyers_not_purchases() -> None:
    bought = [purchases(1, 1, order_count=9), purchases(1, 2), purchases(2, 2), purchases(2, 3)]
    customers = [customer(1), customer(2)]
    found_offers = found(Strategy.SEGMENT_POPULARITY, bought=bought, customers=customers)
    assert found_offers == {1: [2, 1, 3], 2: [2, 1, 3]}  # 2/2, then 1/2 and 1/2


def test_segment_popularity_serves_newcomers_and_keeps_segments_apart() -> None:
    customers = [customer(1), customer(2), customer(3, segment=Segment.TRADER), customer(4, segment=Segment.SCO)]
    found_offers = found(Strategy.SEGMENT_POPULARITY, bought=[purchases(1, 2), purchases(3, 3)], customers=customers)
    assert found_offers == {1: [2], 2: [2], 3: [3]}


def test_a_buyer_of_two_products_of_an_offer_is_one_buyer() -> None:
    customers = [customer(1), customer(2)]
    bought = [purchases(1, 1), purchases(1, 2), purchases(1, 3), purchases(2, 3)]
    covers = [offer_product(1, 1), offer_product(1, 2, is_anchor=False), offer_product(2, 3)]
    offers = [offer(1), offer(2)]
    found_offers = found(
        Strategy.SEGMENT_POPULARITY, bought=bought, customers=customers, offers=offers, offer_products=covers
    )
    assert found_offers[1] == [2, 1]


def test_category_affinity_ranks_categories_by_spend_and_offers_in_them_by_buyers() -> None:
    coffee = {"category": Category.COFFEE_TEA}
    products = [product(1), product(2), product(3, **coffee), product(4, category=Category.MEAT_POULTRY)]
    bought = [
        purchases(1, 1, net_ron=40.00),
        purchases(1, 3, net_ron=30.00),
        purchases(2, 2, net_ron=5.00),
        purchases(3, 2, net_ron=5.00),
    ]
    found_offers = found(
        Strategy.CATEGORY_AFFINITY,
        bought=bought,
        customers=[customer(1), customer(2), customer(3), customer(4)],
        products=products,
        offers=[offer(1), offer(2), offer(3, **coffee), offer(4, category=Category.MEAT_POULTRY)],
        offer_products=[*ONE_EACH, offer_product(4, 4)],
    )
    # dairy: offer 2 has two buyers, offer 1 one; nobody buys meat; customer 4 nothing at all
    assert found_offers == {1: [2, 1, 3], 2: [2, 1], 3: [2, 1]}


def test_categories_of_equal_spend_are_ranked_by_name_and_their_offers_by_id() -> None:
    coffee = {"category": Category.COFFEE_TEA}
    found_offers = found(
        Strategy.CATEGORY_AFFINITY,
        bought=[purchases(1, 1), purchases(1, 3)],
        products=[product(1), product(2), product(3, **coffee)],
        offers=[offer(2), offer(1), offer(3, **coffee)],
    )
    assert found_offers == {1: [3, 1, 2]}


def test_high_margin_is_margin_times_quantity_times_share_of_buyers() -> None:
    margins = [
        described_offer(1, offer_margin_ron=8.00, typical_quantity=1.0),  # 8 x 1 x 1/2
        described_offer(2, offer_margin_ron=3.00, typical_quantity=2.0),  # 3 x 2 x 2/2
        described_offer(3, offer_margin_ron=9.00, typical_quantity=9.0),  # nobody buys it
    ]
    bought = [purchases(1, 1), purchases(1, 2), purchases(2, 2)]
    found_offers = found(Strategy.HIGH_MARGIN, bought=bought, customers=[customer(1), customer(2)], margins=margins)
    assert found_offers == {1: [2, 1], 2: [2, 1]}


def test_high_margin_leaves_out_what_earns_nothing_or_nobody_knows_what() -> None:
    margins = [described_offer(1, offer_margin_ron=None), described_offer(2, offer_margin_ron=0.00), described_offer(3)]
    offers, covers = [offer(number) for number in (1, 2, 3, 4)], [*ONE_EACH, offer_product(4, 1)]
    bought = [purchases(1, number) for number in (1, 2, 3)]
    found_offers = found(Strategy.HIGH_MARGIN, bought=bought, offers=offers, offer_products=covers, margins=margins)
    assert found_offers == {1: [3]}


# what holds for every strategy ------------------------------------------------------------------------------------

BY_PURCHASES = tuple(strategy for strategy in Strategy if strategy is not Strategy.EMBEDDING)
"""Strategies that find what was bought; embedding finds the rest (test_embedding.py)."""
ALL_BOUGHT = [purchases(1, 1), purchases(1, 2), purchases(1, 3)]


def test_equals_are_ranked_by_offer_and_cut_at_per_strategy() -> None:
    backwards = [offer(3), offer(2), offer(1)]
    assert found(*BY_PURCHASES, bought=ALL_BOUGHT, offers=backwards) == {1: [1, 2, 3]}
    assert found(*BY_PURCHASES, bought=ALL_BOUGHT, offers=backwards, settings=Candidates(per_strategy=2)) == {1: [1, 2]}


def test_an_offer_of_other_stores_is_not_found() -> None:
    offers = [offer(1, store_ids=[2, 3]), offer(2, store_ids=[1, 3]), offer(3)]
    customers = [customer(1, store_id=1), customer(2, store_id=2), customer(3, store_id=None)]
    bought = [purchases(owner, number) for owner in (1, 2, 3) for number in (1, 2, 3)]
    assert found(*BY_PURCHASES, bought=bought, customers=customers, offers=offers) == {1: [2, 3], 2: [1, 3], 3: [3]}


def test_a_listed_offer_is_found_for_its_audience_alone_at_its_place_in_the_order() -> None:
    customers = [customer(1), customer(2)]
    bought = [purchases(owner, number) for owner in (1, 2) for number in (1, 2, 3)]
    offers, audience = [offer(1), offer(2, is_listed=True), offer(3)], [listed_for(2, 1)]
    assert found(*BY_PURCHASES, bought=bought, customers=customers, offers=offers, audience=audience) == {
        1: [1, 2, 3],
        2: [1, 3],
    }
    two = Candidates(per_strategy=2)
    cut = found(*BY_PURCHASES, bought=bought, customers=customers, offers=offers, audience=audience, settings=two)
    assert cut == {1: [1, 2], 2: [1, 3]}


def test_a_listed_offer_holds_in_its_stores_only() -> None:
    offers = [offer(1), offer(2, is_listed=True, store_ids=[2])]
    assert found(*BY_PURCHASES, bought=ALL_BOUGHT, offers=offers, audience=[listed_for(2, 1)]) == {1: [1]}


def test_a_personal_offer_needs_a_channel_with_consent() -> None:
    customers = [
        customer(1, has_email_consent=False),
        customer(2, has_email_consent=False, has_sms_consent=True),
        customer(3, has_email_consent=False, has_whatsapp_consent=True),
    ]
    bought = [purchases(owner, number) for owner in (1, 2, 3) for number in (1, 2, 3)]
    offers = [offer(1), offer(2, is_personal=True), offer(3, is_personal=True, is_listed=True)]
    audience = [listed_for(3, owner) for owner in (1, 2, 3)]
    found_offers = found(*BY_PURCHASES, bought=bought, customers=customers, offers=offers, audience=audience)
    assert found_offers == {1: [1], 2: [1, 2, 3], 3: [1, 2, 3]}


def test_who_registers_on_the_run_date_is_not_yet_a_customer() -> None:
    customers = [customer(1), customer(2, registered_date=DAY)]
    bought = [*ALL_BOUGHT, *(purchases(2, number) for number in (1, 2, 3))]
    assert found(*BY_PURCHASES, bought=bought, customers=customers) == {1: [1, 2, 3]}


def test_without_offers_customers_or_purchases_nothing_is_found() -> None:
    assert found(*BY_PURCHASES, bought=ALL_BOUGHT, offers=[], offer_products=[], margins=[]) == {}
    assert found(*BY_PURCHASES, bought=[], customers=[]) == {}
    assert found(*BY_PURCHASES, bought=[]) == {}
