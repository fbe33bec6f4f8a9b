"""What a critic lacks: the score test of terms that could be added to its logit.

Add ``theta phi(x, x~)`` to the logit s. Among a row's positive and its others, the posterior of being the positive is

    choice       p_ij = exp(s_ij) / sum_k exp(s_ik)                    any row offset cancels
    yes or no    p_ij = exp(s_ij) / (K + exp(s_ij)),  K others         the level of s counts

and at a critic that is right, E[phi(positive) - sum_j p_ij phi_ij] = 0 for every phi, at every number of others and for
every law of the factors, walls included. With g the mean of that difference, J the mean posterior variance of phi,

    theta ~ g / J,      gain in loss ~ g^2 / (2 J) nats,      se(g) by the infinitesimal jackknife over pairs

to first order, with nothing trained. A pair counts as a row and as a candidate of other rows. (Rao 1948; Jaeckel 1972.)
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from contrica.diagnosis.held_out import Block, HeldOut

Table = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Posterior:
    """Posterior of being the positive.

    Parameters
    ----------
    positive : Tensor of shape (block,)
        Of the positives.
    others : Tensor of shape (block, others)
        Of the others, 0 where inadmissible.
    competing : bool
        Whether a row's entries sum to 1.
    """

    positive: Tensor
    others: Tensor
    competing: bool


def choice(block: Block) -> Posterior:
    """Return the posterior of a choice of one among a row's candidates."""
    logits = torch.cat((block.positive_logits[:, None], block.other_logits), 1).softmax(1)
    return Posterior(logits[:, 0], logits[:, 1:], competing=True)


def yes_or_no(block: Block) -> Posterior:
    """Return the posterior of each pair by itself, positives and others being as many as there are."""
    counts = block.admissible.sum(1).clamp_min(1).double().log()
    positive = (block.positive_logits - counts).sigmoid()
    return Posterior(positive, (block.other_logits - counts[:, None]).sigmoid(), competing=False)


@dataclass(frozen=True, eq=False)
class Terms:
    """Score tests of several terms, each on its own; all arrays have the shape of the terms.

    Parameters
    ----------
    gradients : array
        g.
    errors : array
        Standard errors of g.
    information : array
        J; 0 where the posterior leaves nothing to choose.
    """

    gradients: Table
    errors: Table
    information: Table

    @property
    def steps(self) -> Table:
        """First-order estimate of each coefficient; 0 where there is no information."""
        return _ratio(self.gradients, self.information)

    @property
    def step_errors(self) -> Table:
        """Standard errors of the steps; infinite where there is no information."""
        return _ratio(self.errors, self.information, without=np.inf)

    @property
    def sizes(self) -> Table:
        """``g / sqrt(J)``: the square of it is twice the gain in nats."""
        return _ratio(self.gradients, np.sqrt(self.information))

    @property
    def size_errors(self) -> Table:
        """Standard errors of the sizes."""
        return _ratio(self.errors, np.sqrt(self.information))

    @property
    def gains(self) -> Table:
        """Nats of loss to be gained by each term, to first order, chance included."""
        return self.sizes**2 / 2.0


@dataclass(frozen=True, eq=False)
class BlockScores:
    """Of one block: what each row says (block, *terms), what each candidate adds (others, *terms), and J (*terms)."""

    block: Block
    rows: Tensor
    columns: Tensor
    information: Tensor


def scores_of(block: Block, posterior: Posterior, positive: Tensor, others: Tensor) -> BlockScores:
    """Return the scores of terms whose values are ``positive`` (block, terms) and ``others`` (block, others, terms)."""
    own, apart = posterior.positive, posterior.others
    mean = own[:, None] * positive + torch.einsum("ij,ijm->im", apart, others)
    columns = -torch.einsum("ij,ijm->jm", apart, others)
    if posterior.competing:
        square = own[:, None] * positive.square() + torch.einsum("ij,ijm->im", apart, others.square())
        return BlockScores(block, positive - mean, columns + apart.T @ mean, (square - mean.square()).sum(0))
    square = torch.einsum("ij,ijm->m", apart * (1 - apart), others.square())
    square += torch.einsum("i,im->m", own * (1 - own), positive.square())
    return BlockScores(block, positive - mean, columns, square)


