"""Single source of truth for every knob: frozen, typed, described; built once at the edge and passed in.

Order of precedence: what a command says, `METRO_…` environment variables, `<warehouse>/settings.toml` (written
when a warehouse is first filled, so that every later process speaks of the same world), the profile, the defaults
below. The behaviour of the simulated customers is not here: it is data of a source, in `sources/synthetic/`.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Self, TypeVar
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from metro_assets.vocabulary import Algorithm, Strategy

Named = TypeVar("Named", bound=Algorithm | Strategy)

TIME_ZONE = "Europe/Bucharest"
SETTINGS_FILE = "settings.toml"
API_KEYS_VARIABLE = "METRO_API_KEYS"
"""Secrets are no settings: they are read where they are used, and stand in no file."""


LIBRARIES: dict[Algorithm | Strategy, tuple[str, ...]] = {
    Strategy.EMBEDDING: ("gensim", "safetensors", "faiss"),
    Algorithm.WIDE_DEEP: ("torch", "safetensors"),
    Algorithm.SASREC: ("torch", "safetensors"),
}
"""What an algorithm or a strategy needs beyond the plain installation."""
WITH_LIBRARIES = "metro-assets[phase2]"
SERVABLE = (
    Algorithm.LOGISTIC,
    Algorithm.BOOSTED_TREES,
    Algorithm.WIDE_DEEP,
    Algorithm.SASREC,
    Algorithm.UPLIFT,
    Algorithm.THOMPSON,
)
"""Every algorithm that the pipeline can fit and score, simplest first."""


class ConfigurationError(ValueError):
    """A setting is unknown, of the wrong type, or contradicts the warehouse; the message says which and the remedy."""


class Section(BaseModel):
    """A frozen group of knobs that refuses unknown names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Sizes(Section):
    """How large the synthetic world is."""

    customers: int = Field(2_000, ge=20, description="businesses registered by the first run date")
    products: int = Field(1_000, ge=100, description="products of the assortment")
    live_offers: int = Field(200, ge=20, description="offers live on any date")
    history_days: int = Field(120, ge=1, description="days of history before the first run date")


PROFILES: dict[str, Sizes] = {
    "tiny": Sizes(customers=150, products=300, live_offers=60, history_days=90),
    "demo": Sizes(),
    "full": Sizes(customers=50_000, products=10_000, live_offers=200, history_days=180),
}


class Features(Section):
    """Point-in-time features."""

    window_days: int = Field(90, ge=1, description="days before the run date that features look back on")
    days_since_product_cap: float = Field(10.0, description="cap of days_since_product, in own cycles")
    default_cycle_days: float = Field(30.0, description="cycle of a product that a customer bought once")
    redemption_prior_rate: float = Field(0.02, description="prior mean of offer_redemption_rate")
    redemption_prior_impressions: float = Field(500.0, description="prior weight of offer_redemption_rate")
    affinity_prior_ron: float = Field(500.0, description="segment spend mixed into a customer's category shares")
    depth_scale: float = Field(0.10, gt=0, description="width of price_sensitivity_match, in share of price")
    depth_prior_redemptions: float = Field(
        5.0, gt=0, description="redemptions at the segment's depth mixed into a customer's own"
    )
    set_window_days: int = Field(
        182, ge=1, description="days before the date that features of an offer's set look back on"
    )
    set_half_life_days: float = Field(
        56.0, gt=0, description="age at which a purchase counts half in features of an offer's set"
    )
    set_recent_days: int = Field(28, ge=1, description="days of set_recent_lines")
    set_prior_ron: float = Field(20.0, gt=0, description="spend added below the spend shares of an offer's set")
    customers_per_range: int = Field(
        6_250, ge=1, description="customers whose order lines are aggregated at a time; bounds memory"
    )


