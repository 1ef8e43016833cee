"""Fitting a network on what was bought before a cut-off: one loss for both, stopped early. Needs torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from metro_assets.config import Sequences
from metro_assets.sequences.baskets import Baskets, Integers, day_number, newest_baskets
from metro_assets.sequences.networks import BasketNetwork, BERT4Rec, Reading, SASRec, Tokens, due_bucket

NETWORKS: dict[str, type[BasketNetwork]] = {"sasrec": SASRec, "bert4rec": BERT4Rec}
WEIGHTS, DESCRIPTION = "network.safetensors", "network.json"


class TooFewBasketsError(ValueError):
    """Nothing to learn an order from before the cut-off; the message says how much is needed."""


@dataclass(frozen=True)
class NextItemModel:
    """A fitted network with the products that it knows."""

    name: str
    catalogue: Integers
    """Numbers of the products that it scores, ascending."""
    log_popularity: npt.NDArray[np.float32]
    """Logarithm of each product's share of the lines that it learned from: the scores of a customer without history."""
    network: BasketNetwork
    shape: dict[str, Any]
    """Arguments of the network."""

    def save(self) -> dict[str, bytes]:
        """The weights as safetensors, the rest as JSON."""
        described = {"name": self.name, "catalogue": self.catalogue.tolist(), "shape": self.shape}
        tensors = {**self.network.state_dict(), "log_popularity": torch.from_numpy(self.log_popularity)}
        return {WEIGHTS: save_tensors(tensors), DESCRIPTION: json.dumps(described).encode()}

    @classmethod
    def load(cls, files: Mapping[str, bytes]) -> Self:
        """The model from its files."""
        described = json.loads(files[DESCRIPTION])
        tensors = load_tensors(files[WEIGHTS])
        log_popularity = tensors.pop("log_popularity").numpy()
        network = NETWORKS[described["name"]](**described["shape"])
        network.load_state_dict(tensors)
        catalogue = np.asarray(described["catalogue"], dtype=np.int64)
        return cls(described["name"], catalogue, log_popularity, network.eval(), described["shape"])


@dataclass(frozen=True)
class Fit:
    """A model and how it was learned."""

    model: NextItemModel
    curve: list[dict[str, float]]
    """Per epoch: loss on what it learns from, loss on the validation days, nats per line."""
    metadata: dict[str, Any]


def fit_next_item(
    baskets: Baskets, cutoff: date, settings: Sequences, seed: int, threads: int, name: str | None = None
) -> Fit:
    """Learn from baskets before the cut-off; its newest `validation_days` only say when to stop.

    The loss is the cross-entropy of the next (BERT4Rec: the hidden) basket's products, each basket counting once, over
    all products or over drawn ones (`softmax_loss`). Validation is the loss over all products of each
    customer's first basket in the validation days, foreseen on the first morning, for both networks alike. `name` is
    another network than that of the settings.
    """
    name = name or settings.network
    seed = own_seed(seed, name, cutoff)
    torch.set_num_threads(threads)
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    validation_day = day_number(cutoff) - settings.validation_days
    learned = baskets.taken(baskets.known_at(validation_day))
    catalogue, lines = np.unique(learned.product, return_counts=True)
    windows = newest_baskets(learned, validation_day, settings.most_baskets + 1)[1]
    first_target = validation_day - settings.target_days
    windows = windows[(windows[:, -2] >= 0) & (learned.day[windows[:, -1]] >= first_target)]
    if not len(windows):
        raise TooFewBasketsError(
            f"nobody has two baskets in the {settings.history_days} days before {settings.validation_days} days before "
            f"{cutoff}; choose a later run date"
        )
    coded = learned.coded(catalogue)
    share = (lines / lines.sum()).astype(np.float32)
    shape: dict[str, Any] = {
        "products": len(catalogue),
        "dimension": settings.dimension,
        "blocks": settings.blocks,
        "heads": settings.heads,
        "length": settings.most_baskets + 1,
        "dropout": settings.dropout,
    }
    network = NETWORKS[name](**shape)
    with torch.no_grad():
        network.popularity.copy_(torch.from_numpy(np.log(share)))
    model = NextItemModel(name, catalogue, np.log(share), network, shape)
    judged = _validation_queries(baskets.coded(catalogue), validation_day, day_number(cutoff), settings)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    drawn_from = torch.from_numpy(share) if len(catalogue) > settings.full_softmax_products else None
    curve: list[dict[str, float]] = []
    best, kept = np.inf, {key: value.clone() for key, value in network.state_dict().items()}
    for epoch in range(settings.maximum_epochs):
        network.train()
        losses = []
        for rows in _batches(windows, settings.batch_customers, generator):
            loss = _loss(network, coded, rows, first_target, settings, drawn_from, generator)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            losses.append(float(loss.detach()))
        network.eval()
        validation = _validation_loss(model, judged, settings)
        curve.append({"epoch": epoch + 1, "train": float(np.mean(losses)), "validation": validation})
        if validation < best:
            best, kept = validation, {key: value.clone() for key, value in network.state_dict().items()}
        elif epoch - int(np.nanargmin([row["validation"] for row in curve])) >= settings.patience_epochs:
            break
    network.load_state_dict(kept)
    best_epoch = min(curve, key=lambda row: np.nan_to_num(row["validation"], nan=np.inf))
    metadata = {
        "network": name,
        "cut-off": str(cutoff),
        "shape": shape,
        "rows": {
            "windows": len(windows),
            "baskets": len(learned),
            "lines": len(learned.product),
            "validation baskets": len(judged.target),
        },
        "metrics": {
            "epochs": len(curve),
            "validation_loss": best_epoch["validation"],
            "best_epoch": best_epoch["epoch"],
        },
        "curve": curve,
        "seed": seed,
        "library_versions": {"torch": torch.__version__},
    }
    return Fit(model, curve, metadata)


