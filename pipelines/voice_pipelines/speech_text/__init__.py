"""What is written, as it is said: "$16" is "sixteen dollars". Pure.

`segments` holds what was rewritten and where, `rules` rewrites a text by rules in their order,
`english` is those rules for English, `pronunciation` the words that a persona says its own way.
"""
