"""Benchmarks that drive the server from outside, as callers do. In the source tree only."""