def located_scores_of(
    block: Block, posterior: Posterior, positive: Tensor, others: Tensor, weights: Tensor
) -> BlockScores:
    """Return the scores of ``phi_m(x, x~) w_l(x)``, (terms, weights), for a choice and weights (block, weights)."""
    plain = scores_of(block, posterior, positive, others)
    own, apart = posterior.positive, posterior.others
    mean = positive - plain.rows
    square = own[:, None] * positive.square() + torch.einsum("ij,ijm->im", apart, others.square())
    columns = torch.einsum("ij,iml->jml", apart, mean[:, :, None] * weights[:, None])
    columns -= torch.einsum("ijm,il->jml", apart[:, :, None] * others, weights)
    information = torch.einsum("im,il->ml", square - mean.square(), weights.square())
    return BlockScores(block, plain.rows[:, :, None] * weights[:, None], columns, information)


def product_scores_of(block: Block, posterior: Posterior, positive: Tensor, others: Tensor) -> BlockScores:
    """Return the scores of products ``phi_k phi_l``, (terms, terms), for a choice."""
    own, apart = posterior.positive, posterior.others
    outer = positive[:, :, None] * positive[:, None]
    mean = own[:, None, None] * outer + torch.einsum("ijk,ijl->ikl", apart[:, :, None] * others, others)
    squares = others.square()
    square = own[:, None, None] * outer.square()
    square += torch.einsum("ijk,ijl->ikl", apart[:, :, None] * squares, squares)
    columns = torch.einsum("ij,ikl->jkl", apart, mean)
    columns -= torch.einsum("ijk,ijl->jkl", apart[:, :, None] * others, others)
    return BlockScores(block, outer - mean, columns, (square - mean.square()).sum(0))


def collected(held_out: HeldOut, scores: Iterable[BlockScores]) -> Terms:
    """Add up the blocks."""
    parts = list(scores)
    units, shape = held_out.units.numpy(), parts[0].information.shape
    by_unit = np.zeros((int(units.max()) + 1, *shape))
    by_column = np.zeros((len(held_out.others.codes), *shape))
    for part in parts:
        np.add.at(by_unit, units[part.block.rows.numpy()], part.rows.numpy())
        np.add.at(by_column, part.block.columns.numpy(), part.columns.numpy())
    information = np.sum([part.information.numpy() for part in parts], axis=0)
    num_rows = held_out.num_pairs
    gradients = by_unit.sum(0) / num_rows
    if held_out.shares_rows:
        np.add.at(by_unit, units, by_column)
        squares = squares_around(by_unit, np.bincount(units))
    else:
        squares = squares_around(by_unit, np.bincount(units)) + squares_around(by_column, np.ones(len(by_column)))
    return Terms(gradients, np.sqrt(squares) / num_rows, np.maximum(information, 0.0) / num_rows)


def squares_around(influences: Table, weights: npt.NDArray[Any]) -> Table:
    """Return the sum of squares around what each unit would have by its weight alone."""
    shares = (weights / weights.sum()).reshape(-1, *([1] * (influences.ndim - 1)))
    centred = influences - shares * influences.sum(0)
    return np.asarray((centred**2).sum(0) * len(influences) / max(1, len(influences) - 1))


def _ratio(above: Table, below: Table, without: float = 0.0) -> Table:
    result = np.full(np.shape(above), without)
    np.divide(above, below, out=result, where=below > NO_INFORMATION)
    return result


NO_INFORMATION = 1e-12
"""A posterior variance below this is rounding: float64 keeps 1e-16 of terms of size 1 or so."""
