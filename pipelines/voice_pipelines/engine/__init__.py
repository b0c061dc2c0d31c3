"""The asyncio shell that runs calls: one synchronous path per frame, one task group per call."""
