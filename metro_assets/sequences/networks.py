"""The two networks over a customer's baskets: SASRec looks back, BERT4Rec fills in a hidden basket. Needs torch.

After Kang and McAuley 2018 and Sun et al. 2019, with three changes for baskets of many products that come again: a
token is a basket, the sum of its products' vectors; attention has biases of order and of days between baskets in place
of absolute positions (as in T5 and TiSASRec); and the choice among all products is mixed with one among those bought
before, by how often and how long ago (as RepeatNet's two modes, Ren et al. 2019).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

EXACT_DAYS = 28
"""Ages up to four weeks have a bias each, so that weekly and shorter rhythms show; older ones share."""
COARSE_BUCKETS = 12
BUCKETS_PER_DOUBLING = 4
AGE_BUCKETS = 2 * (EXACT_DAYS + COARSE_BUCKETS) + 1
DUE_BUCKETS = 18
"""Ages in own cycles from 1/32 to 8, two per doubling, and one for what was never bought."""
NEVER = 1e-9
"""Purchases of what was never bought, so that their logarithm is finite."""


class Tokens(NamedTuple):
    """Baskets of some customers, [customers, length]; a customer's newest basket is last, absent ones come before."""

    product: Tensor
    """Products of all present baskets, one basket after the other, [lines]."""
    offset: Tensor
    """First line of every present basket, row by row, [present baskets]."""
    is_present: Tensor
    day: Tensor
    """Days since 1970-01-01; any value where absent."""
    row: Tensor
    """Customer of every line, [lines]."""
    step: Tensor
    """Place of every line's basket, [lines]."""


class Reading(NamedTuple):
    """What a network makes of its tokens, from the first asked basket on."""

    outputs: Tensor
    """[customers, length, dimension]."""
    repeat_weights: Tensor
    """How much each token counts as a purchase before, [customers, length, tokens]."""
    moment: Tensor
    """Day for which each output foresees a basket, [customers, length]."""


