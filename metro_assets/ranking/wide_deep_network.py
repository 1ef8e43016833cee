"""The network of Wide & Deep in PyTorch: how it learns, and how it scores millions of rows.

Imported only by `wide_deep`, when a model is fitted or scores.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import load, save
from torch import Tensor, nn

from metro_assets.config import ConfigurationError, WideDeep
from metro_assets.ranking.examples import Examples
from metro_assets.ranking.logistic import LogisticRanker

if TYPE_CHECKING:
    from metro_assets.ranking.wide_deep import Encoding

__all__ = ["Scorer", "learn", "load", "save"]

Floats = npt.NDArray[np.float32]
ROWS_PER_BLOCK = 8_192
"""Rows that are encoded and scored at a time: what lies in between fits the processor's cache."""
EMBEDDING_DEVIATION = 0.05
"""Standard deviation of a fresh embedding: small against standardised features."""


@dataclass(frozen=True)
class Encoded:
    """Rows as the network reads them."""

    columns: Tensor
    """Standardised features, the mean for missing ones, then the marks of missing ones, [n, columns]."""
    slots: Tensor
    """Slot of every categorical feature in the stacked dictionaries, [n, categorical]."""
    cells: Tensor
    """Cell of every cross in the stacked crosses, [n, crosses]."""


class Encoder:
    """An `Encoding` as tensors."""

    def __init__(self, encoding: Encoding) -> None:
        places = {name: place for place, name in enumerate(encoding.features)}
        self.numeric = torch.tensor(encoding.numeric, dtype=torch.int64)
        self.is_heavy = torch.from_numpy(encoding.heavy_tailed)
        self.mean = torch.tensor(encoding.mean, dtype=torch.float32)
        self.scale = torch.tensor(encoding.scale, dtype=torch.float32)
        self.marked = torch.tensor(encoding.marked, dtype=torch.int64)
        self.codes = [
            (places[name], torch.tensor(codes or [-1], dtype=torch.float32)) for name, codes in encoding.codes.items()
        ]
        sizes = [encoding.slots(name) for name in encoding.codes]
        self.slots = sum(sizes)
        ends = np.cumsum([0, *sizes]).tolist()
        self.ranges = list(pairwise(ends))
        self.first_slots = torch.tensor(ends[:-1], dtype=torch.int32)
        self.edges = [
            (places[name], torch.tensor(edges, dtype=torch.float32)) for name, edges in encoding.edges.items()
        ]
        fields = [*encoding.codes, *encoding.edges]
        self.crosses = [
            (fields.index(one), fields.index(other), encoding.slots(other), offset)
            for (one, other), offset in zip(encoding.crosses, encoding.cross_offsets[:-1], strict=True)
        ]

    def encoded(self, features: Tensor) -> Encoded:
        """Rows of features, [n, features], as the network reads them while it learns."""
        fields = self.fields(features)
        slots, cells = fields[: len(self.codes)], list(self.cells(fields))
        nothing = torch.empty((len(features), 0), dtype=torch.int32)
        return Encoded(
            columns=self.columns(features),
            slots=(torch.stack(slots, dim=1) if slots else nothing) + self.first_slots,
            cells=torch.stack(cells, dim=1) if cells else nothing,
        )

    def columns(self, features: Tensor) -> Tensor:
        """Standardised features, the mean for missing ones, then the marks of missing ones, [n, columns]."""
        values = features.index_select(1, self.numeric)
        standard = (torch.where(self.is_heavy, values.clamp_min(0.0).log1p(), values) - self.mean) / self.scale
        marks = standard.index_select(1, self.marked).isnan().to(torch.float32)
        return torch.cat([standard.nan_to_num_(nan=0.0), marks], dim=1)

    def fields(self, features: Tensor) -> list[Tensor]:
        """Slot of every categorical, then of every cut feature, each [n]."""
        by_column = features.T.contiguous()
        slots = [_slot_of_code(by_column[place], codes) for place, codes in self.codes]
        return slots + [_slot_of_value(by_column[place], edges) for place, edges in self.edges]

    def cells(self, fields: list[Tensor]) -> Iterator[Tensor]:
        """Cell of each cross among those of all crosses, each [n]."""
        for one, other, width, offset in self.crosses:
            yield torch.add(fields[other], fields[one], alpha=width) + offset


