"""Decisions about audio that count samples: pure, no asyncio, no clock."""
