"""What the editor of personas asks besides the personas: to try one, and what can be picked."""

from ...access.tokens import SessionToken
from .call import Call
from .checks import check
from .documents import ById, TryIn, TryOut
from .personas import findings_of
from .ports import Dependencies
from .table import Route


class EditorResource:
    """Handlers and their routes."""

    def __init__(self, dependencies: Dependencies) -> None:
        self._of = dependencies.personas
        self._tokens = dependencies.tokens
        self._trials = dependencies.trials

    def routes(self) -> list[Route]:
        one = "/personas/{id}"
        return [
            Route(
                method="POST",
                path=f"{one}/try",
                handler=self.try_persona,
                gives=TryOut,
                tag="Personas",
            ),
        ]

    async def try_persona(self, call: Call, path: ById, body: TryIn) -> TryOut:
        """Make a session token with which the draft is talked to, as it is when that begins.

        With `persona` it is that document instead, which is not saved: the server keeps it for the
        conversations of this token, until a hundred others have been tried. The records of such
        conversations have `persona_version` 0.
        """
        draft = (await self._of(call.workspace).get(path.id)).draft
        tried = body.persona or draft
        check(tried)
        token = SessionToken(
            workspace=call.workspace,
            key=call.known.id,
            personas=(path.id,),
            user_id=body.user_id or "",
            draft=True,
            unsaved=self._trials.keep(body.persona) if body.persona else "",
            details=dict(body.details),
        )
        return TryOut(
            token=self._tokens.sign(token),
            expires_in=self._tokens.life_s,
            findings=findings_of(tried),
        )
