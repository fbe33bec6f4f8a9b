"""The four losses: logits in, nats out."""

from contrica.losses.infonce import InfoNCE
from contrica.losses.loss import Loss
from contrica.losses.nce import NCE
from contrica.losses.nwj import NWJ
from contrica.losses.spectral import SCL

__all__ = ["NCE", "NWJ", "SCL", "InfoNCE", "Loss"]
