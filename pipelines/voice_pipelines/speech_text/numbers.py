"""English number words, American: no "and", no commas, which a voice would pause at.

Why not a library: inflect takes 6 s to import and 0.26 ms a number, num2words is LGPL, and ICU's
spell-out is 0.9 ms a number and not packaged for every platform. This is checked by reading the
words back.
"""

_ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
).split()
_TENS = ("", "", *"twenty thirty forty fifty sixty seventy eighty ninety".split())
_SCALES = ("", "thousand", "million", "billion", "trillion", "quadrillion", "quintillion")
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_LONGEST = 3 * len(_SCALES)
"""Digits of the largest number that has a name here."""


def cardinal(number: int) -> str:
    """1234 as "one thousand two hundred thirty-four". Beyond quintillions: its digits."""
    if number < 0:
        return f"minus {cardinal(-number)}"
    if number < 1000:
        return _below_1000(number)
    if len(str(number)) > _LONGEST:
        return digits(str(number))
    groups = []
    for scale in _SCALES:
        number, group = divmod(number, 1000)
        if group:
            groups.append(f"{_below_1000(group)} {scale}".rstrip())
    return " ".join(reversed(groups))


def _below_1000(number: int) -> str:
    words = []
    if number >= 100:
        words += [_ONES[number // 100], "hundred"]
        number %= 100
    if number >= 20:
        tens, ones = divmod(number, 10)
        words.append(_TENS[tens] + (f"-{_ONES[ones]}" if ones else ""))
    elif number or not words:
        words.append(_ONES[number])
    return " ".join(words)


def ordinal(number: int) -> str:
    """22 as "twenty-second"."""
    words = cardinal(number)
    at = max(words.rfind(" "), words.rfind("-")) + 1
    head, last = words[:at], words[at:]
    if last in _ORDINALS:
        return head + _ORDINALS[last]
    return head + (last[:-1] + "ieth" if last.endswith("y") else last + "th")


def digits(text: str) -> str:
    """The digits in `text`, one by one."""
    return " ".join(_ONES[int(digit)] for digit in text if digit in "0123456789")


def grouped(text: str) -> str:
    """A long number digit by digit, in groups that can be remembered."""
    sizes = {6: (3, 3), 7: (3, 4), 8: (4, 4), 9: (3, 3, 3), 10: (3, 3, 4)}.get(len(text))
    if sizes is None:
        sizes = (len(text),) if len(text) < 6 else (4,) * (len(text) // 4 + 1)
    groups, at = [], 0
    for size in sizes:
        groups.append(digits(text[at : at + size]))
        at += size
    return ", ".join(filter(None, groups))


def year(number: int) -> str:
    """1905 as "nineteen oh five", 2026 as "twenty twenty-six"; 1000 to 9999."""
    if number // 10 % 100 == 0:
        return cardinal(number)  # 2000 to 2009.
    return pairs(str(number))


def pairs(text: str) -> str:
    """A number in a name: 221 as "two twenty-one", 1204 as "twelve oh four"; else its digits."""
    if not 3 <= len(text) <= 4 or text.startswith("0"):
        return cardinal(int(text)) if len(text) < 3 and text[:1] != "0" else grouped(text)
    head, tail = int(text[:-2]), int(text[-2:])
    if not tail:
        return (
            cardinal(int(text)) if len(text) == 4 and not head % 10 else f"{cardinal(head)} hundred"
        )
    return f"{cardinal(head)} {'oh ' if tail < 10 else ''}{cardinal(tail)}"


def number(text: str) -> str:
    """A number as written, "1,234.50" or "007", with its decimals one by one."""
    whole, point, decimals = text.replace(",", "").partition(".")
    if not whole:
        words = ""
    elif (whole[0] == "0" and len(whole) > 1) or len(whole) > _LONGEST:
        words = grouped(whole)
    else:
        words = cardinal(int(whole))
    return f"{words} point {digits(decimals)}".strip() if point else words


def is_one(text: str) -> bool:
    """Whether a number as written takes the singular."""
    return text in ("1", "-1")