def own_seed(seed: int, purpose: str, cutoff: date) -> int:
    """A seed of its own for every purpose and cut-off."""
    return int.from_bytes(hashlib.blake2b(f"{seed}:{purpose}:{cutoff}".encode(), digest_size=4).digest()) >> 1


def _loss(
    network: BasketNetwork,
    coded: Baskets,
    rows: Integers,
    first_target: int,
    settings: Sequences,
    drawn_from: Tensor | None,
    generator: torch.Generator,
) -> Tensor:
    """Mean loss of the baskets that the network has to name."""
    rows = rows[:, (rows >= 0).any(axis=0)]
    day = coded.day[rows]
    may_ask = (rows >= 0) & (day >= first_target)
    if isinstance(network, SASRec):
        tokens, targets = tokens_of(coded, rows[:, :-1]), rows[:, 1:]
        asked = may_ask[:, 1:] & (rows[:, :-1] >= 0)
        reading = network(tokens, torch.from_numpy(mornings(day[:, :-1], day[:, 1:], generator)))
        readable = tokens.is_present
    else:
        tokens, targets = tokens_of(coded, rows), rows
        asked = hidden_baskets(may_ask, settings.hidden_share, generator)
        previous = np.where(rows[:, :-1] >= 0, day[:, :-1], day[:, 1:] - 1)
        day[:, 1:] = np.where(asked[:, 1:], mornings(previous, day[:, 1:], generator), day[:, 1:])
        reading = network(tokens._replace(day=torch.from_numpy(day)), torch.from_numpy(asked))
        readable = tokens.is_present & ~torch.from_numpy(asked)
    first = int(asked.any(axis=0).argmax())
    reading = Reading(*(part[:, first:] for part in reading))
    wanted = tokens_of(coded, np.where(asked, targets, -1)[:, first:])
    return softmax_loss(network, reading, tokens, readable, wanted, drawn_from, settings.sampled_products, generator)


def mornings(previous: Integers, following: Integers, generator: torch.Generator) -> Integers:
    """Days for which a following basket is foreseen: each day after the previous one until its own is as likely.

    As run dates fall: on the morning of a run date nobody knows on which day the customer comes next.
    """
    drawn = torch.rand(following.shape, generator=generator).numpy()
    moment: Integers = following - np.floor(drawn * (following - previous)).astype(np.int64)
    return moment


def hidden_baskets(may_hide: npt.NDArray[np.bool_], share: float, generator: torch.Generator) -> npt.NDArray[np.bool_]:
    """Which baskets are hidden: a share of those that may be, and for half of the customers the newest alone, as when
    it serves; at least the newest.
    """
    hidden = torch.rand(may_hide.shape, generator=generator).numpy() < share
    hidden[torch.rand(len(may_hide), generator=generator).numpy() < 0.5] = False
    hidden &= may_hide
    hidden[~hidden.any(axis=1), -1] = True
    return hidden


