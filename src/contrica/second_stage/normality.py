"""Are all components but one other than normal? ICA leaves the rotation of the normal ones open.

    K^2 = z(skewness)^2 + z(kurtosis)^2 ~ chi^2_2  for each component,    p = min(1, 2 p_(n-1))

with p_(n-1) the second largest of the n p-values. Where two or more components are normal, the second largest is at
least the smaller of two of theirs, which is below level/2 with probability at most level, however they depend.
Components must come from rows that the unmixing was not fitted on: ICA looks for departure from normality, and finds
some in any rows it is fitted on. Reference: D'Agostino and Pearson, Biometrika 60, 1973. The test is blind to a
symmetric law with the kurtosis of a normal one.
"""

import numpy as np
from scipy.stats import normaltest

from contrica.second_stage.evidence import LEVEL, Evidence
from contrica.second_stage.tables import Table


def non_normality(components: Table, of: str) -> Evidence:
    """Test that at most one column of ``components`` is normal.

    Examples
    --------
    >>> columns = np.random.default_rng(0).laplace(size=(1000, 3))
    >>> non_normality(columns, "codes").holds
    True
    """
    centred = components - components.mean(axis=0)
    p_values = np.ones(centred.shape[1])
    moving = np.ptp(centred, axis=0) > 0
    p_values[moving] = normaltest(centred[:, moving], axis=0).pvalue
    p_value = min(1.0, 2.0 * float(np.sort(p_values)[-2]))
    normal = [str(i) for i in np.flatnonzero(2.0 * p_values > LEVEL)]
    if p_value <= LEVEL:
        one = f", component {normal[0]} may be" if normal else ""
        words = f"at most one component of the {of} is normal{one} (p = {p_value:.2g} for two or more)"
    else:
        words = (
            f"components {', '.join(normal)} of the {of} cannot be told from normal ones (p = {p_value:.2g}, at most"
            f" {LEVEL:g} needed), so any rotation among them is as good"
        )
    return Evidence("p-value of two or more normal components", p_value, LEVEL, p_value <= LEVEL, words)
