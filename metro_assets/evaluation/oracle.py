"""What evaluation may ask of a world whose truth is known; a company's own data has no such thing."""

from __future__ import annotations

from datetime import date
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class Oracle(Protocol):
    """True probabilities of pairs, the ceiling of every ranking metric."""

    def redemption_probability(
        self,
        day: date,
        customer_id: npt.NDArray[Any],
        offer_id: npt.NDArray[Any],
        position: npt.NDArray[Any] | None = None,
        *,
        is_shown: bool = True,
    ) -> npt.NDArray[np.float64]:
        """Probability that an offer live on the day is redeemed, shown at the position (default: the top) or not."""
        ...

    def purchase_probability(
        self,
        day: date,
        customer_id: npt.NDArray[Any],
        offer_id: npt.NDArray[Any],
        position: npt.NDArray[Any] | None = None,
        *,
        is_shown: bool,
    ) -> npt.NDArray[np.float64]:
        """Probability that one of the offer's products is bought in the horizon, with the offer shown or without."""
        ...

    def unprompted_probability(
        self, day: date, customer_id: npt.NDArray[Any], offer_id: npt.NDArray[Any]
    ) -> npt.NDArray[np.float64]:
        """Probability that an offer live on the day is redeemed if the log goes on showing offers as it does."""
        ...
