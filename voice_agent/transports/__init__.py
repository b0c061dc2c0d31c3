"""The ways to a party; each is a leg of a call."""
