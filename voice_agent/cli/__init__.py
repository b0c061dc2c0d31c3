"""The command line.

Exit codes: 0 done; 1 the thing asked for failed or differs; 2 the command or the configuration is
wrong; 130 interrupted. Errors are one sentence on standard error that names the fix.
"""

import sys

from cyclopts import App, CycloptsError

from ..errors import CommandError, ConfigurationError, VoiceAgentError
from ..models.errors import ModelError
from . import (
    bench,
    call,
    configuration,
    keys,
    models,
    persona,
    providers,
    replay,
    report,
    serve,
    twilio,
)
from .output import complain

app = App(
    name="voice-agent",
    help="A self-hosted, real-time voice agent server.\n\nExit codes: 0 done, 1 failed or "
    "different, 2 wrong command or configuration, 130 interrupted.",
    version_flags=["--version"],
)
app.command(serve.serve)
app.command(call.call)
app.command(replay.replay)
app.command(report.report)
app.command(models.app)
app.command(providers.app)
app.command(twilio.app)
app.command(configuration.check_config)
app.command(persona.app)
app.command(keys.app)
app.command(keys.database)
app.command(bench.app)
app.command(configuration.version)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit with its code."""
    try:
        result = app(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        complain(str(error))
        sys.exit(2)
    except (ConfigurationError, CommandError) as error:
        complain(str(error))
        sys.exit(2)
    except (VoiceAgentError, ModelError) as error:
        complain(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(result if isinstance(result, int) else 0)
