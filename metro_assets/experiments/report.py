"""The experiment's page and files: `report.md`, the pictures, and the figures as CSV and Parquet."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from metro_assets.experiments.comparison import PER_CUSTOMERS, Estimate
from metro_assets.experiments.pictures import draw_balance, draw_over_time
from metro_assets.experiments.plan import CONTROL, Plan, write_whole
from metro_assets.experiments.results import NDCG, REGRET, Results

REPORT, FIGURES, DAYS = "report.md", "experiment_results", "experiment_days"
COLUMNS = {
    "incremental_margin_ron": "margin, RON",
    "incremental_revenue_ron": "revenue, RON",
    "incremental_redemptions": "redemptions",
    "added_margin_ron": "margin of added purchases, RON",
    "anyway_cost_ron": "discounts on what is bought anyway, RON",
    REGRET: "regret to the oracle, RON",
}


def write_report(plan: Plan, found: Results) -> Path:
    """Write all files of the report; returns the page."""
    folder = plan.folder
    for name, frame in ((FIGURES, found.rows), (DAYS, found.days)):
        write_whole(folder / f"{name}.csv", frame.write_csv().encode())
        buffer = BytesIO()
        frame.write_parquet(buffer)
        write_whole(folder / f"{name}.parquet", buffer.getvalue())
    write_whole(folder / "over-time.png", _png(draw_over_time(found)))
    write_whole(folder / "balance.png", _png(draw_balance(found)))
    write_whole(folder / REPORT, _page(plan, found).encode())
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


def _page(plan: Plan, found: Results) -> str:
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
        ]
    )


def _with_interval(figure: Estimate, digits: int) -> str:
    if figure.value != figure.value:
        return ""
    return f"{figure.value:,.{digits}f} ({figure.lower:,.{digits}f} to {figure.upper:,.{digits}f})"


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
