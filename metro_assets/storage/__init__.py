"""Tables and models on disk: DuckDB files under the warehouse folder. Knows no Dagster and no business rule."""
