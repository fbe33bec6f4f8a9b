"""Which dissimilarity the pairs ask for: candidates are fitted on equal terms and compared by held-out loss."""

from contrica.selection.candidate import Candidate
from contrica.selection.select import select_dissimilarity
from contrica.selection.selection import DissimilaritySelection

__all__ = ["Candidate", "DissimilaritySelection", "select_dissimilarity"]
