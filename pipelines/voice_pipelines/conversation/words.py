"""What words tell about the conversation: acknowledgments, farewells, unfinished sentences.

English only, by word lists: a decision that must not wait for a model, and that a weak model must
not take alone. They err on the side that costs the caller less: a doubtful farewell is none.
"""

import re
from enum import Enum, auto

_WORD = re.compile(r"[a-z0-9']+")

_BACKCHANNELS = frozenset(
    "uh huh uhhuh mhm mm mmm hm hmm ah oh okay ok yeah yep yes right sure good great cool nice "
    "alright fine i see got it indeed wow really aha um er".split()
)
_HESITATIONS = frozenset("um uh er erm hmm hm mm ah eh".split())

_UNFINISHED = frozenset(
    "and or but so because if when while that which who whose whom than then the a an my your his "
    "her our their its is are am was were be to of in on at by for from with about into onto over "
    "under between like i'm i'd i'll it's we're you're they're please um uh er erm hmm can could "
    "would will shall should may might must do does did have has had not very really also".split()
)
_FINISHED_ANYWAY = re.compile(
    r"\b(i (do|did|am|was|can|will|would|could|should|have|had|must|might)"
    r"|(it|he|she|that|there) (is|was|does|did|has|will|would)"
    r"|(we|they|you) (are|were|do|did|have|can|will)|yes please|no please"
    r"|(come|go|log|hold) (in|on)"
    r"|(do|did|does|is|are|was|am|would|could|can|will) not|what for|where from|who with"
    r"|(looking|asking|waiting|calling|talking|thinking) (for|about|to|at)"
    r"|thank you very|if not|or not|please)$"
)

_FAREWELL = re.compile(
    r"\b(good ?bye|bye ?bye|bye|see you( later| soon| then| tomorrow)?|talk to you (later|soon)"
    r"|have a (good|nice|great|lovely) (day|evening|night|weekend|one)"
    r"|that('s| is| will be|'ll be) all"
    r"|good night|hang up)\b"
)
_NOT_A_FAREWELL = re.compile(
    r"\b(before (you|we|i)|don't|do not|wait|one more|another|question|also|how do i say"
    r"|is that all)\b"
)
_QUESTION_START = re.compile(
    r"^(what|when|where|who|why|how|which|is|are|do|does|did|can|could|would|will|may|have|has)\b"
)

_ASKS_NUMBER = re.compile(
    r"\b(phone|telephone|mobile|number|zip|postal|code|date of birth|birthday|account|reference)\b"
)
_ASKS_ADDRESS = re.compile(r"\b(e-?mail|address|website)\b")
_ASKS_SPELLING = re.compile(r"\b(spell|your (full |last |first )?name|surname|letters?)\b")
_NUMBER_WORDS = frozenset(
    "zero oh one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty "
    "ninety hundred thousand double triple".split()
)


class Expectation(Enum):
    """What kind of answer the agent has just asked for."""

    ANYTHING = auto()
    NUMBER = auto()
    ADDRESS = auto()
    SPELLING = auto()


def words(text: str) -> tuple[str, ...]:
    """The words of `text` in lower case, without punctuation."""
    return tuple(_WORD.findall(text.lower()))


def same_words(left: str, right: str) -> bool:
    """True if the two differ at most in case, punctuation and spacing."""
    return words(left) == words(right)


def is_backchannel(text: str) -> bool:
    """True for "uh-huh", "okay", "yeah, right": no wish to speak. False without words."""
    said = words(text)
    return 0 < len(said) <= 3 and all(word in _BACKCHANNELS for word in said)


def is_farewell(text: str) -> bool:
    """True if the caller says good-bye, by any reading."""
    plain = " ".join(words(text))
    if not _FAREWELL.search(plain) or _NOT_A_FAREWELL.search(plain):
        return False
    last = plain[_FAREWELL.search(plain).start() :]  # type: ignore[union-attr]  # it was found above
    return not _QUESTION_START.match(plain) and len(words(last)) <= 10 and "?" not in text


def is_unfinished(text: str) -> bool:
    """True if nobody ends a turn with these words: "I would like to", "and um", "because"."""
    said = words(text)
    if not said or text.rstrip().endswith("?"):
        return False
    if text.rstrip().endswith((",", "-", "…", "...")):
        return True
    return said[-1] in _UNFINISHED and not _FINISHED_ANYWAY.search(" ".join(said))


def expectation(agent_text: str) -> Expectation:
    """What the agent's last question asks for."""
    question = agent_text.lower().rsplit(".", 1)[-1]
    if "?" not in question and "please" not in question:
        return Expectation.ANYTHING
    if _ASKS_ADDRESS.search(question):
        return Expectation.ADDRESS
    if _ASKS_SPELLING.search(question):
        return Expectation.SPELLING
    if _ASKS_NUMBER.search(question):
        return Expectation.NUMBER
    return Expectation.ANYTHING


def looks_complete(text: str, expected: Expectation) -> bool:
    """True if `text` is already a whole answer of the kind that was asked for."""
    match expected:
        case Expectation.ANYTHING:
            return True
        case Expectation.NUMBER:
            digits = len(re.sub(r"\D", "", text))
            spoken = sum(word in _NUMBER_WORDS for word in words(text))
            return digits + spoken >= 10 or (digits + spoken == 0 and len(words(text)) > 2)
        case Expectation.ADDRESS:
            return bool(re.search(r"(\.|\bdot )\s?[a-z]{2,}\W*$", text.lower()))
        case Expectation.SPELLING:
            letters = [word for word in words(text) if len(word) == 1]
            return not letters and len(words(text)) >= 2