class BasketNetwork(nn.Module):
    """Transformer over baskets whose output is compared with the products' vectors."""

    def __init__(self, products: int, dimension: int, blocks: int, heads: int, length: int, dropout: float) -> None:
        super().__init__()
        self.length = length
        self.product = nn.Embedding(products, dimension)
        self.popularity = nn.Parameter(torch.zeros(products))
        self.before, self.after = nn.LayerNorm(dimension), nn.LayerNorm(dimension)
        self.blocks = nn.ModuleList([Block(dimension, heads, length, dropout) for _ in range(blocks)])
        self.dropout = nn.Dropout(dropout)
        self.repeat_share = nn.Linear(dimension, 1)
        self.repeat_order = nn.Linear(dimension, dimension, bias=False)
        self.repeat_age = nn.Parameter(torch.zeros(AGE_BUCKETS, 1))
        self.repeat_due = nn.Parameter(torch.zeros(DUE_BUCKETS, 1))
        self.count = nn.Parameter(torch.zeros(dimension))
        nn.init.zeros_(self.repeat_order.weight)
        nn.init.normal_(self.product.weight, std=dimension**-0.5)

    def basket_vectors(self, tokens: Tokens) -> Tensor:
        """Sum of the vectors of a basket's products over the root of their number, [customers, length, dimension]."""
        summed = functional.embedding_bag(tokens.product, self.product.weight, tokens.offset, mode="sum")
        end = torch.cat([tokens.offset[1:], tokens.offset.new_tensor([len(tokens.product)])])
        count = (end - tokens.offset).clamp(min=1).to(summed.dtype)
        vectors = summed.new_zeros((*tokens.is_present.shape, summed.shape[1]))
        vectors[tokens.is_present] = self.before(summed / count.sqrt()[:, None])
        return vectors

    def read(
        self, vectors: Tensor, may_see: Tensor, may_repeat: Tensor, day: Tensor, moment: Tensor, only_newest: bool
    ) -> Reading:
        """Outputs for baskets on the days `moment` [customers, length] of tokens of the days `day`.

        `may_see` and `may_repeat` [customers, query, key]: what is attended to, what counts as a purchase before.
        `only_newest`: of the last query alone, for which the last block need not look at the others.
        """
        asked = slice(-1, None) if only_newest else slice(None)
        early = slice(None) if len(self.blocks) > 1 else asked
        bucket = age_bucket(moment[:, early, None] - day[:, None, :])
        seen = torch.log1p(may_see.sum(dim=-1, keepdim=True))
        hidden = self.dropout(vectors) + seen * self.count
        for place, block in enumerate(self.blocks, 1):
            queries = asked if place == len(self.blocks) else slice(None)
            hidden = block(hidden, may_see[:, queries], bucket if queries == early else bucket[:, queries], queries)
        bucket, moment = bucket if asked == early else bucket[:, asked], moment[:, asked]
        weights = functional.embedding(bucket, self.repeat_age.exp())[..., 0] * may_repeat[:, asked]
        return Reading(self.after(hidden), weights, moment)

    def log_probabilities(
        self, outputs: Tensor, bought: tuple[Tensor, Tensor], purchases: Tensor, due: Tensor, products: Tensor
    ) -> Tensor:
        """Of the next line being each of some products, [customers, asked products].

        A mixture of a choice among all products and one among those bought before, by how often and how long ago.

        Parameters
        ----------
        outputs : [customers, dimension].
        bought : rows and products of the pairs of a customer and a product bought before, [pairs] each.
        purchases : sums of the repeat weights over the baskets with the product, [pairs].
        due : `due_bucket`, [pairs].
        products : which are asked for; both choices are among all.
        """
        anew = self.scores(outputs, self.product.weight, self.popularity)
        again = self.scores(self.repeat_order(outputs), self.product.weight, self.habit(*_never(purchases, due)))
        again[bought] += self.habit(purchases, due) - self.habit(*_never(purchases, due))
        return self.mixed(
            outputs,
            anew[:, products] - torch.logsumexp(anew, dim=-1, keepdim=True),
            again[:, products] - torch.logsumexp(again, dim=-1, keepdim=True),
        )

    def scores(self, outputs: Tensor, vectors: Tensor, popularity: Tensor) -> Tensor:
        """Of products to be bought whether or not they were before."""
        return outputs @ vectors.transpose(-1, -2) + popularity

    def repeat_scores(self, outputs: Tensor, vectors: Tensor, purchases: Tensor, due: Tensor) -> Tensor:
        """Of products to be bought again."""
        return self.scores(self.repeat_order(outputs), vectors, self.habit(purchases, due))

    def habit(self, purchases: Tensor, due: Tensor) -> Tensor:
        """What the purchases before say of a product to be bought again."""
        return torch.log(purchases + NEVER) + functional.embedding(due, self.repeat_due)[..., 0]

    def mixed(self, outputs: Tensor, anew: Tensor, again: Tensor) -> Tensor:
        """Logarithm of the mixture of two choices; their shares are the customer's own."""
        share = self.repeat_share(outputs)
        return torch.logaddexp(functional.logsigmoid(-share) + anew, functional.logsigmoid(share) + again)


class SASRec(BasketNetwork):
    """Each basket sees itself and those before it; its output is for the basket after it."""

    def forward(self, tokens: Tokens, moment: Tensor, only_newest: bool = False) -> Reading:
        """Outputs per basket; `moment` [customers, length] are the days for which they foresee the next one."""
        past = _earlier(tokens.day.shape[1]) & tokens.is_present[:, None, :]
        may_see = past | torch.eye(tokens.day.shape[1], dtype=torch.bool)
        return self.read(self.basket_vectors(tokens), may_see, past, tokens.day, moment, only_newest)


