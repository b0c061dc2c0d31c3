"""The migrations, newest last; `database.HEAD` names the newest one."""
