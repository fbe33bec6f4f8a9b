"""What contrica raises when something the caller controls is wrong.

Every message says what must hold, what arrived, and what to do next. The command line turns each of these into
one sentence and exit code 2.
"""


class ContricaError(Exception):
    """Root of all errors that contrica raises on purpose."""


class ShapeError(ContricaError, ValueError):
    """Arrays that must describe the same samples or the same dimensions do not."""


class DomainError(ContricaError, ValueError):
    """A value lies outside the set for which the computation is defined."""


class DtypeError(ContricaError, TypeError):
    """An argument has a type that cannot hold what is asked of it."""


class NotIdentifiableError(ContricaError):
    """The theory promises nothing for this combination; the message names the assumption that fails."""


class NoDensityError(ContricaError):
    """The requested density has no closed form here, and no number is better than a guessed one."""


class UnreliableScoreError(ContricaError):
    """Too few rows for the degrees of freedom of the score that was asked for."""


class NonFiniteError(ContricaError, ArithmeticError):
    """Training met a value that is not finite; the message says at which step and in which term."""


class ContractError(ContricaError, AssertionError):
    """A component does not do what everything that uses it relies on; the message says what, and on which input."""


class UnknownNameError(ContricaError, KeyError):
    """A recipe, image or option of that name does not exist; the message lists those that do."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class OutputError(ContricaError, OSError):
    """A result could not be written, or would have overwritten something that is already there."""


class UnreadableFileError(ContricaError, OSError):
    """A file that was named is not there, may not be read, or is no file."""


class FileFormatError(ContricaError, ValueError):
    """A file is damaged, is not what its name says, asks for too much, or holds no numbers."""


class MissingExtraError(ContricaError, ImportError):
    """A library that only some need is not installed; the message says which extra brings it."""


class RecordError(ContricaError, ValueError):
    """Something on disk is damaged, comes from another program, or was written by a newer version."""


class ContricaWarning(UserWarning):
    """Something went on, and the user has to do something about it; the message says what."""
