"""One conversation as a pure state machine: no asyncio, no clock, no I/O."""
