"""Pictures of the space of products."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
from matplotlib import colormaps
from matplotlib.figure import Figure

from metro_assets.embeddings.cold import ProductVectors
from metro_assets.embeddings.neighbours import directions

NEIGHBOURS, BEST_SELLERS = 5, 20
Positions = npt.NDArray[np.float64]


def draw_map(vectors: ProductVectors, products: pl.DataFrame) -> Figure:
    """The known products in the plane of their two principal components, coloured by category."""
    # Only here: it takes a second and a half, which every command that loads the definitions would pay.
    from sklearn.decomposition import PCA

    known = ~vectors.is_cold
    categories = products.sort("product_id").filter(pl.Series(known))["category"].to_list()
    plane = PCA(2, random_state=0).fit_transform(directions(vectors.vectors[known]))
    return draw_positions(plane, categories, "first two principal components")


def draw_positions(positions: Positions, categories: list[str], title: str) -> Figure:
    """Points in a plane, one colour per category."""
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.subplots()
    names = sorted(set(categories))
    of_points = np.array(categories)
    for place, name in enumerate(names):
        chosen = of_points == name
        axes.scatter(
            positions[chosen, 0],
            positions[chosen, 1],
            s=9,
            color=colormaps["tab20"](place % 20),
            marker="o" if place < 20 else "^",
            label=name.replace("_", " ").lower(),
        )
    axes.set(xticks=[], yticks=[], title=title)
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    axes.spines[:].set_visible(False)
    return figure


def neighbour_table(
    vectors: ProductVectors, places: npt.NDArray[np.int64], products: pl.DataFrame, shown: int = BEST_SELLERS
) -> pl.DataFrame:
    """The most bought products with their nearest ones in words."""
    names = products.sort("product_id")["name"].to_list()
    best = np.lexsort((vectors.product_ids, -vectors.basket_counts))[:shown]
    return pl.DataFrame(
        {
            "product": [names[place] for place in best],
            "baskets": vectors.basket_counts[best],
            "nearest": [", ".join(names[near] for near in places[place, :NEIGHBOURS]) for place in best],
        }
    )
