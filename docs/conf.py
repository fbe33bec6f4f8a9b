"""How the site is built: ``sphinx-build -W docs build/site``."""

import re
from importlib.metadata import version as installed
from itertools import pairwise

project = "contrica"
author = "The contrica authors"
copyright = "The contrica authors"
release = version = installed("contrica")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["dollarmath"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "contrica"
default_role = "py:obj"

autosummary_generate = True
autosummary_imported_members = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
templates_path = ["_templates"]
napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

INDENTED = re.compile(r"^ {4,}\S")
SECTION = re.compile(r"^-{3,}$")
ROUTING = re.compile(r"set_\w+_request|get_metadata_routing")
"""Methods that scikit-learn generates, with docstrings that refer to its own site."""


def formulas_as_they_stand(docstring: list[str]) -> list[str]:
    """Return the lines with each indented formula as a literal block, and with no sign that reST takes for its own.

    Docstrings are written to be read in a terminal: a formula is indented, ``|t|`` is an absolute value, and a sentence
    or an example may stand below the parameters. In a section, indentation means what numpydoc says instead.
    """
    lines: list[str] = []
    in_section = in_formula = False
    for line, following in pairwise([*docstring, ""]):
        if SECTION.match(following.strip()) and line.strip() and not line.startswith(" "):
            in_section = line.strip() not in ("Notes", "Examples", "References")
        elif in_section and ends_section(lines, line, following):
            title = "Examples" if line.startswith(">>>") else "Notes"
            lines += [title, "-" * len(title)]
            in_section = False
        stands_out = bool(INDENTED.match(line)) and not line.lstrip().startswith((">>>", "..."))
        if stands_out and not in_section and (in_formula or not lines or not lines[-1].strip()):
            lines += [] if in_formula else ["::", ""]
            in_formula = True
            lines.append(line)
            continue
        in_formula = in_formula and not line.strip()
        lines.append(line if in_formula else outside_of_code(line))
    return lines


def ends_section(before: list[str], line: str, following: str) -> bool:
    """Tell whether a line is a paragraph or an example of its own, not one more entry of a numpydoc section."""
    starts = bool(line.strip()) and not line.startswith(" ") and bool(before) and not before[-1].strip()
    return starts and not SECTION.match(following.strip()) and not following.startswith(" ")


def outside_of_code(line: str) -> str:
    """Return the line with ``|`` and ``*`` escaped, but for code and doctests."""
    if line.lstrip().startswith((">>>", "...")):
        return line
    parts = re.split(r"(``.*?``|`.*?`)", line)
    return "".join(part if index % 2 else re.sub(r"(?<!\\)([|*])", r"\\\1", part) for index, part in enumerate(parts))


def setup(app):
    """Connect what prepares docstrings."""

    def process(app, what, name, obj, options, lines):
        # What stands before a colon in the first line of a property would be taken for its type.
        lines[:] = [*(["\\ "] if what in ("attribute", "property") else []), *formulas_as_they_stand(lines)]

    def skip(app, what, name, obj, skipped, options):
        return True if ROUTING.fullmatch(name) else None

    app.connect("autodoc-process-docstring", process, priority=100)
    app.connect("autodoc-skip-member", skip)
