"""Going back: to the previous champion, or to the previous publication."""

from __future__ import annotations

from metro_assets.config import Settings
from metro_assets.serving.publish import Publications
from metro_assets.serving.queries import RecommendationReader
from metro_assets.storage.models import ModelStore
from metro_assets.vocabulary import RANKER_SUFFIX


def restore_champion(settings: Settings) -> str:
    """Put the previous champion in force, pinned, and serve its algorithm's order; returns what was done.

    Of a champion that was promoted, the previous one is who was served before its promotion.
    """
    models = ModelStore(settings.warehouse)
    standing, champion = models.champion(), models.rollback()
    algorithm = champion.version.name.removesuffix(RANKER_SUFFIX)
    done = f"champion: {champion.version.name} of {champion.version.run_date}, kept until `metro rollback --release`"
    if standing and standing.is_promoted and standing.version.name != champion.version.name:
        promoted = standing.version.name.removesuffix(RANKER_SUFFIX)
        done += f"; {algorithm} was served before {promoted} was promoted"
    return serve_order_of(settings, algorithm, done)


def serve_order_of(settings: Settings, algorithm: str, done: str) -> str:
    """Let the publication in force serve an algorithm's order, if it has one; `done` with what follows."""
    publications = _publications(settings)
    if not publications.published():
        return done
    in_force = RecommendationReader(settings.warehouse, settings.engine).in_force()
    if algorithm not in in_force.algorithms:
        return f"{done}; the publication in force has no order of its; the next run will"
    if in_force.publication.champion == algorithm:
        return f"{done}; it scores from the next run on: metro run"
    publication = publications.serve_algorithm(algorithm)
    return f"{done}; {publication.name} serves the order of {algorithm} from now on, the next run scores with it"


def release_champion(settings: Settings) -> str:
    """Let the next run choose the champion again; returns what was done."""
    models = ModelStore(settings.warehouse)
    champion = models.champion()
    if champion is None or not champion.is_pinned:
        return "nothing is pinned; every run chooses the champion"
    models.unpin()
    return "the next run chooses the champion again"


def restore_publication(settings: Settings) -> str:
    """Put the publication before the one in force back; returns what was done and what follows from an older date."""
    publications = _publications(settings)
    publication = publications.rollback()
    done = f"in force: {publication.name} of {publication.run_date}"
    newest = max(kept.run_date for kept in publications.published())
    if (days := (newest - publication.run_date).days) == 0:
        return done
    return (
        f"{done}\n[yellow]it is {days} day{'s' * (days > 1)} before the newest, of {newest}: "
        "offers that ended since are still in it; `metro run` publishes anew[/]"
    )


def _publications(settings: Settings) -> Publications:
    return Publications(settings.warehouse, settings.engine.kept_publications)