class BERT4Rec(BasketNetwork):
    """Every basket sees all others; the output of a hidden basket is for its own products."""

    def __init__(self, products: int, dimension: int, blocks: int, heads: int, length: int, dropout: float) -> None:
        super().__init__(products, dimension, blocks, heads, length, dropout)
        self.hidden = nn.Parameter(torch.zeros(dimension))
        nn.init.normal_(self.hidden, std=1.0)

    def forward(self, tokens: Tokens, is_hidden: Tensor, only_newest: bool = False) -> Reading:
        """Outputs per basket; `is_hidden` [customers, length] are the baskets whose products must not be read."""
        length = tokens.day.shape[1]
        vectors = torch.where(is_hidden[:, :, None], self.hidden, self.basket_vectors(tokens))
        may_see = (tokens.is_present | is_hidden)[:, None, :] | torch.eye(length, dtype=torch.bool)
        may_repeat = (tokens.is_present & ~is_hidden)[:, None, :] & _earlier(length)
        return self.read(vectors, may_see, may_repeat, tokens.day, tokens.day, only_newest)


def _earlier(length: int) -> Tensor:
    """Which places are not after which, [query, key]."""
    return torch.ones(length, length, dtype=torch.bool).tril()


class Block(nn.Module):
    """Attention and a feed-forward layer, each normalised before and added (pre-norm)."""

    def __init__(self, dimension: int, heads: int, length: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.length, self.share = heads, length, dropout
        self.before_attention, self.before_layer = nn.LayerNorm(dimension), nn.LayerNorm(dimension)
        self.mixed = nn.Linear(dimension, 3 * dimension)
        self.joined = nn.Linear(dimension, dimension)
        self.order_bias = nn.Parameter(torch.zeros(2 * length + 1, heads))
        self.age_bias = nn.Parameter(torch.zeros(AGE_BUCKETS, heads))
        self.layer = nn.Sequential(
            nn.Linear(dimension, 2 * dimension), nn.GELU(), nn.Linear(2 * dimension, dimension), nn.Dropout(dropout)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor, may_see: Tensor, bucket: Tensor, queries: slice) -> Tensor:
        """Outputs [customers, queries, dimension] of the queries among the inputs [customers, length, dimension].

        Parameters
        ----------
        may_see, bucket : [customers, queries, length].
        """
        customers, length, dimension = hidden.shape
        mixed = self.mixed(self.before_attention(hidden))
        query, key, value = mixed.view(customers, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        step = torch.arange(length)
        order = (step[queries, None] - step[None, :]).clamp(-self.length, self.length) + self.length
        bias = self.order_bias[order] + functional.embedding(bucket, self.age_bias)
        bias = bias.masked_fill(~may_see[..., None], float("-inf")).permute(0, 3, 1, 2)
        seen = functional.scaled_dot_product_attention(query[:, :, queries], key, value, attn_mask=bias)
        joined = self.joined(seen.transpose(1, 2).reshape(customers, -1, dimension))
        hidden = hidden[:, queries] + self.dropout(joined)
        added: Tensor = hidden + self.layer(self.before_layer(hidden))
        return added


def _never(purchases: Tensor, due: Tensor) -> tuple[Tensor, Tensor]:
    """Purchases and due bucket of what was never bought."""
    return purchases.new_zeros(()), due.new_zeros(())


def age_bucket(age: Tensor) -> Tensor:
    """Number of the bias of a distance in days: one per day up to `EXACT_DAYS`, then four per doubling, both signs."""
    size = age.abs()
    coarse = (torch.log2(size.clamp(min=EXACT_DAYS) / EXACT_DAYS) * BUCKETS_PER_DOUBLING).ceil().long()
    bucket = size.clamp(max=EXACT_DAYS) + coarse.clamp(max=COARSE_BUCKETS)
    return torch.sign(age).long() * bucket + EXACT_DAYS + COARSE_BUCKETS


def due_bucket(count: Tensor, last: Tensor, first: Tensor, moment: Tensor) -> Tensor:
    """Number of the bias of how due a product is: its age since the last purchase in cycles of its own.

    A cycle is the time since the customer's first basket over the number of purchases.

    Parameters
    ----------
    count, last : purchases of the product before and day of the newest, [..., products].
    first, moment : day of the customer's first basket and day that is asked for, [..., 1].
    """
    span = (moment - first).clamp(min=1)
    cycles = (moment - last).clamp(min=0.5) * count / span
    bucket = (2 * torch.log2(cycles.clamp(min=2.0**-5))).round().clamp(max=6).long() + 11
    return torch.where(count > 0, bucket, torch.zeros_like(bucket))
