"""ICA with the tests of what it assumes: independent components, at most one of them normal.

Half of the rows are fitted and the other half is tested for normality. Only where that passes are all rows fitted, the
squares of their components tested for dependence, and the fit repeated on resampled rows.
"""

from collections.abc import Iterator

import numpy as np

from contrica.second_stage.dependence import residual_dependence
from contrica.second_stage.evidence import Evidence, refuse_unless_all_hold
from contrica.second_stage.fast_ica import unmixing_of
from contrica.second_stage.normality import non_normality
from contrica.second_stage.stability import RESAMPLES, stability
from contrica.second_stage.tables import Table


def supported_unmixing(
    table: Table, of: str, *, assumption: str, advice: str, generator: np.random.Generator
) -> tuple[Table, tuple[Evidence, ...]]:
    """Return the unmixing of all rows and the evidence for it.

    Raises
    ------
    NotIdentifiableError
        Quoting the tests that failed.
    """
    order = generator.permutation(len(table))
    fitted, tested = table[order[: len(table) // 2]], table[order[len(table) // 2 :]]
    half = unmixing_of(fitted, of, generator=generator)
    normality = non_normality(tested @ half.T, of)
    refuse_unless_all_hold(assumption, [normality], advice)
    unmixing = unmixing_of(table, of, generator=generator)
    evidence = (
        normality,
        residual_dependence(table @ unmixing.T, of, generator=generator),
        stability(unmixing, list(_of_resamples(table, of, generator)), of),
    )
    refuse_unless_all_hold(assumption, evidence, advice)
    return unmixing, evidence


def _of_resamples(table: Table, of: str, generator: np.random.Generator) -> Iterator[Table]:
    for _ in range(RESAMPLES):
        yield unmixing_of(table[generator.integers(len(table), size=len(table))], of, generator=generator)
