"""The pipeline as Dagster loads it: stages in flow order, jobs, schedule, resources. The only Definitions."""

import dagster as dg

import metro_assets.candidates.assets
import metro_assets.embeddings.assets
import metro_assets.evaluation.assets
import metro_assets.features.assets
import metro_assets.monitoring.assets
import metro_assets.ranking.assets
import metro_assets.selection.assets
import metro_assets.sequences.assets
import metro_assets.serving.assets
import metro_assets.sources.assets
from metro_assets.config import load_settings
from metro_assets.features.daily import features_again
from metro_assets.orchestration.jobs import JOBS, every_morning
from metro_assets.orchestration.resources import resources
from metro_assets.ranking.fitting import stored_references, stored_scores
from metro_assets.sequences.again import sequences_again

STAGES = {
    "sources": metro_assets.sources.assets,
    "features": metro_assets.features.assets,
    "embeddings": metro_assets.embeddings.assets,
    "candidates": metro_assets.candidates.assets,
    "sequences": metro_assets.sequences.assets,
    "ranking": metro_assets.ranking.assets,
    "selection": metro_assets.selection.assets,
    "serving": metro_assets.serving.assets,
    "monitoring": metro_assets.monitoring.assets,
    "evaluation": metro_assets.evaluation.assets,
}

settings = load_settings()

defs = dg.Definitions(
    assets=[
        asset for stage, module in STAGES.items() for asset in dg.load_assets_from_modules([module], group_name=stage)
    ],
    asset_checks=[check for module in STAGES.values() for check in dg.load_asset_checks_from_modules([module])],
    jobs=list(JOBS),
    schedules=[every_morning],
    resources={
        **resources(settings),
        "scorer": stored_scores,
        "references": stored_references,
        "stages_again": (features_again, sequences_again),
    },
    executor=dg.in_process_executor,
)