class Candidates(Section):
    """Retrieval."""

    per_strategy: int = Field(60, ge=1, description="offers that each strategy contributes per customer")
    pool_cap: int = Field(200, ge=1, description="most candidates per customer")
    repeat_half_life_days: float = Field(
        56.0, gt=0, description="age at which a purchase counts half in repeat_purchase"
    )
    strategies: tuple[Strategy, ...] = Field(
        default_factory=lambda: tuple(name for name in Strategy if not missing_libraries(LIBRARIES.get(name, ()))),
        min_length=1,
        description="whose finds are united; default all whose libraries are installed",
    )
    embedding_offers: int = Field(
        20, ge=1, description="offers that embedding contributes at most: it looks for what is new, and most is not"
    )
    embedding_popularity_weight: float = Field(
        0.1, ge=0, description="weight of the log share of the segment that buys an offer in embedding"
    )

    @field_validator("strategies")
    @classmethod
    def _libraries_are_there(cls, strategies: tuple[Strategy, ...]) -> tuple[Strategy, ...]:
        return _with_libraries(strategies)


class Embeddings(Section):
    """Product2Vec on baskets, and customers as means of what they bought."""

    refit_days: int = Field(7, ge=1, description="days for which fitted vectors are kept")
    window_days: int = Field(90, ge=1, description="days of baskets before the run date to learn from")
    maximum_baskets: int = Field(40_000, ge=1, description="baskets to learn from; beyond it, a uniform sample")
    minimum_baskets: int = Field(5, ge=1, description="baskets of the sample below which a product is cold")
    dimensions: int = Field(64, ge=2, description="length of a vector")
    context_products: int = Field(
        5, ge=1, description="window of the skip-gram over a shuffled basket: products on each side at most"
    )
    negative_samples: int = Field(5, ge=1, description="random products against each product of the context")
    sampling_threshold: float = Field(
        1e-3, ge=0, description="share of lines above which a product is seen less often; 0: never"
    )
    epochs: int = Field(3, ge=1, description="passes over the baskets")
    half_life_days: float = Field(56.0, gt=0, description="age at which a purchase counts half in a customer's vector")
    cold_prior_products: float = Field(
        5.0, gt=0, description="products of the wider group mixed into the means that a cold product gets"
    )
    neighbours: int = Field(10, ge=1, description="nearest products that are looked for")
    index_connectivity: int = Field(16, ge=2, description="edges of a product in the index of nearest products")
    index_expansion: int = Field(64, ge=1, description="products looked at when the index is built and asked")


class WideDeep(Section):
    """The Wide & Deep ranker (docs/wide-deep.md has what its defaults were chosen on)."""

    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="where it learns; auto: a GPU if there is one")
    epochs: int = Field(19, ge=1, description="most passes over the train window")
    patience: int = Field(3, ge=1, description="epochs without a better validation loss")
    unjudged_epochs: int = Field(3, ge=1, description="epochs where there is no validation row")
    batch_rows: int = Field(1_024, ge=1, description="rows per step")
    learning_rate: float = Field(2e-3, gt=0, description="step size of AdamW")
    embedding_size: int = Field(8, ge=1, description="numbers per category in the deep part")
    hidden_sizes: tuple[int, ...] = Field((128, 64), min_length=1, description="units of the hidden layers")
    dropout: float = Field(0.3, ge=0, lt=1, description="share of hidden units left out of a step")
    deep_decay: float = Field(1e-2, ge=0, description="weight decay of embeddings and layers, per step and step size")
    wide_decay: float = Field(1.0, ge=0, description="weight decay of categories and crosses")
    hash_buckets: int = Field(16_384, ge=1, description="weights that all crosses share")
    quantile_buckets: int = Field(8, ge=2, description="buckets of a crossed feature that is no category")
    minimum_code_rows: int = Field(20, ge=1, description="train rows below which a category counts as unseen")
    forgotten_share: float = Field(
        0.1, ge=0, lt=1, description="categories taken for unseen ones in a step, so that these are learned too"
    )


class Bandit(Section):
    """Bayesian logistic regression behind Thompson sampling: log odds of redemption, features standardised."""

    prior_rate: float = Field(0.02, gt=0, lt=1, description="redemption rate that the prior's intercept stands at")
    intercept_sd: float = Field(2.0, gt=0, description="prior standard deviation of the intercept")
    coefficient_sd: float = Field(1.0, gt=0, description="prior standard deviation of every other coefficient")
    offer_sd: float = Field(0.15, gt=0, description="standard deviation of what features do not say of an offer")
    kept_share: float = Field(
        0.98, gt=0, le=1, description="share of what was learned that is kept from one day to the next"
    )


