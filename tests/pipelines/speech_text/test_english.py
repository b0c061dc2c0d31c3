"""English as it is written, and as it is said."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from voice_pipelines.speech_text.english import normalizer

normalize = normalizer("en", {})
ROWS = {
    # Money
    "It costs $5.00.": "It costs five dollars.",
    "Just $19.99!": "Just nineteen dollars and ninety-nine cents!",
    "$0.50 or $1 or $1.01": "fifty cents or one dollar or one dollar and one cent",
    "It is $1,234.50 in all.": "It is one thousand two hundred thirty-four dollars and fifty "
    "cents in all.",
    "-$5 and $-5": "minus five dollars and minus five dollars",
    "$2.5 million, $5k, $3B": "two point five million dollars, five thousand dollars, three "
    "billion dollars",
    "a $20 gift card": "a twenty dollar gift card",
    "a $5 bill": "a five dollar bill",
    "$10-$20": "ten dollars to twenty dollars",
    "$10-12": "ten to twelve dollars",
    "€5, 20€, £3.50, £1.01": "five euros, twenty euros, three pounds and fifty pence, one "
    "pound and one penny",
    "20 USD, USD 20, CHF 5.50": "twenty U.S. dollars, twenty U.S. dollars, five Swiss francs and "
    "fifty centimes",
    "50¢": "fifty cents",
    "¥500": "five hundred yen",
    "$15/hour": "fifteen dollars per hour",
    "US$5 and A$2": "five U.S. dollars and two Australian dollars",
    "$5.": "five dollars.",
    # Years
    "in 2026": "in twenty twenty-six",
    "Since 1999, not 2005.": "Since nineteen ninety-nine, not two thousand five.",
    "from 1850": "from eighteen fifty",
    "the 1990s": "the nineteen nineties",
    "the '80s": "the eighties",
    "2019-2021": "twenty nineteen to twenty twenty-one",
    # Times
    "8:30 p.m.": "eight thirty p.m.",
    "At 14:30.": "At fourteen thirty.",
    "8:00": "eight o'clock",
    "08:05": "eight oh five",
    "14:00": "fourteen hundred",
    "at 5pm.": "at five p.m.",
    "Come at 5 p.m. or later.": "Come at five p.m. or later.",
    "9am-5pm": "nine a.m. to five p.m.",
    "9-5pm": "nine to five p.m.",
    "9:00-17:00": "nine o'clock to seventeen hundred",
    "9 a.m. – 5 p.m.": "nine a.m. to five p.m.",
    "8:30:15": "eight thirty and fifteen seconds",
    "11:59 PM": "eleven fifty-nine p.m.",
    "16:9": "sixteen to nine",
    # Ordinals and ranges
    "1st, 22nd and 101st": "first, twenty-second and one hundred first",
    "10-12 people": "ten to twelve people",
    "5–10 km": "five to ten kilometers",
    "10-15%": "ten to fifteen percent",
    "pages 3 - 5": "pages three to five",
    # Percent
    "50%": "fifty percent",
    "0.5 %": "zero point five percent",
    "-3%": "minus three percent",
    # Phones
    "(415) 555-0123": "four one five, five five five, zero one two three",
    "415.555.0123": "four one five, five five five, zero one two three",
    "Call 4155550123 now.": "Call four one five, five five five, zero one two three now.",
    "+44 20 7946 0958": "plus four four, two zero, seven nine four six, zero nine five eight",
    "+442079460958": "plus four four, two zero, seven nine four six, zero nine five eight",
    "020 7946 0958": "zero two zero, seven nine four six, zero nine five eight",
    "1-800-555-0199 ext. 12": "one, eight hundred, five five five, zero one nine nine, "
    "extension one two",
    "555-0123": "five five five, zero one two three",
    "+999999999999999": "plus nine nine nine nine, nine nine nine nine, nine "
    "nine nine nine, nine nine nine",
    # Codes, houses, rooms
    "221B Baker St.": "two twenty-one B Baker Street.",
    "1600 Pennsylvania Ave. NW": "sixteen hundred Pennsylvania Avenue NW",
    "12 Harbour Street": "twelve Harbour Street",
    "101 Main St, Portland": "one oh one Main Street, Portland",
    "Room 204": "Room two oh four",
    "flight 1204": "flight twelve oh four",
    "Your code is 4821.": "Your code is four eight two one.",
    "Call 911!": "Call nine one one!",
    "PIN 0042": "PIN zero zero four two",
    "confirmation number 483920": "confirmation number four eight three, nine two zero",
    "order 500 pizzas": "order five hundred pizzas",
    "SSN 123-45-6789": "SSN one two three, four five, six seven eight nine",
    "Portland, OR 97205": "Portland, OR nine seven two zero five",
    "123456789": "one two three, four five six, seven eight nine",
    "No. 5, apt. 4B": "Number five, apartment four B",
    "#4": "number four",
    # Units
    "72°F": "seventy-two degrees Fahrenheit",
    "20 °C": "twenty degrees Celsius",
    "-5°": "minus five degrees",
    "1°": "one degree",
    "5 km, 1 km and 3 kg": "five kilometers, one kilometer and three kilograms",
    "a 5-km run": "a five kilometer run",
    "60 mph": "sixty miles per hour",
    "5'10\"": "five foot ten",
    "16GB": "sixteen gigabytes",
    "200 m²": "two hundred square meters",
    "5 min": "five minutes",
    "2 hrs. 30 min.": "two hours thirty minutes.",
    "1.5x or 2x": "one point five times or two times",
    # Decimals and other numbers
    "3.14": "three point one four",
    "-5": "minus five",
    ".5": "point five",
    "1,234,567": "one million two hundred thirty-four thousand five hundred sixty-seven",
    "10000": "ten thousand",
    "1000000": "one million",
    "12 eggs": "twelve eggs",
    "007": "zero zero seven",
    "3 + 4 = 7": "three plus four equals seven",
    # Dates
    "11/22/2026": "November twenty-second, twenty twenty-six",
    "2026-11-22": "November twenty-second, twenty twenty-six",
    "22/11/2026": "November twenty-second, twenty twenty-six",
    "22.11.2026": "November twenty-second, twenty twenty-six",
    "11/22/26": "November twenty-second, twenty twenty-six",
    "Nov 22": "November twenty-second",
    "Nov. 22nd, 2026": "November twenty-second, twenty twenty-six",
    "November 22": "November twenty-second",
    "22 November 2026": "the twenty-second of November, twenty twenty-six",
    "the 3rd of May": "the third of May",
    "on 11/22": "on November twenty-second",
    "by 3/4": "by March fourth",
    "Nov 22-24": "November twenty-second to twenty-fourth",
    "Nov 2026": "November twenty twenty-six",
    "2026-11-22T14:30": "November twenty-second, twenty twenty-six fourteen thirty",
    "Mon-Fri": "Monday to Friday",
    "Sat. and Sun.": "Saturday and Sunday.",
    "Sat, Nov 28": "Saturday, November twenty-eighth",
    "30/2/2026": "thirty slash two slash two thousand twenty-six",
    # Fractions
    "1/2": "one half",
    "2 1/2 cups": "two and a half cups",
    "3/4 cup": "three quarters cup",
    "½": "one half",
    "2½": "two and a half",
    "120/80": "one hundred twenty over eighty",
    "24/7": "twenty-four seven",
    "4.5/5 or 4/5 stars": "four point five out of five or four out of five stars",
    # Letters and digits
    "A4": "A four",
    "221B": "two twenty-one B",
    "MP3": "MP three",
    "COVID-19": "COVID-nineteen",
    "X7K9Q2": "X seven K nine Q two",
    "H2O": "H two O",
    "4K": "four K",
    # Versions
    "version 3.11.2": "version three point eleven point two",
    "Version 3.11": "Version three point eleven",
    "v2.1": "version two point one",
    "192.168.1.1": "one nine two dot one six eight dot one dot one",
    # Abbreviations
    "Dr. Smith": "Doctor Smith",
    "Hello Dr. Smith.": "Hello Doctor Smith.",
    "Ocean Dr. is near.": "Ocean Drive is near.",
    "St. Mary's": "Saint Mary's",
    "at Baker St. We go.": "at Baker Street. We go.",
    "at Baker St.": "at Baker Street.",
    "appt. approx. 5": "appointment approximately five",
    "apples, pears, etc.": "apples, pears, et cetera.",
    "e.g. this, i.e. that": "for example this, that is that",
    "Mr. and Mrs. Jones": "Mister and Missus Jones",
    "w/ or w/o milk": "with or without milk",
    # Addresses
    "www.example.com": "example dot com",
    "See https://www.a.com/b?c=d.": "See a dot com slash b.",
    "Go to example.com!": "Go to example dot com!",
    "(example.com/menu)": "(example dot com slash menu)",
    "a@b.com": "a at b dot com",
    "john_smith42@x-y.co.uk": "john underscore smith four two at x dash y dot co dot uk",
    "http://localhost:8080": "localhost port eight zero eight zero",
    "https://x.com/a/very/long/path/that/nobody/wants/to/hear?utm=5": "x dot com",
    "table42.io.": "table four two dot io.",
    # Signs
    "AT&T": "AT and T",
    "~5": "about five",
    "and/or": "and or",
    "3x4": "three by four",
    "5/day": "five per day",
    "60+": "sixty plus",
    # Left alone
    "Hello there, how are you today?": "Hello there, how are you today?",
    "Do it. Then rest.": "Do it. Then rest.",
    "He sat. The sun.": "He sat. The sun.",
    "It is 5 o'clock.": "It is five o'clock.",
    "U.S. Army": "U.S. Army",
}


@pytest.mark.parametrize("text", ROWS)
def test_rows(text: str) -> None:
    assert normalize(text).text == ROWS[text]


@pytest.mark.parametrize("text", ROWS)
def test_what_is_said_is_said_the_same_if_it_is_normalized_again(text: str) -> None:
    """A voice that normalizes too, in a like manner, does no harm."""
    said = normalize(text).text
    assert normalize(said).text == said


pieces = st.sampled_from(
    "$ € £ ¢ % ° - – — . , : / ' \" ( ) # ~ + = & @ _ a.m. p.m. PM km kg °C Nov Nov. May Dr. St. "
    "No. code ext. room in the and www. .com https:// a@b.com e.g. k million v version st nd th "
    "T x ½ 0 1 2 5 7 10 12 22 007 99 101 221 555 0123 1999 2026 1,234 3.5 12345 4155550123 A B GB "
    "Street USD Mon".split()
) | st.sampled_from([" ", ""])
written = st.lists(pieces, max_size=14).map("".join) | st.text()


@given(written)
@example("1" * 400)
@example("1/0 0/0 99/99/9999 0000-00-00 $. -.5 +1 (1) 1-1-1-1")
@example("٣ ² ①")
def test_nothing_is_lost_and_no_digit_is_left(text: str) -> None:
    said = normalize(text)
    assert said.original == text
    assert not re.search("[0-9]", said.text)


@given(st.from_regex(r"\A(?:[a-z]{1,8} ){0,12}[a-z]{1,8}[.!?]\Z"))
@example("please see the menu on the table.")
def test_plain_words_stay_as_they_are(text: str) -> None:
    short = re.compile(r"\b(?:[a-z]{2,6})\.$")  # Perhaps an abbreviation.
    assert normalize(short.sub("words.", text)).text == short.sub("words.", text)


def test_without_a_language_the_text_stays_as_it_is() -> None:
    text = "Dr. Lee: $5 at www.example.com"
    assert normalizer("", {})(text).text == text
