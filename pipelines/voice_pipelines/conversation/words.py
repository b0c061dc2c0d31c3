"""What words tell about the conversation: acknowledgments, farewells, unfinished sentences.

English only, by word lists: a decision that must not wait for a model, and that a weak model must
not take alone. They err on the side that costs the caller less: a doubtful farewell is none.
"""

import re
from enum import Enum, auto

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def _phrases(text: str) -> str:
    """A pattern for any of the phrases, one a line; the longest that fits is taken."""
    listed = sorted((line.strip() for line in text.strip().splitlines()), key=len, reverse=True)
    return "(?:" + "|".join(listed) + ")"


_BACKCHANNEL = re.compile(
    "(?: ?"
    + _phrases(r"""
        uh huh|uhhuh|uh|um|er|aha|ah|oh|wow
        mm hmm|mmhmm|mhm|mmm?|hmm?
        okay|ok|o k|yeah|yep|yup|yes|right|sure|alright|all right
        i see|got it|gotcha|i understand|understood|makes sense|i know
        (that's |very )?(good|great|fine|cool|nice)|indeed|really|exactly|absolutely
        of course|no problem|thanks|thank you
    """)
    + r"\b)+"
)
_BACKCHANNEL_WORDS = 4
"""Whoever says more than that wants to speak."""

_UNFINISHED = frozenset(
    "and or but so because if when while that which who whose whom than then the a an my your his "
    "her our their its is are am was were be to of in on at by for from with about into onto over "
    "under between like i'm i'd i'll it's we're you're they're please um uh er erm hmm can could "
    "would will shall should may might must do does did have has had not very really also".split()
)
_UNFINISHED_PHRASE = re.compile(
    r"\b(i (think|guess|mean)|you know|let me( see| think)?|(can|could|would) you"
    r"|(name|number|address|e-?mail)'s|every)$|^well$"
)
_FINISHED_ANYWAY = re.compile(
    r"\b(i (do|did|am|was|can|will|would|could|should|have|had|must|might)"
    r"|(i|you|he|she|it|we|they) (already|never|just|really) (do|did|have|has|had|was|were)"
    r"|(it|he|she|that|there) (is|was|does|did|has|will|would)"
    r"|(we|they|you) (are|were|do|did|have|can|will)|yes please|no please"
    r"|(think|hope|guess|believe) so|not really|(yes|no) (very|really|also)"
    r"|(come|go|log|hold|get|turn|switch|put|let|i'm)( it| that| this| them| me| us)? (in|on)"
    r"|(do|did|does|is|are|was|am|would|could|can|will) not|what for|where from|who with"
    r"|(looking|asking|waiting|calling|talking|thinking) (for|about|to|at)"
    r"|(where|what) (is|are|was|were|am) \w+ (at|for|about)"
    r"|thank you very|if not|or not|please)$"
)

_GOODBYE = _phrases(r"""
    (bye|goodbye|good bye|bye bye|byebye|farewell)( now| for now| then)?
    see you( later| soon| then| tomorrow| around)?
    (i'll )?(talk|speak) to you (later|soon|then|tomorrow)
    (you )?have an? (good|nice|great|lovely|wonderful) (day|evening|night|weekend|one|time)
    (that's|that is|that will be|that'll be) (all|it|everything)(?! (right|well|good))
    (that's|that is) all (i need(ed)?|for (now|today))
    good night|take care
    (you can|please|let's) hang up( now)?
    i (have to|gotta|got to|must|need to) (go|run)( now)?
    i'll call (you )?(back|again)( later| tomorrow)?
""")
_CLEAR_GOODBYE = r"(?:bye|goodbye|good bye|bye bye|byebye)(?: now| for now| then)?"
_POLITE = _phrases(r"""
    okay|ok|o k|yes|yeah|yep|no|nope|all right|alright|right|fine|well|so|and|then|now|oh|um|uh
    (that's (all )?|very |all )?(great|good|perfect|wonderful|excellent|lovely|fine|cool|awesome)
    (thanks|thank you|cheers|many thanks)( so much| very much| a lot| again)?
    for (your|the|all your) (help|time)
    you too|same to you|no more questions|nothing else|i'm (good|fine|done|all set)|sir|ma'am
""")
_FAREWELL = re.compile(rf"(?:{_POLITE} )*{_GOODBYE}(?: {_POLITE}| {_GOODBYE})*")
_LAST_CLAUSE_FAREWELL = re.compile(rf"(?:{_POLITE} )*{_CLEAR_GOODBYE}(?: {_CLEAR_GOODBYE})*")
_DOUBT = re.compile(
    r"\b(before|don't|do not|not|never|wait|one more|another|question|also|say|says|said|told|tell"
    r"|call|called|mean|means|spell|movie|film|song|if|how|what|why|when|is that)\b"
)
_CLAUSE = re.compile(r"[,.;:!?]+")
_FAREWELL_WORDS = 16
"""Nobody takes longer; it also bounds the time that the patterns take."""
_ASKS_NUMBER = re.compile(
    r"\b(phone|telephone|mobile|number(?! of\b)|zip|postal|code|pin|digits|date of birth|birthday"
    r"|account|reference)\b"
)
_ASKS_ADDRESS = re.compile(r"\b(e-?mail|address|website)\b")
_ASKS_SPELLING = re.compile(r"\b(spell|your (full |last |first )?name|surname|letters?)\b")
_SENTENCE = re.compile(r"(?<!\bmr\.)(?<!\bmrs\.)(?<!\bms\.)(?<!\bdr\.)(?<=[.!?])\s+")
_REFUSAL = re.compile(r"\b(don't|do not|can't|cannot|won't|will not|why|forgot|rather not)\b")
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
    return tuple(_WORD.findall(text.lower().replace("\u2019", "'")))


