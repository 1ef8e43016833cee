"""Which product of each offer a slate shows: the one that the customer buys most, none twice where that can be."""

from __future__ import annotations

import polars as pl

from metro_assets.sql import Relation, query


def shown_products(chosen: Relation, offer_products: Relation, customer_products: Relation) -> pl.DataFrame:
    """One row per chosen offer: its product, and what the customer bought of it (null: nothing).

    Offers overlap, so that the product bought most is often the same. The offers of a slate choose in the order of
    their rank, each the best that none before it shows; one that has no other shows its best again.
    """
    options: pl.DataFrame = query(
        __package__,
        "showable_products",
        chosen=chosen,
        offer_products=offer_products,
        customer_products=customer_products,
    ).pl()
    offer = ["slate", "rank"]
    taken = options.select("slate", "product_id").clear()
    picked = []
    for rank in options["rank"].unique().sort().to_list():
        own = options.filter(pl.col("rank") == rank)
        fresh = own.join(taken, on=["slate", "product_id"], how="anti", maintain_order="left")
        best = pl.concat([fresh, own]).unique(offer, keep="first", maintain_order=True)
        taken = pl.concat([taken, best.select("slate", "product_id")])
        picked.append(best)
    return pl.concat([options.clear(), *picked]).drop("slate")