def softmax_loss(
    network: BasketNetwork,
    reading: Reading,
    tokens: Tokens,
    readable: Tensor,
    wanted: Tokens,
    drawn_from: Tensor | None,
    draws: int,
    generator: torch.Generator,
) -> Tensor:
    """Cross-entropy of the wanted baskets' products, nats per line, the mean of a basket first.

    Without `drawn_from` the choice among all products is over all. With these shares q of the products, its sum is
    estimated: a customer's own products (of the baskets read or wanted) are surely in it and count as they are; drawn
    ones that are not own count exp(score) / (draws q), the logQ correction (Bengio and Senécal 2008).
    """
    own = _own_products(tokens, wanted, network.product.num_embeddings)
    read, named = own.place[: len(tokens.row)], own.place[len(tokens.row) :]
    bought, due = _bought(tokens, readable, read, own.product.shape[1], reading.moment)
    vectors, absent = network.product.weight[own.product], ~own.is_own[:, None]
    again = network.repeat_scores(reading.outputs, vectors, reading.repeat_weights @ bought, due)
    again = torch.log_softmax(again.masked_fill(absent, float("-inf")), dim=-1)
    asked = (wanted.row, wanted.step)
    if drawn_from is None:
        scores = network.scores(reading.outputs, network.product.weight, network.popularity)
        anew = scores[(*asked, wanted.product)] - torch.logsumexp(scores, dim=-1)[asked]
    else:
        of_own = network.scores(reading.outputs, vectors, network.popularity[own.product][:, None])
        of_own = of_own.masked_fill(absent, float("-inf"))
        sample = torch.multinomial(drawn_from, draws, replacement=True, generator=generator)
        of_drawn = network.scores(reading.outputs, network.product.weight[sample], network.popularity[sample])
        of_drawn = of_drawn - torch.log(draws * drawn_from[sample])
        of_drawn = of_drawn.masked_fill(own.holds[:, sample][:, None], float("-inf"))
        total = torch.logaddexp(torch.logsumexp(of_own, dim=-1), torch.logsumexp(of_drawn, dim=-1))
        anew = of_own[(*asked, named)] - total[asked]
    likelihood = network.mixed(reading.outputs[asked], anew[:, None], again[(*asked, named)][:, None])
    return _mean_of_baskets(likelihood[:, 0], wanted)


class _Own(NamedTuple):
    """The products of each customer's baskets."""

    product: Tensor
    """[customers, most products], ascending, 0 beyond a customer's last."""
    is_own: Tensor
    """Whether there is one, [customers, most products]."""
    place: Tensor
    """Column of the product of every line, first those that are read, then those that are wanted."""
    holds: Tensor
    """[customers, products]."""


def _own_products(tokens: Tokens, wanted: Tokens, products: int) -> _Own:
    customers = len(tokens.day)
    holds = torch.zeros(customers, products, dtype=torch.bool)
    row = torch.cat([tokens.row, wanted.row])
    product = torch.cat([tokens.product, wanted.product])
    holds[row, product] = True
    column = holds.cumsum(dim=1) - 1
    own = torch.zeros(customers, int(column[:, -1].max()) + 1, dtype=torch.long)
    owner, owned = holds.nonzero(as_tuple=True)
    own[owner, column[owner, owned]] = owned
    is_own = torch.arange(own.shape[1]) <= column[:, -1:]
    return _Own(own, is_own, column[row, product], holds)


def _bought(tokens: Tokens, readable: Tensor, column: Tensor, columns: int, moment: Tensor) -> tuple[Tensor, Tensor]:
    """Which token holds which product, [customers, tokens, columns], and how due each is at the newest moments."""
    bought = torch.zeros(*tokens.day.shape, columns)
    bought[tokens.row, tokens.step, column] = 1.0
    bought *= readable[:, :, None]
    day = tokens.day.to(bought.dtype)
    first = torch.where(readable, day, torch.inf).amin(dim=1)[:, None, None]
    newest = slice(tokens.day.shape[1] - moment.shape[1], None)
    count = bought.cumsum(dim=1)[:, newest]
    last = (bought * day[:, :, None]).cummax(dim=1).values[:, newest]
    return bought, due_bucket(count, last, first, moment[:, :, None].to(bought.dtype))


def _mean_of_baskets(likelihood: Tensor, wanted: Tokens) -> Tensor:
    """Minus the mean over baskets of the mean over their lines."""
    length = wanted.day.shape[1]
    basket = wanted.row * length + wanted.step
    lines = torch.bincount(basket, minlength=wanted.day.numel()).to(likelihood.dtype)
    sums = torch.zeros_like(lines).index_add(0, basket, likelihood)
    return -(sums / lines.clamp(min=1.0)).sum() / (lines > 0).sum()


