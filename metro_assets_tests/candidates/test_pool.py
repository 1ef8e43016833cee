"""The pool against a reference in plain Python: the strategies' order, the union, the cap."""

from collections.abc import Sequence
from datetime import timedelta
from math import log

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from metro_assets.candidates.market import open_market
from metro_assets.candidates.pool import pool
from metro_assets.config import Candidates
from metro_assets.vocabulary import Category, Segment, Strategy
from metro_assets_tests.candidates.test_embedding import customer_vector, product_vector
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

Tables = dict[str, Sequence[Row]]
Pool = dict[tuple[int, int], dict[Strategy, int]]
"""Ranks by strategy of each customer and offer."""
CATEGORIES = [Category.COFFEE_TEA, Category.DAIRY_EGGS, Category.MEAT_POULTRY]


def pooled(rows: Tables, limits: Candidates) -> Pool:
    with connection() as database:
        tables = [
            relation(database, table, rows[table])
            for table in (
                "customers",
                "offers",
                "offer_products",
                "offer_audience",
                "offer_features",
                "customer_products",
                "products",
                "product_vectors",
                "customer_vectors",
            )
        ]
        found = pool(open_market(DAY, *tables), DAY, limits).pl().rows(named=True)
    ranks = {
        (row["customer_id"], row["offer_id"]): {
            strategy: row[f"{strategy}_rank"] for strategy in Strategy if row[f"{strategy}_rank"] is not None
        }
        for row in found
    }
    assert len(ranks) == len(found), "an offer twice"
    return ranks


def market(**given: Sequence[Row]) -> Tables:
    """Customer 1 bought products 2 (of which offer 2 earns most) and 3 (more often); offer n covers product n."""
    rows: Tables = {
        "customers": [customer(1), customer(2)],
        "products": [product(number) for number in (1, 2, 3)],
        "offers": [offer(number) for number in (1, 2, 3)],
        "offer_products": [offer_product(number, number) for number in (1, 2, 3)],
        "offer_audience": [],
        "offer_features": [described_offer(1), described_offer(2, offer_margin_ron=5.00), described_offer(3)],
        "customer_products": [purchases(1, 2), purchases(1, 3, order_count=2)],
        "product_vectors": [],
        "customer_vectors": [],
    }
    return rows | given


def test_an_offer_is_in_the_pool_once_with_its_rank_in_every_strategy_that_found_it() -> None:
    found = pooled(market(), Candidates())
    assert found[1, 1] == {Strategy.CATEGORY_AFFINITY: 3}
    assert found[1, 2] == {
        Strategy.CATEGORY_AFFINITY: 1,
        Strategy.SEGMENT_POPULARITY: 1,
        Strategy.REPEAT_PURCHASE: 2,
        Strategy.HIGH_MARGIN: 1,
    }
    assert found[1, 3] == {
        Strategy.CATEGORY_AFFINITY: 2,
        Strategy.SEGMENT_POPULARITY: 2,
        Strategy.REPEAT_PURCHASE: 1,
        Strategy.HIGH_MARGIN: 2,
    }


def test_a_newcomer_gets_what_is_popular_and_what_earns() -> None:
    found = pooled(market(), Candidates())
    both = {Strategy.SEGMENT_POPULARITY, Strategy.HIGH_MARGIN}
    assert {pair: set(ranks) for pair, ranks in found.items() if pair[0] == 2} == {(2, 2): both, (2, 3): both}


def test_the_cap_keeps_the_best_rank_in_any_strategy_then_the_smaller_sum_of_ranks_then_the_smaller_id() -> None:
    # best ranks: offer 1 third, offers 2 and 3 first; sums of ranks: 1+1+2+1 of offer 2, 2+2+1+2 of offer 3
    assert pooled(market(), Candidates(pool_cap=1)).keys() == {(1, 2), (2, 2)}
    # nothing was paid and no margin is known: offer 1 is most popular and second to repeat, offer 2 the other way round
    even = market(
        customers=[customer(1)],
        customer_products=[purchases(1, 1, net_ron=0.00), purchases(1, 2, net_ron=0.00, order_count=2)],
        offers=[offer(1), offer(2)],
        offer_features=[],
    )
    first = {(1, 1): {Strategy.SEGMENT_POPULARITY: 1, Strategy.REPEAT_PURCHASE: 2}}
    second = {(1, 2): {Strategy.SEGMENT_POPULARITY: 2, Strategy.REPEAT_PURCHASE: 1}}
    assert pooled(even, Candidates()) == first | second
    assert pooled(even, Candidates(pool_cap=1)) == first


