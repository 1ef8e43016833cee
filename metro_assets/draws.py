"""Counter-based random draws: the same (seed, purpose, keys) give the same number, whatever the order.

The hash is the finaliser of SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number
generators"), chained over the keys. Common random numbers follow: two policies tried on one world see the same
customers.
"""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

Floats = npt.NDArray[np.float64]
Bits = npt.NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


@cache
def _start(seed: int, purpose: str) -> np.uint64:
    digest = hashlib.blake2b(f"{seed}:{purpose}".encode(), digest_size=8).digest()
    return np.uint64(int.from_bytes(digest, "little"))


def _mix(state: Bits) -> Bits:
    state = (state ^ (state >> np.uint64(30))) * _MIX_1
    state = (state ^ (state >> np.uint64(27))) * _MIX_2
    return state ^ (state >> np.uint64(31))


def bits(seed: int, purpose: str, *keys: npt.ArrayLike) -> Bits:
    """64 random bits per element of the broadcast integer keys (at least one key)."""
    state: Bits = np.asarray(_start(seed, purpose))
    with np.errstate(over="ignore"):
        for key in keys:
            state = _mix((state ^ np.asarray(key).astype(np.uint64)) + _GOLDEN)
    return state


def uniform(seed: int, purpose: str, *keys: npt.ArrayLike) -> Floats:
    """Uniform draws on the open interval (0, 1), one per element of the broadcast keys."""
    return ((bits(seed, purpose, *keys) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def normal(seed: int, purpose: str, *keys: npt.ArrayLike) -> Floats:
    """Standard normal draws by inversion, one per element of the broadcast keys."""
    return np.asarray(ndtri(uniform(seed, purpose, *keys)), dtype=np.float64)


def quick_bits(seed: int, purpose: str, keys: npt.NDArray[np.uint32], moment: npt.ArrayLike) -> npt.NDArray[np.uint32]:
    """32 random bits per key at a moment, for arrays of millions; the keys must be hashes already.

    The mixer is "lowbias32" of C. Wellons' hash prospector (2018).
    """
    start = _start(seed, purpose)
    with np.errstate(over="ignore"):
        offset = (np.asarray(moment).astype(np.uint32) * np.uint32(0x9E3779B9)) ^ np.uint32(
            start & np.uint64(0xFFFFFFFF)
        )
        state: npt.NDArray[np.uint32] = keys ^ offset
        state ^= state >> np.uint32(16)
        state *= np.uint32(0x7FEB352D)
        state ^= state >> np.uint32(15)
        state *= np.uint32(0x846CA68B)
        state ^= state >> np.uint32(16)
    return state


NORMAL_TABLE: npt.NDArray[np.float32] = ndtri((np.arange(4096) + 0.5) / 4096).astype(np.float32)
"""Standard normal quantiles: a table look-up turns twelve random bits into a normal draw."""


def choice(weights: npt.ArrayLike, uniforms: Floats) -> npt.NDArray[np.int64]:
    """Index drawn with probability proportional to `weights` [n], one per uniform draw."""
    cumulative = np.cumsum(np.asarray(weights, dtype=np.float64))
    index = np.searchsorted(cumulative, uniforms * cumulative[-1], side="right")
    return np.asarray(np.minimum(index, len(cumulative) - 1), dtype=np.int64)
