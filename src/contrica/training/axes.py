"""Turns the codes to the axes along which pairs differ: a shortcut past the plateau where all but the axes is found.

    d = f(x) - f(x~),    M = ICA(d),    rows scaled so that mean |M d|^p = 1/p,    f <- M f

Where pairs differ by independent, non-normal noise per factor, codes that are an affine map of the factors have
differences whose independent components are the factors' axes, whatever the marginals. Under the critic alone the last
rotation is slow to find: it is worth some hundredths of a nat. The map changes parameters, not the objective, and the
optimum stays where it was. (Symmetric FastICA with tanh: Hyvarinen 1999, IEEE Trans. Neural Networks 10:626-634, by
scikit-learn's solver.)
"""

import warnings

import numpy as np
import torch
from jaxtyping import Float
from sklearn.decomposition import FastICA
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from contrica import _checks
from contrica.encoders import MLP
from contrica.encoders.outputs import Unbounded
from contrica.errors import DomainError, DtypeError, UnreliableScoreError
from contrica.pairs.batch import PairBatch

ITERATIONS = 100
"""FastICA converges within some tens, or there is nothing to find."""

TOLERANCE = 1e-6
"""Iteration ends when no component turns by more than about the root of twice this, in radians."""

ROWS_PER_ENTRY = 10
"""A code_dim x code_dim map is fitted: fewer pairs than ten per entry of a row would follow their noise."""

ROWS_AT_ONCE = 4096
"""Observations are encoded in chunks of this many."""


@torch.no_grad()
def turn_to_axes(
    encoder: MLP, pairs: PairBatch, *, exponent: float, calibrate: bool = True
) -> Float[Tensor, "code_dim code_dim"]:
    """Multiply the codes by the unmixing of their pair differences, in place, and return that matrix.

    Parameters
    ----------
    encoder : MLP
        With `Unbounded` output.
    pairs : PairBatch
        At least ten pairs per code; some thousands serve.
    exponent : float
        p of the critic's ``sum |t|^p``, p != 2: codes are scaled to it. For p = 2 the axes are free and turning is
        of no use.
    calibrate : bool
        Whether codes get the scale that is right for that critic. False leaves the mean of ``sum |d|^p`` as it was, for
        objectives whose optimum has another scale, such as those in which an anchor meets itself.

    Raises
    ------
    DtypeError, DomainError
        If the encoder is no unbounded MLP, or the exponent is 2 or not positive.
    UnreliableScoreError
        If there are too few pairs, or the codes of pairs differ in fewer directions than there are codes.

    Numerics: float64; the order of the components follows the codes that they were, as nearly as a permutation can.
    """
    if not isinstance(encoder, MLP):
        raise DtypeError(f"encoder must be a contrica MLP, got {type(encoder).__name__}; turn others by hand")
    if not isinstance(encoder.output, Unbounded):
        raise DomainError(f"codes must be unbounded to be turned, got {type(encoder.output).__name__}; use Unbounded")
    if _checks.positive(exponent, "exponent") == 2.0:
        raise DomainError("exponent must differ from 2, where axes are free, got 2; leave the codes as they are")
    if pairs.num_pairs < ROWS_PER_ENTRY * encoder.code_dim:
        raise UnreliableScoreError(
            f"{encoder.code_dim} codes need {ROWS_PER_ENTRY * encoder.code_dim} pairs, got {pairs.num_pairs}; draw more"
        )
    views = zip(pairs.anchors.split(ROWS_AT_ONCE), pairs.positives.split(ROWS_AT_ONCE), strict=True)
    differences = torch.cat([encoder(anchors) - encoder(positives) for anchors, positives in views]).double()
    turn = unmixing(differences)
    moments = (differences @ turn.T).abs().pow(exponent).mean(0) * exponent
    if not calibrate:
        moments *= encoder.code_dim / (exponent * differences.abs().pow(exponent).sum(1).mean())
    turn /= moments.pow(1.0 / exponent)[:, None]
    for layer in (encoder.last, encoder.skip):
        if layer is not None:
            layer.weight.copy_(turn.to(layer.weight) @ layer.weight)
            layer.bias.copy_(turn.to(layer.bias) @ layer.bias)
    return turn


def unmixing(differences: Float[Tensor, "pairs dim"]) -> Float[Tensor, "dim dim"]:
    """Return the matrix whose products with the rows of ``differences`` are uncorrelated and most independent.

    The rows are taken to be symmetric about 0; components have unit variance.
    """
    variances, vectors = torch.linalg.eigh(differences.T @ differences / len(differences))
    if not bool(variances[0] > torch.finfo(torch.float32).eps * variances[-1]):
        raise UnreliableScoreError(
            "pairs must differ in as many directions as there are codes, got fewer; train longer"
        )
    sphering = vectors @ (vectors / variances.sqrt()).T
    sphered = differences @ sphering
    # From the identity, so that a component stays in the place of the code that it was.
    start = np.eye(len(variances))
    solver = FastICA(whiten=False, fun="logcosh", max_iter=ITERATIONS, tol=TOLERANCE, w_init=start, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        solver.fit(sphered.cpu().numpy())
    components: Tensor = torch.from_numpy(solver.components_).to(differences) @ sphering
    return components