def tokens_of(coded: Baskets, places: Integers) -> Tokens:
    """The baskets at the places [customers, length] as the networks read them; -1 is absent."""
    is_present = places >= 0
    row, step = np.nonzero(is_present)
    lines, counts = coded.lines_of(places[is_present])
    return Tokens(
        product=torch.from_numpy(coded.product[lines]),
        offset=torch.from_numpy(np.cumsum(counts) - counts),
        is_present=torch.from_numpy(is_present),
        day=torch.from_numpy(coded.day[np.where(is_present, places, 0)]),
        row=torch.from_numpy(np.repeat(row, counts)),
        step=torch.from_numpy(np.repeat(step, counts)),
    )


def next_item_log_probabilities(
    network: BasketNetwork, coded: Baskets, places: Integers, moment: Integers, products: Integers | None = None
) -> Tensor:
    """Of each customer's next line being each product, on a morning, `moment` [customers]: [customers, products].

    `products` are places in the catalogue; all where none are asked for.
    """
    places = places[:, (places >= 0).any(axis=0)]
    tokens = tokens_of(coded, places)
    asked = torch.from_numpy(moment)
    if isinstance(network, SASRec):
        reading = network(tokens, asked[:, None].expand(-1, places.shape[1]), only_newest=True)
    else:
        ahead = torch.ones(len(places), 1, dtype=torch.bool)
        reading = network(
            tokens._replace(
                is_present=torch.cat([tokens.is_present, ~ahead], dim=1),
                day=torch.cat([tokens.day, asked[:, None]], dim=1),
            ),
            torch.cat([torch.zeros_like(tokens.is_present), ahead], dim=1),
            only_newest=True,
        )
    shape = (len(places), network.product.num_embeddings)
    cell = tokens.row * shape[1] + tokens.product
    day = tokens.day.to(torch.float32)
    count = torch.zeros(shape).view(-1).index_add(0, cell, torch.ones(len(cell)))
    purchases = torch.zeros(shape).view(-1).index_add(0, cell, reading.repeat_weights[tokens.row, -1, tokens.step])
    last = torch.zeros(shape).view(-1).scatter_reduce(0, cell, day[tokens.row, tokens.step], "amax")
    first = torch.where(tokens.is_present, day, torch.inf).amin(dim=1)
    bought = count.nonzero()[:, 0]
    row, product = bought // shape[1], bought % shape[1]
    due = due_bucket(count[bought], last[bought], first[row], asked[row].to(torch.float32))
    wanted = torch.arange(shape[1]) if products is None else torch.from_numpy(products)
    return network.log_probabilities(reading.outputs[:, -1], (row, product), purchases[bought], due, wanted)


@dataclass(frozen=True)
class _Queries:
    """Baskets to foresee: what was known of each customer on the morning of the day, and what was then bought."""

    coded: Baskets
    places: Integers
    moment: Integers
    target: Integers


def _validation_queries(coded: Baskets, first_day: int, end_day: int, settings: Sequences) -> _Queries:
    """Each customer's first basket from the first day on, of those with a basket before."""
    customers, places = newest_baskets(coded, first_day, settings.most_baskets)
    later = np.flatnonzero((coded.day >= first_day) & (coded.day < end_day) & (np.diff(coded.line_start) > 0))
    buyers, first = np.unique(coded.customer_id[later], return_index=True)
    _, of_customers, of_buyers = np.intersect1d(customers, buyers, return_indices=True)
    target = later[first[of_buyers]]
    return _Queries(coded, places[of_customers], np.full(len(target), first_day), target)


def _validation_loss(model: NextItemModel, queries: _Queries, settings: Sequences) -> float:
    """Nats per line of the baskets to foresee, over all products; NaN without any."""
    losses = []
    with torch.no_grad():
        for start in range(0, len(queries.target), settings.customers_per_block):
            block = slice(start, start + settings.customers_per_block)
            chances = next_item_log_probabilities(
                model.network, queries.coded, queries.places[block], queries.moment[block]
            )
            lines, counts = queries.coded.lines_of(queries.target[block])
            basket = torch.from_numpy(np.repeat(np.arange(len(counts)), counts))
            likelihood = chances[basket, torch.from_numpy(queries.coded.product[lines])]
            of_basket = torch.zeros(len(counts)).index_add(0, basket, likelihood)
            losses.append((-of_basket / torch.from_numpy(counts)).numpy())
    return float(np.concatenate(losses).mean()) if losses else float("nan")


def _batches(windows: Integers, size: int, generator: torch.Generator) -> Iterator[Integers]:
    """Windows in random order, some at a time."""
    order = torch.randperm(len(windows), generator=generator).numpy()
    for start in range(0, len(order), size):
        yield windows[order[start : start + size]]
