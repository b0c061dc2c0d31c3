"""Speech and language services on loopback that speak the vendors' wire protocols.

They understand and speak `spelling`, take as long as `Delays` says, and fail as `Faults` plans.
"""
