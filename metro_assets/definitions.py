"""The pipeline as Dagster loads it: the stages in flow order, the jobs, the schedule, the resources. The only Definitions."""

import dagster as dg

import metro_assets.features.assets
import metro_assets.sources.assets
from metro_assets.config import load_settings
from metro_assets.orchestration.jobs import JOBS, every_morning
from metro_assets.orchestration.resources import resources

STAGES = {
    "sources": metro_assets.sources.assets,
}

settings = load_settings()

defs = dg.Definitions(
    assets=[
        asset
        for stage, module in STAGES.items()
        for asset in dg.load_assets_from_modules([module], group_name=stage)
    ],
    asset_checks=[
        check for module in STAGES.values() for check in dg.load_asset_checks_from_modules([module])
    ],
    jobs=list(JOBS),
    schedules=[every_morning],
    resources=resources(settings),
    executor=dg.in_process_executor,
)
