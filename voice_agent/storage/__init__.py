"""Where things are kept: repositories on SQLite or PostgreSQL. Imported when a server starts."""
