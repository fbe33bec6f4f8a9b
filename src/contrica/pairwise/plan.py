"""A pair plan: which candidates an anchor is contrasted with, which are its positives, and how much each counts.

A_ij = weights_ij [exclude_i != exclude_j] [within_i = within_j]      candidates
T_ij = the same of the plan ``targets``                               positives
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from contrica.errors import DomainError, DtypeError, ShapeError


@dataclass(frozen=True)
class PairPlan:
    """Which pairs take part, and how much.

    Parameters
    ----------
    exclude : pair of int64 Tensors of shapes (anchors,) and (candidates,), optional
        Pairs with equal ids are inadmissible: the own positive, the same recording.
    within : pair of int64 Tensors of shapes (anchors,) and (candidates,), optional
        Only pairs with equal ids are admissible: negatives of the same domain, positives of the same class.
    weights : Tensor of shape (anchors, candidates), optional
        Weights A_ij >= 0 on top, 0 for inadmissible.
    targets : PairPlan, optional
        Which candidates are positives of each anchor, any number of them: T_ij in the same terms. Only the proportions
        count. Without it the positive of row i is row i.

    Examples
    --------
    All rows of a class are positives of each other, and no row meets itself:

    >>> rows, classes = torch.arange(4), torch.tensor([0, 1, 0, 0])
    >>> plan = PairPlan(exclude=(rows, rows), targets=PairPlan(exclude=(rows, rows), within=(classes, classes)))
    >>> plan.targets.tile(slice(4), slice(4), torch.zeros(()))
    tensor([[0., 0., 1., 1.],
            [0., 0., 0., 0.],
            [1., 0., 0., 1.],
            [1., 0., 1., 0.]])
    """

    exclude: tuple[Tensor, Tensor] | None = None
    within: tuple[Tensor, Tensor] | None = None
    weights: Tensor | None = None
    targets: "PairPlan | None" = None

    def __post_init__(self) -> None:
        """Refuse what is no tensor; that the shapes fit the sides is seen where they meet."""
        for name, ids in (("exclude", self.exclude), ("within", self.within)):
            sound = isinstance(ids, tuple) and len(ids) == 2 and all(isinstance(side, Tensor) for side in ids)
            if ids is not None and not sound:
                raise DtypeError(f"{name} must be a pair of Tensors of ids, got {ids!r}; number anchors and candidates")
        if self.weights is not None and not isinstance(self.weights, Tensor):
            name = type(self.weights).__name__
            raise DtypeError(f"weights must be a torch.Tensor, got {name}; pass torch.as_tensor(...)")
        if self.targets is not None and not isinstance(self.targets, PairPlan):
            name = type(self.targets).__name__
            raise DtypeError(f"targets must be a PairPlan, got {name}; pass PairPlan(weights=T)")
        if self.targets is not None and self.targets.targets is not None:
            raise DomainError(
                "targets must have no targets of their own, got some; say in one plan which pairs they are"
            )

    def tile(self, rows: slice, columns: slice, like: Tensor) -> Tensor | None:
        """Return the weights of a tile in the dtype of ``like``, or None where all are 1."""
        weights = None if self.weights is None else self.weights[rows, columns].to(like.dtype)
        for ids, keep_equal in ((self.exclude, False), (self.within, True)):
            if ids is not None:
                admissible = (ids[0][rows, None] == ids[1][None, columns]) == keep_equal
                weights = admissible.to(like.dtype) if weights is None else weights * admissible
        return weights

    def transposed(self) -> "PairPlan":
        """Return the plan with candidates asking for anchors."""
        return PairPlan(
            exclude=None if self.exclude is None else (self.exclude[1], self.exclude[0]),
            within=None if self.within is None else (self.within[1], self.within[0]),
            weights=None if self.weights is None else self.weights.T,
            targets=None if self.targets is None else self.targets.transposed(),
        )

    def ensure_fits(self, rows: int, columns: int, name: str = "") -> None:
        """Raise unless this is a plan for so many anchors and candidates; ``name`` is put before what is named.

        Raises
        ------
        ShapeError
            If ids or weights have other shapes.
        DomainError
            If weights are negative, not finite, or to be differentiated.
        """
        for part, ids in (("exclude", self.exclude), ("within", self.within)):
            if ids is not None and [tuple(side.shape) for side in ids] != [(rows,), (columns,)]:
                raise ShapeError(
                    f"{name}{part} needs one id per anchor and one per candidate, shapes ({rows},) and ({columns},),"
                    f" got {' and '.join(str(tuple(side.shape)) for side in ids)}; number both sides"
                )
        if self.targets is not None:
            self.targets.ensure_fits(rows, columns, "targets.")
        weights = self.weights
        if weights is None:
            return
        if weights.shape != (rows, columns):
            raise ShapeError(
                f"{name}weights must have shape ({rows}, {columns}), got {tuple(weights.shape)}; weigh every pair"
            )
        if weights.requires_grad:
            raise DomainError(
                f"{name}weights are data and get no gradient, got weights that require one; pass weights.detach()"
            )
        if bool((weights < 0).any()) or not bool(torch.isfinite(weights).all()):
            raise DomainError(
                f"{name}weights must be finite and at least 0, got others; use 0 for an inadmissible pair"
            )
