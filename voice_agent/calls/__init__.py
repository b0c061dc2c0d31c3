"""Live calls: admission, the journal on disk, the end of each."""
