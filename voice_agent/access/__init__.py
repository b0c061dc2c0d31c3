"""Who may use the API: keys, sessions, and the first administrator."""
