"""What ``contrica`` runs: the verbs, and what becomes of errors.

Exit codes: 0 done, 1 a bug in contrica, 2 what was asked is refused, in one sentence, 130 interrupted by Ctrl-C.
"""

import io
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from types import ModuleType
from typing import Annotated, Any

import typer

from contrica.cli import doctor, fit, inspect_file, list_recipes, report, run, score, show, simulate, transform
from contrica.cli.output import Stopped, print_json
from contrica.errors import ContricaError, DomainError
from contrica.training import keep_freed_memory

DONE, REFUSED, INTERRUPTED = 0, 2, 130

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What the parser of the command line raises; typer does not name it."""

COMPLETION = ("--install-completion", "--show-completion")

SHELLS = ("bash", "zsh", "fish", "powershell", "pwsh")

NAMED_SHELL = "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION"
"""Set, it makes typer take the name of the shell; it would ignore it otherwise."""

OUT_OF_MEMORY = ("not enough memory", "can't allocate memory", "out of memory", "Cannot allocate memory")
"""How libraries say it that do not raise MemoryError."""

VERBS: dict[str, tuple[ModuleType, Callable[..., None]]] = {
    "simulate": (simulate, simulate.simulate),
    "inspect": (inspect_file, inspect_file.inspect_file),
    "fit": (fit, fit.fit),
    "transform": (transform, transform.transform),
    "score": (score, score.score),
    "doctor": (doctor, doctor.doctor),
    "report": (report, report.report),
    "list": (list_recipes, list_recipes.list_recipes),
    "show": (show, show.show),
    "run": (run, run.run),
}

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; errors of ours become one sentence."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    _make_streams_safe()
    if arguments is None:  # the process is all ours
        keep_freed_memory()
    try:
        _name_shell(words)
        code = typer.main.get_command(app).main(words or ["--help"], prog_name="contrica", standalone_mode=False)
        sys.stdout.flush()
    except Stopped as stop:
        return INTERRUPTED if stop.told else _refuse(str(stop), words, code=INTERRUPTED)
    except ContricaError as error:
        return _refuse(str(error), words)
    except ImportError as error:
        if "pillow" not in str(error).lower() and error.name != "PIL":
            raise
        return _refuse("photographs need pillow, and it is not installed; install contrica[images]", words)
    except UsageError as error:
        return _refuse(f"{_sentence(error)} see contrica --help", words)
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except (BrokenPipeError, SystemExit) as leaving:
        # The reader of a pipe has seen enough, which the parser makes an exit of its own; completion leaves with 0.
        if isinstance(leaving, BrokenPipeError) or leaving.code:
            _drop_output()
        return DONE
    except OSError as error:
        if error.filename is not None:
            raise
        _drop_output()
        return _refuse(f"the output must be writable, and the system says: {error.strerror or error}", [])
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not any(saying in str(error) for saying in OUT_OF_MEMORY):
            raise
        return _refuse("the memory of this machine is not enough; use fewer columns, or a smaller --batch-size", words)
    if code == INTERRUPTED:  # which the parser makes of a KeyboardInterrupt
        return _refuse("interrupted, and no file was left half written", words, code=INTERRUPTED)
    return code if isinstance(code, int) else DONE


def _version(wanted: bool) -> bool:
    if wanted:
        typer.echo(f"contrica {version('contrica')}")
        raise typer.Exit
    return wanted


def examples(*lines: str) -> str:
    """Return the end of a help text: command lines that work."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


@app.callback(
    invoke_without_command=True,
    epilog=examples(
        "contrica simulate --out toy.npz",
        "contrica inspect toy.npz",
        "contrica fit toy.npz:x --positives toy.npz:positives --components 3 --out model",
        "contrica list",
        "contrica --version",
    ),
)
def contrica(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Contrastive learning that recovers the true latent factors, and says up to what.

    Exit codes: 0 done; 1 a bug; 2 refused, with one sentence; 130 interrupted.
    """


for name, (module, verb) in VERBS.items():
    app.command(name, epilog=examples(*module.EXAMPLES))(verb)


def _name_shell(words: Sequence[str]) -> None:
    """Let completion be for the shell that is named, if one is, and for the one in use else."""
    if words and words[0] in COMPLETION and len(words) > 1:
        if words[1] not in SHELLS or len(words) > 2:
            raise DomainError(f"{words[0]} knows {', '.join(SHELLS)}, got {' '.join(words[1:])!r}; name one, or none")
        os.environ[NAMED_SHELL] = "1"


def _make_streams_safe() -> None:
    """Give output a place where there is none, and let terminals lack the signs that reports use."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the shell
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 -- as long as the program
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def _drop_output() -> None:
    """Keep the flush when Python ends from failing again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refuse(sentence: str, words: Sequence[str], *, code: int = REFUSED) -> int:
    if "--json" in words:
        print_json({"error": sentence})
    else:
        typer.echo(f"contrica: {sentence}", err=True)
    return code


def _sentence(error: Any) -> str:
    text = str(error.format_message()).strip().replace("\n", " ").rstrip(".")
    return f"{text[:1].lower()}{text[1:]};"
