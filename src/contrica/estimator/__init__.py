"""The scikit-learn face: recordings in, factors out."""

from contrica.estimator.contrastive_ica import ContrastiveICA

__all__ = ["ContrastiveICA"]