def test_without_offers_the_pool_is_empty() -> None:
    assert pooled(market(offers=[], offer_products=[], offer_features=[]), Candidates()) == {}


# the reference ----------------------------------------------------------------------------------------------------


def random_market(seed: int) -> Tables:
    """Few values of everything, so that ties are many: stores, segments, consent, audiences, unknown margins."""
    random = np.random.default_rng(seed)

    def flip(share: float) -> bool:
        return bool(random.random() < share)

    products = [product(number, category=str(random.choice(CATEGORIES))) for number in range(1, 7)]
    offers, covers = [], []
    for number in range(1, 13):
        covered = sorted(int(item) for item in random.choice(6, size=random.integers(1, 4), replace=False) + 1)
        covers += [offer_product(number, item, is_anchor=item == covered[0]) for item in covered]
        offers.append(
            offer(
                number,
                category=products[covered[0] - 1]["category"],
                store_ids=[None, None, [1], [1, 2]][random.integers(4)],
                is_listed=flip(0.3),
                is_personal=flip(0.3),
            )
        )
    customers = [
        customer(
            number,
            segment=[Segment.HORECA, Segment.TRADER][random.integers(2)],
            store_id=[1, 2, None][random.integers(3)],
            has_email_consent=flip(0.4),
            has_whatsapp_consent=flip(0.2),
            registered_date=DAY - timedelta(days=int(not flip(0.1))),
        )
        for number in range(1, 9)
    ]
    return {
        "customers": customers,
        "products": products,
        "offers": offers,
        "offer_products": covers,
        "offer_audience": [
            listed_for(row["offer_id"], owner["customer_id"]) for row in offers for owner in customers if flip(0.4)
        ],
        "offer_features": [
            described_offer(
                row["offer_id"],
                offer_margin_ron=[None, -1.00, 1.00, 2.50, 4.00][random.integers(5)],
                typical_quantity=float(random.integers(1, 4)),
            )
            for row in offers
            if flip(0.9)
        ],
        "customer_products": [
            purchases(
                owner["customer_id"],
                row["product_id"],
                order_count=int(random.integers(1, 4)),
                last_date=ago([1, 7, 56][random.integers(3)]),
                net_ron=float(random.choice([0.00, 10.00, 20.00])),
            )
            for owner in customers[:-1]
            for row in products
            if flip(0.4)
        ],
        "product_vectors": [product_vector(number, *random.integers(-1, 2, size=2) / 2) for number in range(1, 7)],
        "customer_vectors": [
            customer_vector(owner["customer_id"], *random.integers(-1, 2, size=2) / 2) for owner in customers[:-1]
        ],
    }


