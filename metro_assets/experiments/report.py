"""The experiment's page and files: `report.md`, the pictures, and the figures as CSV and Parquet."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import polars as pl
from matplotlib.figure import Figure

from metro_assets.experiments.comparison import PER_CUSTOMERS, Estimate
from metro_assets.experiments.pictures import draw_balance, draw_over_time
from metro_assets.experiments.plan import CONTROL, Plan, write_whole
from metro_assets.experiments.promises import FIGURES as FIGURES_OF_PROMISES
from metro_assets.experiments.results import NDCG, REGRET, Results

REPORT, FIGURES, DAYS = "report.md", "experiment_results", "experiment_days"
SCOREBOARD, PROMISES = "known_truth", "promised_margins"
COLUMNS = {
    "incremental_margin_ron": "margin, RON",
    "incremental_revenue_ron": "revenue, RON",
    "incremental_redemptions": "redemptions",
    "added_margin_ron": "margin of added purchases, RON",
    "anyway_cost_ron": "discounts on what is bought anyway, RON",
    REGRET: "regret to the oracle, RON",
}


def write_report(plan: Plan, found: Results, known_truth: pl.DataFrame, promised: pl.DataFrame) -> Path:
    """Write all files of the report; returns the page.

    Parameters
    ----------
    known_truth, promised : as `scoreboard` and `promised_margins` have them.
    """
    folder = plan.folder
    tables = {FIGURES: found.rows, DAYS: found.days, SCOREBOARD: known_truth, PROMISES: promised}
    for name, frame in tables.items():
        write_whole(folder / f"{name}.csv", frame.write_csv().encode())
        buffer = BytesIO()
        frame.write_parquet(buffer)
        write_whole(folder / f"{name}.parquet", buffer.getvalue())
    write_whole(folder / "over-time.png", _png(draw_over_time(found)))
    write_whole(folder / "balance.png", _png(draw_balance(found)))
    write_whole(folder / REPORT, _page(plan, found, known_truth, promised).encode())
    return folder / REPORT


def table_rows(plan: Plan, found: Results) -> list[list[str]]:
    """The main table: a header, then a row per policy but the control, the best margin first."""
    header = ["policy", *COLUMNS.values(), "NDCG@10", "coverage", "Gini", "s/day"]
    rows = []
    for policy in _best_first(plan, found):
        paired = [_with_interval(found.value(policy, metric), 0) for metric in COLUMNS]
        plain = [found.value(policy, metric).value for metric in ("coverage", "gini", "seconds_per_day")]
        figures = [_with_interval(found.value(policy, NDCG), 3), *(f"{number:.2f}" for number in plain)]
        rows.append([policy, *paired, *figures])
    return [header, *rows]


def short_rows(plan: Plan, found: Results) -> list[list[str]]:
    """The table of a terminal: the margin with its interval, the rest as plain figures."""
    header = ["policy", "margin, RON", "redemptions", "added, RON", "anyway, RON", "NDCG@10", "Gini", "s/day"]
    rows = []
    for policy in _best_first(plan, found):
        margin = _with_interval(found.value(policy, "incremental_margin_ron"), 0)
        whole = [found.value(policy, name) for name in ("incremental_redemptions", "added_margin_ron")]
        whole.append(found.value(policy, "anyway_cost_ron"))
        shares = [found.value(policy, name).value for name in (NDCG, "gini", "seconds_per_day")]
        rows.append([policy, margin, *(f"{one.value:,.0f}" for one in whole), *(f"{one:.2f}" for one in shares)])
    return [header, *rows]


def _best_first(plan: Plan, found: Results) -> list[str]:
    policies = [policy for policy in plan.policies if policy != CONTROL]
    return sorted(policies, key=lambda policy: -found.value(policy, "incremental_margin_ron").value)


def _page(plan: Plan, found: Results, known_truth: pl.DataFrame, promised: pl.DataFrame) -> str:
    header, *rows = table_rows(plan, found)
    lines = [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows)]
    sizes, control = plan.settings.sizes, found.level
    per = PER_CUSTOMERS / control.customers
    return "\n".join(
        [
            f"# Experiment {plan.folder.name}",
            "",
            f"{sizes.customers:,} customers, {sizes.products:,} products, {sizes.live_offers} live offers; played from "
            f"{plan.start} for {plan.days} days on {len(plan.seeds)} world(s), seeds "
            f"{', '.join(map(str, plan.seeds))}, after {sizes.history_days} days of the logging policy; models fitted "
            f"anew every {plan.settings.experiments.refit_days} days.",
            "",
            f"Without offers ({CONTROL}) 1,000 customers bring {control.revenue_ron * per:,.0f} RON revenue and "
            f"{control.margin_ron * per:,.0f} RON margin in that time, with {control.redemptions * per:,.0f} lines "
            "under offers that they know of by themselves, from random slates or from before. The table says what each "
            "policy changes of that, per 1,000 customers over the period, with 95 % intervals of a bootstrap over "
            "seeds and customers, paired: every policy meets the same customers on the same mornings.",
            "",
            *lines,
            "",
            "NDCG@10: of the policy's scores on the random slates, which are the same for all. Coverage and Gini: "
            "impressions over the offers that were live. Seconds of one process on one seed.",
            "",
            "![over time](over-time.png)",
            "",
            "![balance](balance.png)",
            "",
            *_scoreboard_lines(known_truth),
            "",
            *_promise_lines(promised, plan.settings.ranking.label_horizon_days),
            "",
        ]
    )


def _scoreboard_lines(known_truth: pl.DataFrame) -> list[str]:
    heading = "## What the random log says, and what is true"
    if known_truth.is_empty():
        return [heading, "", "Too few random slates have settled for an estimate."]
    rows = [
        f"| {row['policy']} | {row['estimator']} | {row['value']:.4f} ({row['lower']:.4f} to {row['upper']:.4f}) | "
        f"{row['effective_sample_size']:,.0f} | {row['truth']:.4f} | {row['relative_error']:+.0%} | "
        f"{row['closed_loop']:.4f} |"
        for row in known_truth.iter_rows(named=True)
    ]
    return [
        heading,
        "",
        "Redemptions per shown offer: estimated from the random slates, true for the same offers at the same places, "
        "and as the policy's own slates brought them.",
        "",
        "| policy | estimator | estimate, 95 % | effective rows | truth | error | closed loop |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *rows,
    ]


def _promise_lines(promised: pl.DataFrame, horizon_days: int) -> list[str]:
    heading = "## What the uplift model promises, and what is true"
    if promised.is_empty():
        return [heading, "", "The uplift policy is not in the race: nobody promises a margin."]
    rows = []
    for row in promised.iter_rows(named=True):
        parts = ([row[f"{name}{end}_ron"] for end in ("", "_lower", "_upper")] for name in FIGURES_OF_PROMISES)
        figures = [_with_interval(Estimate(*part), 0) if None not in part else "" for part in parts]
        known = [row[name] for name in ("offers_per_slate", "valued_share", "closed_loop_ron")]
        offers, share, loop = (
            "" if value is None else format(value, style)
            for value, style in zip(known, (".1f", ".0%", ",.0f"), strict=True)
        )
        rows.append(f"| {row['policy']} | {offers} | {share} | {' | '.join(figures)} | {loop} |")
    return [
        heading,
        "",
        f"Margin that 1,000 slates add within {horizon_days} days, RON: of the offers that each policy would have "
        "shown to the customers who saw a random slate, at any place of a slate. Promised by the model of the uplift "
        "policy's path, true by the world's own probabilities and prices, both of the offers that the model has "
        "valued. The closed loop is what each policy's own slates brought until the last day.",
        "",
        "| policy | offers per slate | valued | promised, 95 % | true, 95 % | promised less true, 95 % | closed loop |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *rows,
    ]


def _with_interval(figure: Estimate, digits: int) -> str:
    if figure.value != figure.value:
        return ""
    return f"{figure.value:,.{digits}f} ({figure.lower:,.{digits}f} to {figure.upper:,.{digits}f})"


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
