"""After an affine result: axes where something identifies them, the number of factors, and refusals where nothing does.

Arrays in, results out, for codes of anybody's model.
"""

from contrica.second_stage.axes import Axes
from contrica.second_stage.difference_ica import axes_from_differences
from contrica.second_stage.elbow import Elbow, loss_elbow
from contrica.second_stage.evidence import Evidence
from contrica.second_stage.independent_marginals import axes_from_independent_marginals
from contrica.second_stage.noise_ratios import NoiseRatios, axes_from_noise_ratios, noise_ratios
from contrica.second_stage.num_latents import NumLatents, estimate_num_latents, rank_by_gap
from contrica.second_stage.resolve import resolve_axes

__all__ = [
    "Axes",
    "Elbow",
    "Evidence",
    "NoiseRatios",
    "NumLatents",
    "axes_from_differences",
    "axes_from_independent_marginals",
    "axes_from_noise_ratios",
    "estimate_num_latents",
    "loss_elbow",
    "noise_ratios",
    "rank_by_gap",
    "resolve_axes",
]