def same_words(left: str, right: str) -> bool:
    """True if the two differ at most in case, punctuation and spacing."""
    return words(left) == words(right)


def is_backchannel(text: str) -> bool:
    """True for "uh-huh", "okay", "yeah, right": no wish to speak. False without words."""
    said = words(text)
    if not 0 < len(said) <= _BACKCHANNEL_WORDS or "?" in text:
        return False
    return _BACKCHANNEL.fullmatch(" ".join(said)) is not None


def is_farewell(text: str) -> bool:
    """True if the caller says good-bye, by any reading.

    Either there is nothing but good-byes and politeness in it, or the last clause is a plain "bye"
    and nothing before it makes that doubtful.
    """
    if "?" in text:
        return False
    if _matches(_FAREWELL, words(text)):
        return True
    clauses = [said for part in _CLAUSE.split(text) if (said := words(part))]
    if not clauses or not _matches(_LAST_CLAUSE_FAREWELL, clauses.pop()):
        return False
    return not any(_DOUBT.search(" ".join(said)) for said in clauses)


def _matches(pattern: re.Pattern[str], said: tuple[str, ...]) -> bool:
    return len(said) <= _FAREWELL_WORDS and pattern.fullmatch(" ".join(said)) is not None


def is_unfinished(text: str) -> bool:
    """True if nobody ends a turn with these words: "I would like to", "and um", "because"."""
    said = words(text)
    if not said or text.rstrip().endswith("?"):
        return False
    if text.rstrip().endswith((",", "-", "…", "...")):
        return True
    plain = " ".join(said)
    if _UNFINISHED_PHRASE.search(plain):
        return True
    return said[-1] in _UNFINISHED and not _FINISHED_ANYWAY.search(plain)


def expectation(agent_text: str) -> Expectation:
    """What the agent's last question or request asks for."""
    sentences = _SENTENCE.split(agent_text.lower())
    asked = [text for text in sentences if "?" in text or "please" in text]
    if not asked:
        return Expectation.ANYTHING
    if _ASKS_ADDRESS.search(asked[-1]):
        return Expectation.ADDRESS
    if _ASKS_SPELLING.search(asked[-1]):
        return Expectation.SPELLING
    if _ASKS_NUMBER.search(asked[-1]):
        return Expectation.NUMBER
    return Expectation.ANYTHING


def looks_complete(text: str, expected: Expectation) -> bool:
    """True if `text` is already a whole answer of the kind that was asked for."""
    said = words(text)
    if expected is Expectation.ANYTHING or _REFUSAL.search(" ".join(said)):
        return True
    letters = any(len(word) == 1 and word not in "ai" for word in said)
    match expected:
        case Expectation.NUMBER:
            digits = sum(map(str.isdecimal, text)) + sum(word in _NUMBER_WORDS for word in said)
            return digits >= 10 or (digits == 0 and len(said) > 2)
        case Expectation.ADDRESS:
            if re.search(r"(\.|\bdot )\s?[a-z]{2,}\W*$", text.lower()):
                return True
            return (
                len(said) >= 4 and not letters and not {"at", "dot"} & {*said} and "@" not in text
            )
        case Expectation.SPELLING:
            return len(said) >= 2 and not letters
