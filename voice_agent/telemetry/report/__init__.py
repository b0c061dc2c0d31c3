"""Recorded calls made readable: as a table, as JSON, as one page of HTML."""
