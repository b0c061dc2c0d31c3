"""Keys that a party presses, collected until they are complete."""

LONGEST = 64
"""Keys beyond so many are dropped: nobody means them."""
_COMPLETE = "#"


class Keypad:
    """The keys so far."""

    def __init__(self) -> None:
        self._keys = ""
        self._pressed_at = 0

    def __bool__(self) -> bool:
        return bool(self._keys)

    def press(self, key: str, now: int) -> bool:
        """Take a key; whether they are complete now."""
        self._pressed_at = now
        if key == _COMPLETE:
            return bool(self._keys)
        if len(self._keys) < LONGEST:
            self._keys += key
        return False

    def take(self) -> str:
        """The keys, with blanks between them; begin anew."""
        keys, self._keys = " ".join(self._keys), ""
        return keys

    def due(self, pause_ms: int) -> int:
        """When a pause of that length makes them complete."""
        return self._pressed_at + pause_ms
