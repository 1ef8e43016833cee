"""Folders of a company's own files, small enough to count by hand: a builder writes them, a test spoils one table."""

from pathlib import Path

CUSTOMERS = """customer_id,name,segment,registered_date,has_email_consent
K-1,Pizzeria Ana SRL,HORECA,2026-01-05,da
K-2,Chioșc Bogdan PFA,TRADER,2026-01-06,nu
K-3,Casa Cazan SRL,HORECA,2026-03-04,
"""
PRODUCTS = """product_id,name,category,base_price_ron
A-1,Mozzarella 1 kg,DAIRY_EGGS,24.90
A-2,Făină 00 10 kg,GROCERY_STAPLES,41.50
A-3,Ulei 5 l,GROCERY_STAPLES,
"""
OFFERS = """offer_id,valid_from_date,valid_to_date,discount_share
100,2026-03-02,2026-03-08,0.20
101,2026-03-04,2026-03-10,
"""
OFFER_PRODUCTS = """offer_id,product_id
100,A-1
101,A-2
101,A-3
"""
ORDERS = """order_id,customer_id,ordered_at
F1,K-1,2026-03-02 09:30:00
F2,K-2,2026-03-03 10:00:00
F3,K-1,2026-03-05 08:15:00
"""
ORDER_ITEMS = """order_id,product_id,quantity,unit_price_ron,offer_id
F1,A-1,4,19.92,100
F1,A-3,2,60.00,
F2,A-3,1,62.00,
F3,A-2,3,41.50,
"""
IMPRESSIONS = """customer_id,offer_id,shown_at,position
K-1,100,2026-03-02 06:00:00,1
K-2,100,2026-03-02 06:00:00,1
K-1,101,2026-03-05 06:00:00,2
"""
GOOD = {
    "customers": CUSTOMERS,
    "products": PRODUCTS,
    "offers": OFFERS,
    "offer_products": OFFER_PRODUCTS,
    "orders": ORDERS,
    "order_items": ORDER_ITEMS,
    "impressions": IMPRESSIONS,
}


def write_folder(folder: Path, mapping: str = "", **tables: str | bytes | None) -> Path:
    """The good folder, some of its tables replaced; None leaves a table out."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {**GOOD, **tables}.items():
        if content is not None:
            path = folder / f"{name}.csv"
            path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    if mapping:
        (folder / "mapping.toml").write_text(mapping, encoding="utf-8")
    return folder
