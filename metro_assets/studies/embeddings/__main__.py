"""`python -m metro_assets.studies.embeddings --warehouse DIR`: measures the channel and writes its tables as CSV."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import polars as pl
import typer

from metro_assets.config import load_settings
from metro_assets.embeddings.neighbours import directions, exact_neighbours
from metro_assets.embeddings.pictures import neighbour_table
from metro_assets.storage.tables import Warehouse
from metro_assets.studies.embeddings.clusters import cluster_quality, shared_menus
from metro_assets.studies.embeddings.day import Shop, assortment, open_day
from metro_assets.studies.embeddings.held_out import try_settings
from metro_assets.studies.embeddings.pictures import draw_products
from metro_assets.studies.embeddings.retrieval import choose_places, choose_score, pool_recall
from metro_assets.studies.embeddings.speed import seconds_of_a_morning

VALIDATION_WEEKS = 3
NAMED_PRODUCTS = 20


class Part(StrEnum):
    """Parts of the study; settings, score and places look at weeks before the run date only."""

    SETTINGS = "settings"
    SCORE = "score"
    PLACES = "places"
    POOL = "pool"
    SPACE = "space"
    SPEED = "speed"


def main(
    warehouse: Annotated[Path, typer.Option(help="Warehouse to read; nothing is written to it.", exists=True)],
    run_date: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Date whose pool is judged on its week.")],
    output: Annotated[Path, typer.Option(help="Folder for the tables of results.")] = Path("docs/embeddings"),
    part: Annotated[list[Part] | None, typer.Option(help="Only this part; may be repeated.")] = None,
) -> None:
    """Measure what the embedding channel adds, what its vectors know and what they cost."""
    output.mkdir(parents=True, exist_ok=True)
    settings, day, parts = load_settings(warehouse), run_date.date(), part or list(Part)
    store = Warehouse(settings.warehouse, settings.engine)
    weeks = [day - timedelta(weeks=back) for back in range(VALIDATION_WEEKS, 0, -1)]
    with store.connection() as connection:
        shop = Shop(store, settings, connection)
        if Part.SETTINGS in parts:
            tried = []
            for row in try_settings(shop, weeks[0]):
                tried.append(row)
                _write(pl.DataFrame(tried), output / "settings.csv")
        if Part.SCORE in parts:
            _write(choose_score(shop, weeks, settings, settings.seed), output / "score.csv")
        if Part.PLACES in parts:
            _write(choose_places(shop, weeks, settings, settings.seed), output / "places.csv")
        if {Part.POOL, Part.SPACE, Part.SPEED} & set(parts):
            _judge(shop, day, parts, output)


def _judge(shop: Shop, run_date: date, parts: list[Part], output: Path) -> None:
    """What is reported of the run date itself."""
    settings, products = shop.settings, shop.products()
    vectors, day = assortment(shop.fit(run_date), shop), open_day(shop, run_date)
    if Part.POOL in parts:
        _write(pool_recall(day, vectors, settings, settings.seed), output / "pool.csv")
    if Part.SPACE in parts:
        quality = cluster_quality(shop, day, vectors, settings.seed)
        _write(quality, output / "clusters.csv")
        if settings.source == "synthetic":
            shared = shared_menus(settings, vectors, settings.seed)
            _write(
                pl.DataFrame([{"vectors": name, "jaccard": value} for name, value in shared.items()]),
                output / "menus.csv",
            )
        near = exact_neighbours(directions(vectors.vectors), settings.embeddings.neighbours)
        # every so many of the products by popularity: neither the best sellers alone nor the rare ones
        ordered = np.lexsort((vectors.product_ids, -vectors.basket_counts))[: int((~vectors.is_cold).sum())]
        chosen = ordered[np.linspace(0, len(ordered) - 1, NAMED_PRODUCTS).astype(int)]
        table = neighbour_table(vectors, near, products, shown=len(products))
        names = products.sort("product_id")["name"].to_list()
        _write(table.filter(pl.col("product").is_in([names[place] for place in chosen])), output / "neighbours.csv")
        draw_products(vectors, products, settings.seed, output / "map.png")
    if Part.SPEED in parts:
        _write(seconds_of_a_morning(shop, day, vectors), output / "speed.csv")


def _write(table: pl.DataFrame, path: Path) -> None:
    table.write_csv(path, float_precision=4)
    typer.echo(f"{path}\n{table}")


if __name__ == "__main__":
    typer.run(main)