class Ranking(Section):
    """Learning P(redemption) from impressions; windows count back from the newest impression with a settled label."""

    label_horizon_days: int = Field(7, ge=1, description="a redemption this many days after the impression counts")
    train_days: int = Field(42, ge=1, description="days of impressions to train on")
    validation_days: int = Field(7, ge=1, description="next days: selection, early stopping, calibration")
    test_days: int = Field(7, ge=1, description="newest days: reported, never chosen on")
    minimum_days: int = Field(9, ge=3, description="days of settled impressions below which nothing is fitted")
    without_model: Literal["refuse", "retrieval"] = Field(
        "refuse",
        description="where nothing can be fitted: refuse the run date, or serve the order of retrieval; the latter is "
        "the default for a company's own files",
    )
    maximum_rows: int = Field(
        300_000,
        ge=1000,
        description="train rows; beyond it, lists are sampled and weighted, half of the rows with a redemption",
    )
    maximum_judged_rows: int = Field(
        200_000, ge=1000, description="rows of validation and of test; beyond it, lists are sampled uniformly"
    )
    selection_metric: Literal["auc", "auc_within_lists", "ndcg_at_10"] = Field(
        "auc", description="picks the champion on validation"
    )
    boosting_rounds: int = Field(200, ge=1, description="most trees")
    early_stopping_rounds: int = Field(20, ge=1, description="rounds without a better validation loss")
    num_leaves: int = Field(31, ge=2, description="leaves per tree")
    learning_rate: float = Field(0.1, gt=0, description="shrinkage")
    algorithms: tuple[Algorithm, ...] = Field(
        default_factory=lambda: tuple(name for name in SERVABLE if not missing_libraries(LIBRARIES.get(name, ()))),
        min_length=1,
        description="what is fitted and scores every day; default all whose libraries are installed",
    )
    refit_days: int = Field(7, ge=1, description="days for which a costly model is kept before it is fitted anew")
    stale_days: int = Field(14, ge=1, description="age at which a kept model no longer scores, should its fits fail")
    minimum_leaf_rows: int = Field(100, ge=1, description="rows per leaf at least")
    l2_strength: float = Field(1.0, gt=0, description="inverse regularisation C of the logistic regression")
    bandit: Bandit = Field(default_factory=Bandit, description="the posterior of Thompson sampling")
    listwise_penalty: float = Field(300.0, gt=0, description="L2 penalty of the listwise regression, in redemptions")
    wide_deep: WideDeep = Field(default_factory=WideDeep, description="the Wide & Deep ranker")

    @field_validator("algorithms")
    @classmethod
    def _libraries_are_there(cls, algorithms: tuple[Algorithm, ...]) -> tuple[Algorithm, ...]:
        return tuple(sorted(set(_with_libraries(algorithms))))

    @model_validator(mode="after")
    def _windows_are_long_enough(self) -> Self:
        if self.example_days < self.minimum_days:
            raise ValueError(
                f"train_days + validation_days + test_days = {self.example_days} is less than minimum_days = "
                f"{self.minimum_days}; lengthen a window"
            )
        return self

    @property
    def example_days(self) -> int:
        """Days of impressions that a fit reads."""
        return self.train_days + self.validation_days + self.test_days


class Sequences(Section):
    """What a customer buys next: SASRec and BERT4Rec over baskets in time."""

    network: Literal["sasrec", "bert4rec"] = Field("sasrec", description="which of the two gives next_item_score")
    history_days: int = Field(90, ge=2, description="days of purchases before a moment that a network learns or reads")
    target_days: int = Field(
        28, ge=1, description="days before the validation days whose baskets are learned; earlier ones are their past"
    )
    most_baskets: int = Field(64, ge=2, description="newest baskets of a customer that are read at a time")
    maximum_customers: int = Field(
        10_000, ge=1, description="customers to learn from; beyond it, they are sampled uniformly"
    )
    dimension: int = Field(64, ge=4, description="length of the vectors of products and baskets")
    blocks: int = Field(1, ge=1, description="layers of attention")
    heads: int = Field(2, ge=1, description="heads of attention; a divisor of dimension")
    dropout: float = Field(0.2, ge=0, lt=1, description="share of values left out while learning")
    learning_rate: float = Field(0.003, gt=0, description="step of Adam")
    batch_customers: int = Field(32, ge=1, description="customers per step")
    maximum_epochs: int = Field(20, ge=1, description="most passes over the customers")
    patience_epochs: int = Field(2, ge=1, description="passes without a better validation loss before the end")
    validation_days: int = Field(7, ge=1, description="days before the cut-off that stop the learning early")
    hidden_share: float = Field(0.2, gt=0, lt=1, description="baskets that BERT4Rec hides while learning")
    sampled_products: int = Field(
        1_024,
        ge=1,
        description="products drawn per step by their popularity for the softmax, corrected for how they were drawn",
    )
    full_softmax_products: int = Field(
        3_000, ge=1, description="products up to which the softmax is over all of them rather than over drawn ones"
    )
    customers_per_range: int = Field(2_000, ge=1, description="customers whose baskets are read at a time")
    customers_per_block: int = Field(512, ge=1, description="customers scored at a time; bounds memory")


