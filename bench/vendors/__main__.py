"""``python -m bench.vendors ['{"llm_first_ms": 250}']``: the vendors until standard input ends."""

import asyncio
import sys

import msgspec

from .running import serve
from .service import Delays

if __name__ == "__main__":
    asyncio.run(serve(msgspec.json.decode(sys.argv[1] if sys.argv[1:] else "{}", type=Delays)))
