"""Numbers as text: a true minus sign, a dash for what is not known, and never more digits than are known."""

DASH = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"


def fixed(value: float | None, digits: int = 3) -> str:
    """Return ``value`` with ``digits`` decimals.

    >>> fixed(-0.0004), fixed(-1.5, 1), fixed(None)
    ('0.000', '−1.5', '–')
    """
    if value is None:
        return DASH
    text = f"{value:.{digits}f}"
    if text.startswith("-"):
        text = text[1:] if float(text) == 0.0 else MINUS + text[1:]
    return text


def below_one(value: float | None, digits: int = 3) -> str:
    """Return a score that is never rounded up to 1, because 1 says perfect.

    >>> below_one(0.99996), below_one(1.0), below_one(0.9)
    ('>0.999', '1.000', '0.900')
    """
    text = fixed(value, digits)
    return (
        f">{1 - 10**-digits:.{digits}f}" if value is not None and value < 1.0 and text == fixed(1.0, digits) else text
    )


def short(value: float | None) -> str:
    """Return three significant digits for labels of axes.

    >>> short(1234.5), short(0.25), short(-0.0)
    ('1230', '0.25', '0')
    """
    if value is None:
        return DASH
    text = f"{value:.3g}"
    if "e" in text and 1e-4 <= abs(value) < 1e6:
        text = f"{float(text):.0f}"
    return (MINUS + text[1:] if text.startswith("-") else text) if value else "0"


def seconds(value: float) -> str:
    """Return a duration for people.

    >>> seconds(3.21), seconds(42.0), seconds(125.0), seconds(7260.0)
    ('3.2 s', '42 s', '2 min 5 s', '2 h 1 min')
    """
    if value < 10:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"