class Uplift(Section):
    """Learning what an offer changes, from randomised moments; windows count back from the newest settled one."""

    offers_per_moment: int = Field(
        10,
        ge=1,
        description="offers drawn for a customer who was held out: as many as a slate shows, so that a pair's chance "
        "of being shown is the arms' alone",
    )
    train_days: int = Field(28, ge=1, description="days of randomised moments to train on")
    validation_days: int = Field(
        14, ge=1, description="next days: early stopping, the choice of the learner, its scale"
    )
    test_days: int = Field(14, ge=1, description="newest days: reported, never chosen on")
    minimum_days: int = Field(9, ge=3, description="days of settled moments below which nothing is fitted")
    maximum_rows: int = Field(1_000_000, ge=1_000, description="pairs to learn from; beyond it, moments are sampled")
    boosting_rounds: int = Field(300, ge=1, description="most trees of every model")
    early_stopping_rounds: int = Field(30, ge=1, description="rounds without a better validation loss")
    num_leaves: int = Field(15, ge=2, description="leaves per tree of a response")
    effect_leaves: int = Field(6, ge=2, description="leaves per tree of an effect, which is small beside its noise")
    learning_rate: float = Field(0.05, gt=0, description="shrinkage")
    minimum_leaf_rows: int = Field(200, ge=1, description="rows per leaf of a response at least")
    minimum_effect_rows: int = Field(1_000, ge=1, description="rows per leaf of an effect at least")
    l2_strength: float = Field(10.0, ge=0, description="L2 penalty of leaf values")
    folds: int = Field(2, ge=2, description="parts of the customers that nuisance models are fitted and used across")

    @property
    def example_days(self) -> int:
        """Days of moments that a fit reads."""
        return self.train_days + self.validation_days + self.test_days


class Selection(Section):
    """Rules from scores to the ten offers."""

    slate_size: int = Field(10, ge=1, le=100, description="offers per customer")
    maximum_per_category: int = Field(3, ge=1, description="offers of one category in a slate")
    maximum_weekly_exposures: int = Field(3, ge=1, description="times one offer may be shown to one customer in 7 days")
    sampled_slates: int = Field(32, ge=1, description="slates of which the Thompson policy serves one, per customer")
    exploration_budget: int = Field(
        3, ge=0, description="places of a sampled slate that may differ from the slate of the posterior's mean"
    )
    redemption_days: int = Field(
        60,
        ge=1,
        description="days in which a redemption keeps an offer from coming again; at least the longest validity",
    )
    browse_days: int = Field(7, ge=1, description="days for which a web visit may be a reason")
    reason_category_share: float = Field(0.10, description="share of spend from which a category is a reason")
    reason_nearby_buyers: int = Field(5, ge=1, description="buyers of the same trade and county that make a reason")
    reason_type_share: float = Field(0.10, description="share of a trade's buyers from which it is a reason")
    reason_saving_share: float = Field(0.01, description="share off the usual price from which it is a reason")


