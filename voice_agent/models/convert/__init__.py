"""Conversions that run once, at pull time, in a process of their own."""
