"""Where the models of the local providers come from, and that they are what they should be."""
