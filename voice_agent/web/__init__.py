"""HTTP: the carrier's webhook and media socket, health and metrics."""
