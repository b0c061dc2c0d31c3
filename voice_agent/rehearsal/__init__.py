"""Scripted dialogues with a persona, in writing: what the user says, and what has to come of it.

The prompt, the language model, the actions with their checks and the requests of webhooks are those
of a call. There is no audio, and nothing is done in the world: webhooks are answered by the script,
and the telephone's actions are only noted down.
"""
