"""What every strategy reads: customers, the offers that each may be shown, what was bought, prices and margins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from metro_assets.sql import Relation, query, stored


@dataclass(frozen=True)
class Market:
    """The opening of a run date as retrieval sees it.

    Offers that are not listed are the same for all customers of a *shelf*: a home store, a segment, consent or not. So
    they are ranked once per shelf, not once per customer; listed offers are few and stand per customer.
    """

    customer_shelves: Relation
    """customer_id, segment, store_id, has_consent, shelf_id."""
    shelf_offers: Relation
    """shelf_id, segment, offer_id: offers that a shelf's customers may be shown, listed ones left out."""
    listed_offers: Relation
    """customer_id, segment, offer_id: listed offers of whose audience the customer is."""
    offers: Relation
    """offer_id, segment, category, buyer_share, expected_margin_ron: live offers as each segment buys them."""
    customer_offers: Relation
    """customer_id, offer_id, purchase_count, last_date: what each bought of the products of each live offer."""
    category_spend: Relation
    """customer_id, category, net_ron."""
    offer_products: Relation
    """offer_id, product_id."""
    product_vectors: Relation
    """product_id, context_vector; no rows without embeddings."""
    customer_vectors: Relation
    """customer_id, vector; no rows without embeddings."""


def open_market(
    run_date: date,
    customers: Relation,
    offers: Relation,
    offer_products: Relation,
    offer_audience: Relation,
    offer_features: Relation,
    customer_products: Relation,
    products: Relation,
    product_vectors: Relation,
    customer_vectors: Relation,
    segment_offers: Relation | None = None,
) -> Market:
    """The market of one run date, from the tables of that date and the customers registered before it.

    Parameters
    ----------
    segment_offers : live offers as each segment buys them, where they are known already: the customers may be some.
    """
    registered = customers.filter(duckdb.ColumnExpression("registered_date") < duckdb.ConstantExpression(run_date))
    customer_shelves = stored(query(__package__, "customer_shelves", customers=registered))
    customer_offers = stored(
        query(__package__, "customer_offers", customer_products=customer_products, offer_products=offer_products)
    )
    if segment_offers is None:
        segment_offers = stored(
            query(
                __package__,
                "segment_offers",
                offers=offers,
                offer_features=offer_features,
                customer_offers=customer_offers,
                shelves=customer_shelves,
            )
        )
    return Market(
        customer_shelves=customer_shelves,
        shelf_offers=stored(query(__package__, "shelf_offers", shelves=customer_shelves, offers=offers)),
        listed_offers=stored(
            query(__package__, "listed_offers", offers=offers, offer_audience=offer_audience, shelves=customer_shelves)
        ),
        offers=segment_offers,
        customer_offers=customer_offers,
        category_spend=stored(
            query(__package__, "category_spend", customer_products=customer_products, products=products)
        ),
        offer_products=offer_products,
        product_vectors=product_vectors,
        customer_vectors=customer_vectors,
    )
