"""What a persona can do in the world: its actions, from the schema to the dispatch.

`schema` reads what a customer has configured, `dispatch` does what the language model wants done.
"""
