"""``voice-agent persona``: personas as files, checked and tried before anybody calls."""

from pathlib import Path

from cyclopts import App

from .output import say, say_json

app = App(name="persona", help="Check, test, import and export personas as files.")


@app.command
def lint(*files: Path, json: bool = False) -> int:
    """Say what is wrong or doubtful in persona files. Exit code 1 if there is an error.

    Parameters
    ----------
    files
        TOML or JSON files.
    json
        Print the findings, and how long each prompt is, as JSON.
    """
    from ..persona_check import check

    reports = [check(file) for file in files]
    if json:
        say_json([report.as_json() for report in reports])
    else:
        for report in reports:
            for finding in report.findings:
                say(f"{report.file}: {finding}")
            if report.meter is not None:
                tokens, level = report.meter.tokens, report.meter.level
                say(f"{report.file}: {report.verdict}, prompt of about {tokens} tokens ({level}).")
            else:
                say(f"{report.file}: {report.verdict}.")
    return 1 if any(report.failed for report in reports) else 0
