"""The study's map: products in a plane that keeps near ones near."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from sklearn.manifold import TSNE

from metro_assets.embeddings.cold import ProductVectors
from metro_assets.embeddings.neighbours import directions
from metro_assets.embeddings.pictures import draw_positions


def draw_products(vectors: ProductVectors, products: pl.DataFrame, seed: int, path: Path) -> Path:
    """Write the t-SNE map (van der Maaten and Hinton, 2008) of the products with vectors of their own."""
    known = ~vectors.is_cold
    categories = products.sort("product_id").filter(pl.Series(known))["category"].to_list()
    plane = TSNE(2, metric="cosine", init="pca", perplexity=30, random_state=seed).fit_transform(
        directions(vectors.vectors[known])
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    draw_positions(plane, categories, "Products by the baskets that they lie in (t-SNE)").savefig(path, dpi=110)
    return path