def _slot_of_code(values: Tensor, codes: Tensor) -> Tensor:
    place = torch.searchsorted(codes, values, out_int32=True).clamp_max_(len(codes) - 1)
    return torch.where(codes.index_select(0, place) == values, place + 1, 0)


def _slot_of_value(values: Tensor, edges: Tensor) -> Tensor:
    return torch.where(values.isnan(), 0, torch.bucketize(values, edges, out_int32=True) + 1)


def _log_position(position: Floats) -> Tensor:
    """Natural log of the position; an unknown position counts as the top, as in the logistic regression."""
    return torch.from_numpy(np.nan_to_num(np.log(position), nan=0.0).astype(np.float32))


class Network(nn.Module):
    """Log odds = wide + deep + position; a fresh one is the linear model that it is given."""

    def __init__(self, encoder: Encoder, buckets: int, linear: LogisticRanker, knobs: WideDeep) -> None:
        super().__init__()
        coefficients = torch.tensor(linear.coefficients, dtype=torch.float32)
        self.linear = nn.Parameter(coefficients[:-1].clone())
        self.position = nn.Parameter(coefficients[-1].clone())
        self.intercept = nn.Parameter(torch.tensor(linear.intercept, dtype=torch.float32))
        self.categories = nn.Parameter(torch.zeros(encoder.slots, 1))
        self.crosses = nn.Parameter(torch.zeros(buckets, 1))
        self.embeddings = nn.Parameter(torch.randn(encoder.slots, knobs.embedding_size) * EMBEDDING_DEVIATION)
        width = len(coefficients) - 1 + len(encoder.codes) * knobs.embedding_size
        layers: list[nn.Module] = []
        for size in knobs.hidden_sizes:
            layers += [nn.Linear(width, size), nn.ReLU(), nn.Dropout(knobs.dropout)]
            width = size
        last = nn.Linear(width, 1, bias=False)
        nn.init.zeros_(last.weight)
        self.deep = nn.Sequential(*layers, last)

    def forward(self, rows: Encoded, log_position: Tensor) -> Tensor:
        """Log odds, [n]; `cells` of the rows are buckets here."""
        embedding = nn.functional.embedding
        sparse = embedding(rows.slots, self.categories).sum((1, 2)) + embedding(rows.cells, self.crosses).sum((1, 2))
        embedded = embedding(rows.slots, self.embeddings).flatten(1)
        deep = self.deep(torch.cat([rows.columns, embedded], dim=1)).squeeze(1)
        score: Tensor = self.intercept + rows.columns @ self.linear + sparse + deep + self.position * log_position
        return score


@dataclass(frozen=True)
class Window:
    """Encoded rows of one window with what is learned from them, on one device."""

    rows: Encoded
    log_position: Tensor
    label: Tensor
    weight: Tensor
    """Relative to their mean."""

    def batch(self, chosen: Tensor) -> Window:
        """Some of the rows."""
        rows = Encoded(self.rows.columns[chosen], self.rows.slots[chosen], self.rows.cells[chosen])
        return Window(rows, self.log_position[chosen], self.label[chosen], self.weight[chosen])

    def loss(self, network: Network) -> Tensor:
        """Weighted log loss; the mean over the whole window where the rows are all of it."""
        score = network(self.rows, self.log_position)
        return nn.functional.binary_cross_entropy_with_logits(score, self.label, weight=self.weight)


