"""Axes of an affine result by whatever identifies them, or a refusal that says why nothing does.

Three properties single out axes. They are tried in the order of how little they assume beyond what a test can check:

    ICA on pair differences    noise independent across factors, not normal        factors may depend in any way
    ICA on codes               factors independent, not normal                     noise may be normal and alike
    noise ratios               noise / variance differs from factor to factor      factors uncorrelated, unseen

Each rests on codes that are an affine map of the factors. What the pairs tell of that is tested along the axes found
(`contrica.second_stage.straightness`): bent codes look other than normal, and lend axes to factors that have none. It
cannot be told from pairs whose positive depends, factor by factor, on more than that factor of the anchor, such as two
noisy views of dependent factors; these are refused as well.

Codes that were trained with a squared Euclidean dissimilarity have no axes of their own; normal factors with normal
noise of equal ratio have none that any method could find.
"""

from collections.abc import Callable
from functools import partial

from contrica.errors import NotIdentifiableError
from contrica.second_stage.axes import Axes
from contrica.second_stage.difference_ica import axes_from_differences
from contrica.second_stage.evidence import refuse_unless_all_hold
from contrica.second_stage.independent_marginals import axes_from_independent_marginals
from contrica.second_stage.noise_ratios import axes_from_noise_ratios
from contrica.second_stage.straightness import straightness
from contrica.second_stage.tables import RandomState, Rows, generator_from, read_pairs

ASSUMPTION = "the codes are an affine map of the factors"


def resolve_axes(codes: Rows, positive_codes: Rows, *, random_state: RandomState) -> Axes:
    """Return the axes that the first applicable method finds, with its evidence.

    Parameters
    ----------
    codes, positive_codes : array of shape (pairs, code_dim)
        Codes of both members of each pair, by one encoder that is affine in the factors; pairs are independent draws.
    random_state : int or numpy.random.Generator
        Decides the halves, the starts and the resamples.

    Returns
    -------
    Axes
        Map, method, evidence, what is assumed without a test, and what failed for the methods tried before.

    Raises
    ------
    NotIdentifiableError
        If no method applies, naming for each what failed.
    UnreliableScoreError
        If there are too few rows for the tests: 20 per code, and 100.
    ShapeError, DomainError, DtypeError
        If the arrays are not finite tables of equal shape with at least two columns that vary.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> factors = rng.uniform(size=(2000, 2))
    >>> positives = factors + 0.1 * rng.normal(size=(2000, 2))
    >>> resolve_axes(factors, positives, random_state=0).method
    'ICA on codes'
    >>> resolve_axes(rng.normal(size=(2000, 2)), rng.normal(size=(2000, 2)), random_state=0)
    Traceback (most recent call last):
    ...
    contrica.errors.NotIdentifiableError: nothing identifies the axes of these 2 codes: ...
    """
    anchors, positives = read_pairs(codes, positive_codes)
    generator = generator_from(random_state)
    methods: dict[str, Callable[[], Axes]] = {
        "ICA on pair differences": partial(axes_from_differences, anchors, positives, random_state=generator),
        "ICA on codes": partial(axes_from_independent_marginals, anchors, random_state=generator),
        "noise ratios": partial(axes_from_noise_ratios, anchors, positives, random_state=generator),
    }
    failed: list[str] = []
    for name, find in methods.items():
        try:
            axes = find()
            straight = straightness(axes.transform(anchors), axes.transform(positives), generator=generator)
            refuse_unless_all_hold(ASSUMPTION, [straight], "train until the codes no longer straighten")
        except NotIdentifiableError as refusal:
            failed.append(f"{name}: {refusal}")
        else:
            return axes.supported(straight, tuple(failed))
    raise NotIdentifiableError(
        f"nothing identifies the axes of these {anchors.shape[1]} codes: {' | '.join(failed)}; read the codes as a"
        " whole, or train with an exponent other than 2"
    )
