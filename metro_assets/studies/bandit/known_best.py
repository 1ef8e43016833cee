"""Learning and choosing together, on a small world with a known best offer: what exploring costs and what it earns.

Every morning a hundred customers are each shown one of eight offers. How well an offer sells is its own effect, which
nobody knows, and how near it is to the customer. The prior is bad: it thinks of all offers as far worse than they are,
so that whoever never explores stays with the first that sells at all.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
from scipy.special import expit

from metro_assets.config import Bandit, Selection
from metro_assets.metrics import Floats
from metro_assets.ranking.posterior import Rows, log_odds, prior, updated
from metro_assets.selection.thompson import Block, mixture

MORNINGS, CUSTOMERS, OFFERS = 50, 100, 8
FIRST_MORNING = date(2026, 5, 18)
EFFECT = np.array([-1.6, -1.7, -1.5, -1.6, -0.4, -1.5, -1.7, -1.6])
"""Log odds of each offer at a customer of usual nearness: the fifth is the best."""
NEARNESS = 0.5
BANDIT = Bandit(prior_rate=0.005, intercept_sd=0.5, offer_sd=1.0)
RULES = Selection(slate_size=1, sampled_slates=16, exploration_budget=1)
FEATURES = ("category_affinity_score",)
POLICIES = ("thompson", "greedy", "random")


def regret(policy: str, seed: int) -> Floats:
    """Redemptions lost against the best choice for every customer, on each morning, [mornings].

    `greedy` shows what the same belief thinks best on average, `random` draws lots.
    """
    generator = np.random.default_rng(seed)
    lost = np.zeros(MORNINGS)
    belief = None
    for morning in range(MORNINGS):
        near = generator.exponential(size=(CUSTOMERS, OFFERS)).astype(np.float32)
        chance = expit(EFFECT + NEARNESS * (np.log1p(near) - 0.6))
        if belief is None:
            spread = Rows(
                near.reshape(-1, 1),
                np.ones(near.size, dtype=np.float32),
                np.zeros(near.size),
                np.ones(near.size),
                np.zeros(near.size, int),
            )
            belief = prior(spread, FEATURES, (), BANDIT)
        place = np.tile(np.searchsorted(belief.offer_id, np.arange(OFFERS)), CUSTOMERS)
        known = np.isin(np.tile(np.arange(OFFERS), CUSTOMERS), belief.offer_id)
        mean, sd = log_odds(belief, near.reshape(-1, 1), np.where(known, place, len(belief.offer_id)), BANDIT.offer_sd)
        block = Block(
            customer_id=np.arange(CUSTOMERS),
            offer_id=np.tile(np.arange(OFFERS), (CUSTOMERS, 1)),
            score=expit(mean).reshape(CUSTOMERS, OFFERS),
            category=np.tile(np.arange(OFFERS), (CUSTOMERS, 1)),
            log_odds=mean.reshape(CUSTOMERS, OFFERS).astype(np.float64),
            log_odds_sd=sd.reshape(CUSTOMERS, OFFERS).astype(np.float64),
            uncapped=OFFERS,
        )
        best, slates = mixture(block, FIRST_MORNING + timedelta(days=morning), RULES, seed)
        chosen = {
            "greedy": best[:, 0],
            "thompson": slates[:, 0, 0],
            "random": generator.integers(0, OFFERS, CUSTOMERS),
        }[policy]
        everyone = np.arange(CUSTOMERS)
        lost[morning] = (chance.max(axis=1) - chance[everyone, chosen]).sum()
        top = np.ones(CUSTOMERS, dtype=np.float32)
        label = (generator.random(CUSTOMERS) < chance[everyone, chosen]).astype(np.float64)
        shown = Rows(near[everyone, chosen][:, None], top, label, np.ones(CUSTOMERS), chosen)
        belief = updated(belief, shown, BANDIT)
    return lost