def learn(
    encoding: Encoding,
    linear: LogisticRanker,
    train: Examples,
    validation: Examples | None,
    knobs: WideDeep,
    epochs: int,
    seed: int,
) -> tuple[dict[str, Floats], list[dict[str, float]], int]:
    """Parameters of the best epoch, the curve of losses from epoch 0 on, and the number of epochs that were kept.

    With a validation window the best epoch is the one with its lowest loss, and learning ends `patience` epochs after
    it; without one it is the last.
    """
    device = _device(knobs)
    with _deterministic(seed):
        encoder = Encoder(encoding)
        buckets = torch.from_numpy(encoding.buckets)
        network = Network(encoder, encoding.hash_buckets, linear, knobs).to(device)
        learned = _window(encoder, buckets, train, device)
        judged = None if validation is None else _window(encoder, buckets, validation, device)
        optimiser = torch.optim.AdamW(_groups(network, knobs), lr=knobs.learning_rate)
        curve = [_entry(0, _whole_loss(network, learned), network, judged)]
        best, parameters = 0, _parameters(network)
        for epoch in range(1, epochs + 1):
            curve.append(_entry(epoch, _learn_once(network, optimiser, learned, encoder, knobs), network, judged))
            if judged is None or curve[-1]["validation"] < curve[best]["validation"]:
                best, parameters = epoch, _parameters(network)
            elif epoch - best >= knobs.patience:
                break
    return parameters, curve, best


class Scorer:
    """Log odds of many rows: what the first layer makes of every category is looked up, not computed."""

    def __init__(self, encoding: Encoding, parameters: Mapping[str, Floats]) -> None:
        given = {name: torch.from_numpy(values.copy()) for name, values in parameters.items()}
        self.encoder = Encoder(encoding)
        weights = [given[name] for name in sorted(given, key=_layer) if name.endswith("weight")]
        biases = [given[name] for name in sorted(given, key=_layer) if name.endswith("bias")]
        columns, size = len(given["linear"]), given["embeddings"].shape[1]
        # One column more than the first layer has: the wide part.
        self.first = torch.cat([weights[0][:, :columns], given["linear"][None]]).T.contiguous()
        self.bias = torch.cat([biases[0], given["intercept"][None]])
        deep = [
            given["embeddings"][begin:end] @ weights[0][:, columns + place * size : columns + (place + 1) * size].T
            for place, (begin, end) in enumerate(self.encoder.ranges)
        ]
        self.of_category = torch.cat([torch.cat(deep or [torch.empty(0, len(biases[0]))]), given["categories"]], dim=1)
        self.of_cell = given["crosses"][:, 0][torch.from_numpy(encoding.buckets)]
        self.hidden = [(weight.T.contiguous(), bias) for weight, bias in zip(weights[1:-1], biases[1:], strict=True)]
        self.last = weights[-1][0].contiguous()
        self.position = given["position"]

    def log_odds(self, features: Floats, position: Floats, threads: int) -> npt.NDArray[np.float64]:
        """Log odds, [n]."""
        scores = np.empty(len(features), dtype=np.float64)

        def score(start: int) -> None:
            block = slice(start, start + ROWS_PER_BLOCK)
            rows = features[block]
            # Always blocks of one size: a matrix product of another shape may differ in its last bits.
            missing = ROWS_PER_BLOCK - len(rows)
            whole = np.pad(rows, ((0, missing), (0, 0))) if missing else np.ascontiguousarray(rows)
            with torch.inference_mode():
                scores[block] = self._block(torch.from_numpy(whole))[: len(rows)].numpy()

        with _one_thread(), ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            list(pool.map(score, range(0, len(features), ROWS_PER_BLOCK)))
        return scores + float(self.position) * _log_position(position).numpy()

    def _block(self, features: Tensor) -> Tensor:
        fields = self.encoder.fields(features)
        first = torch.addmm(self.bias, self.encoder.columns(features), self.first)
        if self.encoder.codes:
            slots = torch.stack(fields[: len(self.encoder.codes)], dim=1) + self.encoder.first_slots
            first += nn.functional.embedding_bag(slots, self.of_category, mode="sum")
        hidden, score = first[:, :-1].relu(), first[:, -1].clone()
        for weight, bias in self.hidden:
            hidden = torch.addmm(bias, hidden, weight).relu_()
        score += hidden @ self.last
        for cell in self.encoder.cells(fields):
            score += self.of_cell.index_select(0, cell)
        return score


