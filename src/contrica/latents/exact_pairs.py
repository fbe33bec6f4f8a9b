"""What is exact about the law of a pair beyond its two densities: p(s~), the information, and chi-square.

    p(s~) = int p(s) p(s~|s) ds,    I = E_+[log r],    log(1 + chi2) = log E_+[r],    r = p(s~|s)/p(s~)

One class per kind of pair for which these are closed forms or one-dimensional integrals.
"""

from abc import ABC, abstractmethod

from torch import Tensor


class ExactPairs(ABC):
    """p(s~), the mutual information and the mean ratio of one kind of pair."""

    @property
    @abstractmethod
    def is_exchangeable(self) -> bool:
        """Whether p(s, s~) = p(s~, s)."""

    @property
    @abstractmethod
    def has_constant_nuisances(self) -> bool:
        """Whether Z(s) and p(s~)/Q(s~) are both constant, so that -delta is the log ratio up to one number."""

    @abstractmethod
    def positive_log_density(self, positives: Tensor) -> Tensor:
        """Return log p(s~) in nats for float64 positives (..., dim) in the space."""

    @abstractmethod
    def mutual_information(self) -> float:
        """Return E_+[log r] in nats."""

    @abstractmethod
    def log_mean_ratio(self) -> float:
        """Return ``log E_+[r] = log(1 + chi2)``, possibly infinite."""