class Evaluation(Section):
    """Offline metrics."""

    cutoff: int = Field(10, ge=1, description="k of NDCG@k, precision@k, recall@k")
    horizon_days: int = Field(7, ge=1, description="days in which a recommendation may be redeemed")
    popularity_days: int = Field(28, ge=1, description="days of purchases behind the popularity baseline")
    maximum_judged_customers: int = Field(
        10_000, ge=100, description="customers whose pool is judged; beyond it, customers are sampled uniformly"
    )
    bootstrap_samples: int = Field(1_000, ge=1, description="bootstrap resamples of customers")
    off_policy_days: int = Field(7, ge=1, description="days of settled exploration slates behind policy_estimates")
    propensity_floor: float = Field(
        0.001, gt=0, le=1, description="logged propensities below it count as it: bounds the weights by its inverse"
    )
    minimum_effective_sample: float = Field(
        100.0, ge=1, description="effective rows below which no off-policy estimate is reported"
    )


class Gate(Section):
    """What a challenger must show before it may be served by default."""

    minimum_effective_customers: int = Field(
        100, ge=1, description="effective sample size of the customers behind the paired difference"
    )
    maximum_calibration_error: float = Field(
        0.01, gt=0, description="expected calibration error on the test window, in probability"
    )
    suspicious_auc_within_lists: float = Field(
        0.95, description="nobody foresees redemptions this well: above it a feature knows the future"
    )
    segment_margin: float = Field(0.02, ge=0, description="NDCG that a segment may lose")
    minimum_segment_customers: int = Field(30, ge=2, description="customers below which a segment is not judged alone")


class Canary(Section):
    """Events from the run date on, made up and large, which may move nothing that is derived for it."""

    customers: int = Field(200, ge=1, description="customers whose rows are made again, drawn by hash")
    days_after: int = Field(7, ge=0, description="days after the run date on which events are made up")
    late_days: tuple[int, ...] = Field(
        (1, 7, 30), description="days before the run date of events that become known on it"
    )
    quantity: float = Field(1_000.0, gt=0, le=100_000, description="units of a line that is made up")
    amount_ron: float = Field(100_000.0, gt=0, le=1_000_000, description="RON of a line, an order, a discount")
    tolerance: float = Field(
        1e-5, ge=0, description="difference, relative above 1, by which a number that is computed again may differ"
    )


class Monitoring(Section):
    """Drift."""

    bins: int = Field(10, ge=2, description="quantile bins of a reference")
    window_days: int = Field(7, ge=1, description="days of impressions compared with the reference")
    moderate_psi: float = Field(0.10, description="index from which drift is moderate")
    significant_psi: float = Field(0.25, description="index above which drift is significant")


class Api(Section):
    """REST."""

    maximum_batch: int = Field(1_000, ge=1, description="customers of one batch or page")
    maximum_body_bytes: int = Field(262_144, ge=1_024, description="bytes of a request's body")
    body_seconds: float = Field(10.0, gt=0, description="seconds in which a request's body must have come")
    maximum_connections: int = Field(1_000, ge=1, description="connections at a time; beyond it, 503")
    follow_seconds: float = Field(1.0, gt=0, description="seconds between two looks for a new publication")
    fresh_seconds: int = Field(60, ge=0, description="seconds for which a client may keep an answer without asking")
    stale_hours: int = Field(30, ge=1, description="hours after midnight of the run date at which it is out of date")
    grace_seconds: int = Field(15, ge=0, description="seconds that requests under way get when the service stops")
    session_hours: float = Field(12.0, gt=0, description="hours after which a person signs in to the pages again")
    failures_allowed: int = Field(5, ge=1, description="wrong keys from an address before it is told to wait")
    failure_seconds: float = Field(60.0, gt=0, description="seconds in which wrong keys are counted")


class Pages(Section):
    """The dashboard."""

    customers_per_page: int = Field(50, ge=1, description="rows of a page of the list of customers")
    customers_found: int = Field(10, ge=1, description="customers that are shown while a name is being typed")
    trend_mornings: int = Field(14, ge=1, description="mornings that the lines of the home page go back")
    trend_seconds: float = Field(
        0.1, ge=0, description="seconds that the home page takes to read past mornings; the rest is read after it"
    )


class Files(Section):
    """A company's own files."""

    maximum_quantity: float = Field(100_000.0, gt=0, description="units of an order line above which it is absurd")


class Experiments(Section):
    """Policies judged in closed loop on the synthetic world."""

    refit_days: int = Field(7, ge=1, description="played days after which a policy's model is fitted anew")
    oracle_horizon_days: int = Field(
        14, ge=1, description="days over which the oracle counts what showing an offer changes"
    )
    bootstrap_samples: int = Field(1_000, ge=1, description="bootstrap resamples of seeds and customers")


