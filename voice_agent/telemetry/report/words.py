"""How figures are written for people."""

from collections.abc import Mapping

STAGE_NAMES: Mapping[str, str] = {
    "first_audio": "First audio",
    "endpointing": "Endpointing",
    "stt": "STT",
    "llm_first_token": "LLM first token",
    "first_clause": "First clause",
    "tts_first_byte": "TTS first byte",
    "sending": "Sending",
    "heard": "Heard",
}
STAGE_MEANINGS: Mapping[str, str] = {
    "first_audio": "from the caller's last sound to the agent's first",
    "endpointing": "from the caller's last sound to the decision that the turn is over",
    "stt": "from the pause to the final words",
    "llm_first_token": "from the question to the model's first token",
    "first_clause": "from the first token to the first piece that can be spoken",
    "tts_first_byte": "from that piece to its first audio",
    "sending": "from when audio and decision are there until the audio leaves",
    "heard": "from the first audio to the last that was played",
}


def milliseconds(value: int | None) -> str:
    """``85 ms``, ``1.24 s``; a dash for what is not known."""
    if value is None:
        return "–"
    return f"{value} ms" if abs(value) < 1000 else f"{value / 1000:.2f} s"


def duration(ms: int) -> str:
    """``0:25``, ``1:02:03``."""
    minutes, seconds = divmod(round(ms / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def counted(number: int, noun: str) -> str:
    """``1 answer``, ``3 answers``."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def moment(started: str) -> str:
    """An ISO time to the second."""
    return started[:19].replace("T", " ")