def _layer(name: str) -> tuple[str, int]:
    """Sorts the layers of the deep part by their number: `deep.10.weight` after `deep.9.weight`."""
    part, _, rest = name.partition(".")
    return part, int(rest.split(".")[0]) if rest else 0


def _device(knobs: WideDeep) -> torch.device:
    device = torch.device("cuda" if knobs.device != "cpu" and torch.cuda.is_available() else "cpu")
    if device.type == "cuda":
        # Without a workspace of its own, cuBLAS refuses to be deterministic.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    elif knobs.device == "cuda":
        raise ConfigurationError("ranking.wide_deep.device = 'cuda', but PyTorch finds no GPU; set it to 'auto'")
    return device


def _window(encoder: Encoder, buckets: Tensor, examples: Examples, device: torch.device) -> Window:
    rows = encoder.encoded(torch.from_numpy(np.ascontiguousarray(examples.features)))
    weight = torch.from_numpy(examples.weight / examples.weight.mean())
    return Window(
        Encoded(rows.columns.to(device), rows.slots.to(device), buckets[rows.cells].to(device)),
        _log_position(examples.position).to(device),
        torch.from_numpy(examples.label.astype(np.float32)).to(device),
        weight.to(device),
    )


def _groups(network: Network, knobs: WideDeep) -> list[dict[str, object]]:
    """Crosses and categories decay by their own rate; the linear part and what is no weight do not decay."""
    sparse = [network.categories, network.crosses]
    plain = [network.linear, network.position, network.intercept]
    deep = [network.embeddings, *network.deep.parameters()]
    return [
        {"params": sparse, "weight_decay": knobs.wide_decay},
        {"params": plain, "weight_decay": 0.0},
        {"params": deep, "weight_decay": knobs.deep_decay},
    ]


def _learn_once(
    network: Network, optimiser: torch.optim.Optimizer, learned: Window, encoder: Encoder, knobs: WideDeep
) -> float:
    """One pass over the rows in a fresh random order; the mean loss of the batches as they were met."""
    network.train()
    first_slots = encoder.first_slots.to(learned.label.device)
    total = 0.0
    order = torch.randperm(len(learned.label)).to(first_slots.device)
    for start in range(0, len(order), knobs.batch_rows):
        chosen = order[start : start + knobs.batch_rows]
        batch = learned.batch(chosen)
        # A code is now and then taken for one that was never seen, so that the slot of those learns as well.
        forgotten = torch.rand(batch.rows.slots.shape, device=first_slots.device) < knobs.forgotten_share
        slots = torch.where(forgotten, first_slots, batch.rows.slots)
        loss = replace(batch, rows=replace(batch.rows, slots=slots)).loss(network)
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        total += loss.item() * len(chosen)
    return total / len(learned.label)


@torch.inference_mode()
def _whole_loss(network: Network, window: Window) -> float:
    network.eval()
    total = 0.0
    rows = torch.arange(len(window.label), device=window.label.device)
    for start in range(0, len(rows), ROWS_PER_BLOCK):
        chosen = rows[start : start + ROWS_PER_BLOCK]
        total += window.batch(chosen).loss(network).item() * len(chosen)
    return total / len(rows)


def _entry(epoch: int, train_loss: float, network: Network, judged: Window | None) -> dict[str, float]:
    known = {"epoch": epoch, "train": train_loss}
    return known if judged is None else {**known, "validation": _whole_loss(network, judged)}


def _parameters(network: Network) -> dict[str, Floats]:
    return {name: values.detach().cpu().numpy().copy() for name, values in network.state_dict().items()}


@contextmanager
def _one_thread() -> Iterator[None]:
    """Steps and blocks are too small to be shared among threads, and one thread adds in one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _deterministic(seed: int) -> Iterator[None]:
    """A random state of its own, deterministic kernels, one thread; all put back at the end."""
    was_deterministic = torch.are_deterministic_algorithms_enabled()
    with _one_thread(), torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(was_deterministic)