class Engine(Section):
    """Machine limits."""

    memory_limit: str = Field("5GB", description="memory of DuckDB; beyond it, it spills to disk")
    threads: int = Field(
        default_factory=lambda: os.cpu_count() or 1, ge=1, description="threads of DuckDB and LightGBM"
    )
    kept_publications: int = Field(14, ge=1, description="publications kept for rollback")


class Settings(BaseSettings):
    """Everything that a person may change; build it with `load_settings`."""

    model_config = SettingsConfigDict(env_prefix="METRO_", env_nested_delimiter="__", frozen=True, extra="forbid")

    warehouse: Path = Field(Path("warehouse"), description="folder of tables, models and publications")
    profile: Literal["tiny", "demo", "full"] = Field("demo", description="sizes of the synthetic world")
    source: Literal["synthetic", "files"] = Field("synthetic", description="where events and catalogue come from")
    source_folder: Path | None = Field(None, description="folder of a company's own files, for source = files")
    seed: int = Field(42, ge=0, description="seed of the world and of every sample")
    history_start: date | None = Field(
        None, description="first day of the calendar; fixed when a warehouse is first filled"
    )
    sizes: Sizes = Field(default_factory=Sizes, description="sizes of the synthetic world")
    features: Features = Field(default_factory=Features, description="point-in-time features")
    candidates: Candidates = Field(default_factory=Candidates, description="retrieval")
    embeddings: Embeddings = Field(default_factory=Embeddings, description="product and customer vectors")
    sequences: Sequences = Field(default_factory=Sequences, description="what a customer buys next")
    ranking: Ranking = Field(default_factory=Ranking, description="rankers")
    uplift: Uplift = Field(default_factory=Uplift, description="incremental effect of offers")
    selection: Selection = Field(default_factory=Selection, description="the ten offers")
    evaluation: Evaluation = Field(default_factory=Evaluation, description="offline metrics")
    gate: Gate = Field(default_factory=Gate, description="champion and challenger")
    canary: Canary = Field(default_factory=Canary, description="whether the future moves what is derived")
    monitoring: Monitoring = Field(default_factory=Monitoring, description="drift")
    api: Api = Field(default_factory=Api, description="REST")
    pages: Pages = Field(default_factory=Pages, description="the dashboard")
    files: Files = Field(default_factory=Files, description="a company's own files")
    experiments: Experiments = Field(default_factory=Experiments, description="policies judged in closed loop")
    engine: Engine = Field(default_factory=Engine, description="machine limits")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what is passed in: `load_settings` merges the sources, so that their order is in one place."""
        return (init_settings,)

    @property
    def calendar_start(self) -> date:
        """First day that a partition may have."""
        return self.history_start or today() - timedelta(days=self.sizes.history_days)


def missing_libraries(names: Iterable[str]) -> list[str]:
    """Those of the named libraries that are not installed; none is imported."""
    return [name for name in names if find_spec(name) is None]


def _with_libraries(names: tuple[Named, ...]) -> tuple[Named, ...]:
    """The names, if nothing that they need is missing."""
    for name in names:
        if missing := missing_libraries(LIBRARIES.get(name, ())):
            raise ValueError(
                f"{name} needs {', '.join(missing)}, which is not installed: pip install '{WITH_LIBRARIES}'"
            )
    return names


def today() -> date:
    """Today's date where the stores are."""
    return datetime.now(ZoneInfo(TIME_ZONE)).date()


