"""What the vectors know: clusters against names that they never saw."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.cluster import KMeans
from sklearn.metrics import normalized_mutual_info_score, silhouette_score

from metro_assets.config import Settings
from metro_assets.embeddings.cold import ProductVectors
from metro_assets.embeddings.customers import vectors_of_customers
from metro_assets.embeddings.neighbours import directions, exact_neighbours
from metro_assets.embeddings.tables import matrix_of
from metro_assets.sources.synthetic.catalogue import build_catalogue
from metro_assets.studies.embeddings.day import Day, Shop, random_vectors

SMALLEST_CLASS = 10
NEIGHBOURS = 10
Labels = npt.NDArray[np.str_]


def cluster_quality(shop: Shop, day: Day, vectors: ProductVectors, seed: int) -> pl.DataFrame:
    """Silhouette of the true classes and NMI of as many k-means clusters, learnt and random vectors side by side.

    Products with vectors of their own against categories and, in the synthetic world, against the set of menus that
    need them; customers against their business type. Classes of fewer than ten are left out.
    """
    known = ~vectors.is_cold
    products = shop.products().sort("product_id")
    labels = {"products x category": products["category"].to_numpy().astype(str)[known]}
    if shop.settings.source == "synthetic":
        labels["products x set of menus"] = menus(shop.settings).astype(str)[known]
    rows = []
    for name, told in {"learnt": vectors, "random": random_vectors(vectors, seed)}.items():
        units = directions(told.vectors[known])
        rows += [{"vectors": name, "classes of": what} | class_quality(units, of, seed) for what, of in labels.items()]
        customers = vectors_of_customers(day.customer_products, told, day.run_date, shop.settings.embeddings)
        types = customers.join(shop.read("customers").select("customer_id", "business_type").pl(), on="customer_id")
        of = types["business_type"].to_numpy().astype(str)
        units = directions(matrix_of(types["vector"]))
        rows.append({"vectors": name, "classes of": "customers x business type"} | class_quality(units, of, seed))
    return pl.DataFrame(rows)


def shared_menus(settings: Settings, vectors: ProductVectors, seed: int) -> dict[str, float]:
    """Mean Jaccard index of the menus of a product and those of its ten nearest; synthetic world only."""
    known = ~vectors.is_cold
    bits = (menus(settings)[known][:, None] >> np.arange(32)) & 1
    found = {}
    for name, told in {"learnt": vectors, "random": random_vectors(vectors, seed)}.items():
        near = exact_neighbours(directions(told.vectors[known]), NEIGHBOURS)
        both = (bits[:, None] & bits[near]).sum(axis=2)
        either = (bits[:, None] | bits[near]).sum(axis=2)
        found[name] = float((both / np.maximum(either, 1)).mean())
    return found


def menus(settings: Settings) -> npt.NDArray[np.int64]:
    """Bit set of the menus that need each product of the synthetic world, by product id."""
    return build_catalogue(settings.sizes.products, settings.seed).tags


def class_quality(units: npt.NDArray[np.float32], labels: Labels, seed: int) -> dict[str, float]:
    """Silhouette of the classes of at least ten rows by cosine, and NMI of as many k-means clusters with them."""
    names, group, counts = np.unique(labels, return_inverse=True, return_counts=True)
    kept = (counts >= SMALLEST_CLASS)[group]
    classes = int((counts >= SMALLEST_CLASS).sum())
    found = KMeans(classes, n_init=4, random_state=seed).fit_predict(units[kept])
    return {
        "rows": int(kept.sum()),
        "classes": classes,
        "silhouette": float(silhouette_score(units[kept], names[group[kept]], metric="cosine")),
        "nmi": float(normalized_mutual_info_score(labels[kept], found)),
    }