class Reference:
    """The market of one customer after another, by loops."""

    def __init__(self, rows: Tables, limits: Candidates) -> None:
        self.rows, self.limits = rows, limits
        self.customers = [owner for owner in rows["customers"] if owner["registered_date"] < DAY]
        self.category = {item["product_id"]: item["category"] for item in rows["products"]}
        self.covered = {
            row["offer_id"]: {
                cover["product_id"] for cover in rows["offer_products"] if cover["offer_id"] == row["offer_id"]
            }
            for row in rows["offers"]
        }

    def bought(self, owner: Row, offer_id: int | None = None) -> list[Row]:
        """What the customer bought, of the offer."""
        return [
            row
            for row in self.rows["customer_products"]
            if row["customer_id"] == owner["customer_id"]
            and (offer_id is None or row["product_id"] in self.covered[offer_id])
        ]

    def may_be_shown(self, owner: Row, row: Row) -> bool:
        consents = ("has_email_consent", "has_sms_consent", "has_whatsapp_consent")
        return (
            (row["store_ids"] is None or owner["store_id"] in row["store_ids"])
            and (not row["is_personal"] or any(owner[consent] for consent in consents))
            and (
                not row["is_listed"] or listed_for(row["offer_id"], owner["customer_id"]) in self.rows["offer_audience"]
            )
        )

    def buyer_share(self, owner: Row, offer_id: int) -> float:
        peers = [peer for peer in self.customers if peer["segment"] == owner["segment"]]
        return sum(bool(self.bought(peer, offer_id)) for peer in peers) / len(peers)

    def key(self, strategy: Strategy, owner: Row, row: Row) -> tuple[object, ...] | None:
        """What the strategy sorts by, the best first; None where it does not find the offer."""
        offer_id = row["offer_id"]
        bought, share = self.bought(owner, offer_id), self.buyer_share(owner, offer_id)
        if strategy == Strategy.CATEGORY_AFFINITY:
            spend = sum(
                item["net_ron"] for item in self.bought(owner) if self.category[item["product_id"]] == row["category"]
            )
            return (-spend, row["category"], -share) if spend > 0 else None
        if strategy == Strategy.SEGMENT_POPULARITY:
            return (-share,) if share > 0 else None
        if strategy == Strategy.REPEAT_PURCHASE:
            if not bought:
                return None
            age = (DAY - max(item["last_date"] for item in bought)).days
            times = sum(item["order_count"] for item in bought)
            return (-times * 0.5 ** (age / self.limits.repeat_half_life_days),)
        if strategy == Strategy.EMBEDDING:
            vectors = self.rows["customer_vectors"]
            own = [item["vector"] for item in vectors if item["customer_id"] == owner["customer_id"]]
            if bought or not own:
                return None
            products = [
                float(np.dot(own[0], item["context_vector"]))
                for item in self.rows["product_vectors"]
                if item["product_id"] in self.covered[offer_id]
            ]
            score = sum(products) / len(products) + self.limits.embedding_popularity_weight * log(share + 0.001)
            return (-round(score, 5),)
        [known] = [item for item in self.rows["offer_features"] if item["offer_id"] == offer_id] or [None]
        if known is None or known["offer_margin_ron"] is None:
            return None
        expected = share * known["offer_margin_ron"] * known["typical_quantity"]
        return (-expected,) if expected > 0 else None

    def pool(self) -> Pool:
        """Every strategy's best offers of each customer, united and capped."""
        kept: Pool = {}
        for owner in self.customers:
            ranks: dict[int, dict[Strategy, int]] = {}
            shown = [row for row in self.rows["offers"] if self.may_be_shown(owner, row)]
            for strategy in Strategy:
                keys = {row["offer_id"]: self.key(strategy, owner, row) for row in shown}
                order = sorted((key, offer_id) for offer_id, key in keys.items() if key is not None)
                for rank, (_, offer_id) in enumerate(order[: self.limits.per_strategy], start=1):
                    ranks.setdefault(offer_id, {})[strategy] = rank
            best = sorted(
                ranks, key=lambda offer_id: (min(ranks[offer_id].values()), sum(ranks[offer_id].values()), offer_id)
            )
            kept |= {(owner["customer_id"], offer_id): ranks[offer_id] for offer_id in best[: self.limits.pool_cap]}
        return kept


@settings(max_examples=5, deadline=None, derandomize=True, phases=[Phase.generate])
@given(seed=st.integers(0, 2**31), per_strategy=st.integers(1, 6), pool_cap=st.integers(1, 12))
def test_the_pool_is_that_of_the_reference(seed: int, per_strategy: int, pool_cap: int) -> None:
    rows, limits = random_market(seed), Candidates(per_strategy=per_strategy, pool_cap=pool_cap)
    found = pooled(rows, limits)
    for owner in rows["customers"]:
        own = [ranks for (customer_id, _), ranks in found.items() if customer_id == owner["customer_id"]]
        assert len(own) <= pool_cap
        assert all(own)
        for strategy in Strategy:
            assert sum(strategy in ranks for ranks in own) <= per_strategy
    assert found == Reference(rows, limits).pool()