def load_settings(warehouse: Path | None = None, **asked: Any) -> Settings:
    """Settings of the warehouse: what is asked here, the environment, its settings file, the profile, the defaults.

    Parameters
    ----------
    warehouse : folder of the warehouse; default `METRO_WAREHOUSE`, else `./warehouse`.
    asked : fields of `Settings`, nested sections as dictionaries; None means not asked.

    Raises
    ------
    ConfigurationError : an unknown or ill-typed setting, or one that contradicts the world that fills the warehouse.
    """
    requested = _merged(_environment(), _without_none({**asked, "warehouse": warehouse}))
    folder = Path(requested.get("warehouse", Settings.model_fields["warehouse"].default)).resolve()
    stored = _stored(folder / SETTINGS_FILE)
    profile = requested.get("profile", stored.get("profile", Settings.model_fields["profile"].default))
    if profile not in PROFILES:
        raise ConfigurationError(f"profile = {profile!r} is unknown; choose one of {', '.join(PROFILES)}")
    sizes = PROFILES[profile].model_dump()
    if "profile" in requested:
        requested = _merged({"sizes": sizes}, requested)
    defaults: dict[str, Any] = {"sizes": sizes}
    if requested.get("source", stored.get("source")) == "files":
        defaults["ranking"] = {"without_model": "retrieval"}
    if requested.get("source_folder"):
        requested["source_folder"] = str(Path(requested["source_folder"]).resolve())
    try:
        settings = Settings(**{**_merged(defaults, stored, requested), "warehouse": folder})
    except ValidationError as error:
        raise ConfigurationError(_explained(error)) from None
    if stored:
        _refuse_another_world(folder, stored, settings)
    return settings.model_copy(update={"history_start": settings.calendar_start})


def pin_world(settings: Settings) -> None:
    """Write down which world or folder fills the warehouse, once; every later process reads it as its defaults."""
    path = settings.warehouse / SETTINGS_FILE
    if path.exists():
        return
    lines = [
        "# What fills this warehouse. Any other setting may be added here: see metro_assets/config.py.",
        f'source = "{settings.source}"',
        f"seed = {settings.seed}",
        f"history_start = {settings.calendar_start.isoformat()}",
    ]
    if settings.source_folder is not None:
        lines += [f"source_folder = {json.dumps(str(settings.source_folder), ensure_ascii=False)}"]
    if settings.source == "synthetic":
        sizes = [f"{name} = {value}" for name, value in settings.sizes.model_dump().items()]
        lines += [f'profile = "{settings.profile}"', "", "[sizes]", *sizes]
    settings.warehouse.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    temporary.replace(path)


def _environment() -> dict[str, Any]:
    prefix = str(Settings.model_config["env_prefix"]).upper()
    for name in os.environ:
        field = name.upper().removeprefix(prefix).split("__")[0].lower()
        if name == API_KEYS_VARIABLE:
            continue
        if name.upper().startswith(prefix) and field not in Settings.model_fields:
            known = ", ".join(sorted(prefix + known.upper() for known in Settings.model_fields))
            raise ConfigurationError(f"environment variable {name} names no setting; known: {known}")
    return EnvSettingsSource(Settings)()


def _stored(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not valid TOML: {error}; correct it") from None


def _refuse_another_world(folder: Path, stored: dict[str, Any], settings: Settings) -> None:
    for name in ("source", "source_folder", "seed", "history_start", "sizes"):
        kept = stored.get(name)
        now = getattr(settings, name)
        now = str(now) if isinstance(now, Path) else now
        pairs = (
            [(name, kept, now)]
            if name != "sizes"
            else [(f"sizes.{size}", value, getattr(now, size)) for size, value in (kept or {}).items()]
        )
        for label, before, asked in pairs:
            if before is not None and before != asked:
                raise ConfigurationError(
                    f"{folder} holds a world with {label} = {before}, not {asked}; "
                    f"name another folder with --warehouse, or remove {folder} with all that it holds"
                )


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    kept = {}
    for name, value in values.items():
        if isinstance(value, dict):
            value = _without_none(value)
            if not value:
                continue
        if value is not None:
            kept[name] = value
    return kept


def _merged(*layers: dict[str, Any]) -> dict[str, Any]:
    """Later layers win, section by section."""
    result: dict[str, Any] = {}
    for layer in layers:
        for name, value in layer.items():
            both = isinstance(value, dict) and isinstance(result.get(name), dict)
            result[name] = _merged(result[name], value) if both else value
    return result


def _explained(error: ValidationError) -> str:
    problems = []
    for problem in error.errors():
        name = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            problems.append(f"{name} is not a setting; see metro_assets/config.py for the names")
        else:
            text = problem["msg"].removeprefix("Value error, ").lower()
            problems.append(f"{name} = {problem['input']!r}: {text}" if name else text)
    return "; ".join(problems)
