"""Files for a spreadsheet: what a spreadsheet would run is only text, numbers stay numbers."""

import polars as pl

from metro_assets.dashboard.downloads import csv_file


def test_a_text_that_begins_like_a_formula_gets_an_apostrophe() -> None:
    rows = pl.DataFrame({"name": ["=1+1", "-20% Făină", "@x", 'Ana, "Bar"', None], "margin_ron": [-1.5, 2, 3, 4, 5]})
    answer = csv_file("offers-today", rows)
    assert bytes(answer.body).decode().splitlines() == [
        "name,margin_ron",
        "'=1+1,-1.5",
        "'-20% Făină,2.0",
        "'@x,3.0",
        '"Ana, ""Bar""",4.0',
        ",5.0",
    ]
    assert answer.headers["content-disposition"] == 'attachment; filename="offers-today.csv"'
    assert answer.headers["content-type"].startswith("text/csv")
