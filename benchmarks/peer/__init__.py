"""The peer: the day's work as a data team would first write it, in pandas over SQLite, timed against the platform.

What the peer is. The founding sketch of this project names its stack: Python, SQLite (WAL, indexed), scikit-learn and
LightGBM, one script per stage. The peer is that stack written competently and without tricks:

- Rows are read with `pandas.read_sql_query`, the window in the query's `where`. What an event table is only summed or
  counted for is summed in SQL: order lines per customer and product above all. To read the lines and group them in
  pandas took the peer half as long again (1,000 customers, 1.5 million lines: 4.2 s against 2.6 s), and it has to hold
  every line in memory.
- Everything after that is pandas, and whatever it does in one call is done in that call: `merge`, `groupby().agg`,
  `cumcount`, `np.select`. No Python loop over customers where pandas has an idiom: the cap per category of a slate is
  two `cumcount`s. Rows are looped over only where the rule is sequential (no product twice on a slate's tags) or is
  text (the eleven reasons), and there by `zip` and `itertuples`, not by the slow `apply`.
- Frames stay in memory between the stages, and what two stages need is computed once: both are in the peer's favour.
- Texts that are grouped by (segment, category) are categoricals, identifiers are integers, as one learns after a week.
- Every stage ends by writing its table to SQLite with `to_sql`, for the API has to read it; the platform's seconds
  include its files too. The seconds that went into writing are told apart.
- No second library for frames, no query engine but SQLite, no own extension.

The peer leaves out what the platform's seconds include: the checks of each table and `recommendation_shortfalls`.

What the two share: the settings, the fitted rankers of the run date and their `predict`, the vectors of products and
customers, and the words of the reasons. Fitting is out of scope on both sides. Everything else is written anew from
docs/features.md and docs/ranking.md, prices and reasons included, so that equal results are evidence for both.

What is compared: features, pool, scores, slates, tags and reasons, for equality first (`equality`), then for seconds
and memory. A mismatch fails the benchmark.
"""
