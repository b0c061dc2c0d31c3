"""Amounts of money: "$19.99" as "nineteen dollars and ninety-nine cents"."""

import re

from .numbers import cardinal, number
from .rules import Rule, anywhere, at_number
from .shapes import BEGIN, DASH, NUMBER, SIGN, signed

_Names = tuple[str, str, str, str]
"""One, several, a hundredth of one, several of those."""
_DOLLAR: _Names = ("dollar", "dollars", "cent", "cents")


def _dollar(country: str) -> _Names:
    return (f"{country} dollar", f"{country} dollars", "cent", "cents")


_SYMBOLS: dict[str, _Names] = {
    "$": _DOLLAR,
    "US$": _dollar("U.S."),
    "CA$": _dollar("Canadian"),
    "C$": _dollar("Canadian"),
    "AU$": _dollar("Australian"),
    "A$": _dollar("Australian"),
    "NZ$": _dollar("New Zealand"),
    "HK$": _dollar("Hong Kong"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yen", "yen", "", ""),
    "₹": ("rupee", "rupees", "paisa", "paise"),
}
_CODES: dict[str, _Names] = {
    "USD": _dollar("U.S."),
    "CAD": _dollar("Canadian"),
    "AUD": _dollar("Australian"),
    "EUR": _SYMBOLS["€"],
    "GBP": _SYMBOLS["£"],
    "JPY": _SYMBOLS["¥"],
    "INR": _SYMBOLS["₹"],
    "CHF": ("Swiss franc", "Swiss francs", "centime", "centimes"),
    "SEK": ("Swedish krona", "Swedish kronor", "", ""),
    "NOK": ("Norwegian krone", "Norwegian kroner", "", ""),
    "DKK": ("Danish krone", "Danish kroner", "", ""),
    "MXN": ("Mexican peso", "Mexican pesos", "centavo", "centavos"),
}
_MAGNITUDES = {"k": "thousand", "m": "million", "mn": "million", "b": "billion", "bn": "billion"}
_SYMBOL = "|".join(re.escape(symbol) for symbol in sorted(_SYMBOLS, key=len, reverse=True))
_CODE = "|".join(_CODES)
_MAGNITUDE = r"(?P<magnitude>(?:[kKmMbB]|[mb]n)\b|\s(?:thousand|million|billion|trillion)\b)?"
_OF_A_THING = (
    r"(?P<thing>(?=-[a-z]|\s(?:bill|note|coin|gift|voucher|coupon|deposit|fee|discount|credit)\b))"
)
"""What follows a "five dollar" something."""


def _amount(text: str, names: _Names, magnitude: str | None, thing: bool) -> str:
    one, several, cent, cents = names
    if magnitude:
        words = _MAGNITUDES.get(magnitude.strip().lower(), magnitude.strip())
        return f"{number(text)} {words} {one if thing else several}"
    whole, _, decimals = text.replace(",", "").partition(".")
    if not decimals.strip("0"):
        return f"{number(whole or '0')} {one if thing or whole == '1' else several}"
    if len(decimals) != 2 or not cent:
        return f"{number(text)} {one if thing else several}"
    part = f"{cardinal(int(decimals))} {cent if decimals == '01' else cents}"
    if not whole.strip("0"):
        return part
    return f"{number(whole)} {one if whole == '1' else several} and {part}"


def _say_symbol(match: re.Match[str]) -> str:
    names, thing = _SYMBOLS[match["symbol"]], match["thing"] is not None
    words = _amount(match["amount"], names, match["magnitude"], thing)
    if match["first"]:
        words = f"{number(match['first'])} to {words}"
    return f"minus {words}" if match["sign"] or match["minus"] else words


def _say_code(match: re.Match[str]) -> str:
    return signed(match, _amount(match["amount"], _CODES[match["code"]], match["magnitude"], False))


def _say_after(match: re.Match[str]) -> str:
    names = _CODES.get(match["unit"]) or _SYMBOLS[match["unit"]]
    return signed(match, _amount(match["amount"], names, match["magnitude"], False))


def _say_cents(match: re.Match[str]) -> str:
    amount = match["amount"]
    return signed(match, f"{number(amount)} {'cent' if amount == '1' else 'cents'}")


_ANY_SYMBOL = "[$€£¥₹]"
_STOP = r"(?![0-9])(?!,[0-9]{3})"

MONEY: tuple[Rule, ...] = (
    anywhere(
        rf"{SIGN}(?<![A-Z])(?P<symbol>{_SYMBOL})\s?(?P<minus>[-−])?"
        rf"(?:(?P<first>{NUMBER}){DASH}(?!\s?[$€£]))??"
        rf"(?P<amount>{NUMBER}){_STOP}(?!{DASH}[0-9]){_MAGNITUDE}{_OF_A_THING}?",
        _say_symbol,
        run=1,
        gate=_ANY_SYMBOL,
    ),
    anywhere(
        rf"{SIGN}(?P<symbol>{_SYMBOL})\s?(?P<minus>[-−])?(?P<first>(?!))?"
        rf"(?P<amount>{NUMBER}){_STOP}{_MAGNITUDE}{_OF_A_THING}?",
        _say_symbol,
        run=1,
        gate=_ANY_SYMBOL,
    ),
    anywhere(
        rf"{SIGN}\b(?P<code>{_CODE})\s?(?P<amount>{NUMBER}){_STOP}{_MAGNITUDE}",
        _say_code,
        run=1,
        gate=_CODE,
    ),
    at_number(
        rf"{SIGN}{BEGIN}(?P<amount>{NUMBER}){_MAGNITUDE}\s?(?P<unit>(?:{_CODE})\b|[€£¥])",
        _say_after,
    ),
    at_number(rf"{SIGN}{BEGIN}(?P<amount>{NUMBER})\s?¢", _say_cents, gate="¢"),
)
