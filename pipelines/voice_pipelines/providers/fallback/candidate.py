"""A provider that may be asked, and one request to it: what breakers and fallbacks share."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from voice_pipelines.errors import ProviderBusy, ProviderError
from voice_pipelines.ports import Clock

from ..breaker import Breaker, Ticket
from ..budget import closing

P = TypeVar("P", covariant=True)
T = TypeVar("T")


class Reports(Protocol):
    """Takes what became of one provider's requests, such as `health.Health`."""

    def first_result(self, ms: int) -> None: ...

    def succeeded(self) -> None: ...

    def failed(self, error: ProviderError) -> None: ...

    def overtaken(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Candidate(Generic[P]):
    """A provider that may be asked."""

    name: str
    provider: P
    breaker: Breaker
    """Its own, shared by all wrappers around the same provider."""
    health: Reports | None = None


# One request at one provider ---------------------------------------------------------------------


class Trial:
    """One request that a breaker let through. It is settled once; later verdicts are ignored.

    As a context it judges by how it is left: an error of the provider, anything else that was
    raised (nobody waited for the end), or nothing, which is a success if there was a result.
    """

    def __init__(self, candidate: Candidate[object], ticket: Ticket, clock: Clock) -> None:
        self._breaker = candidate.breaker
        self._health = candidate.health
        self._clock = clock
        self._ticket: Ticket | None = ticket
        self._began = clock.now()
        self._had_result = False

    def first_result(self) -> None:
        """Something useful came."""
        self._had_result = True
        if self._health is not None:
            self._health.first_result(self._clock.now() - self._began)

    def ended(self) -> None:
        """The answer came to its end. An empty one is valid and says nothing of the provider."""
        if not self._had_result:
            self.abandon()
        elif (ticket := self._settle()) is not None:
            self._breaker.succeeded(ticket)
            if self._health is not None:
                self._health.succeeded()

    def failed(self, error: ProviderError) -> None:
        """The provider failed."""
        if (ticket := self._settle()) is not None:
            self._breaker.failed(ticket, self._clock.now(), error)
            if self._health is not None:
                self._health.failed(error)

    def overtaken(self) -> None:
        """Another was faster."""
        if self._ticket is not None and self._health is not None:
            self._health.overtaken()
        self.abandon()

    def abandon(self) -> None:
        """Nobody waits for the end any more."""
        if (ticket := self._settle()) is not None:
            self._breaker.abandoned(ticket)

    def _settle(self) -> Ticket | None:
        ticket, self._ticket = self._ticket, None
        return ticket

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.ended()
        elif isinstance(error, ProviderError):
            self.failed(error)
        else:
            self.abandon()


def attempt(candidate: Candidate[object], clock: Clock) -> Trial | None:
    ticket = candidate.breaker.admit(clock.now())
    return None if ticket is None else Trial(candidate, ticket, clock)


def all_rest(candidates: Iterable[Candidate[object]], clock: Clock) -> ProviderBusy:
    wait = min(candidate.breaker.wait_ms(clock.now()) for candidate in candidates)
    return ProviderBusy("fallback", "every provider is being left alone", wait)


def checked(candidates: Sequence[Candidate[P]]) -> tuple[Candidate[P], ...]:
    if not candidates:
        raise ValueError("a fallback needs at least one provider")
    return tuple(candidates)


class Run(Generic[P, T]):
    """One provider's answer, of which the useless beginning is held back.

    While nothing useful has come, another provider can still be asked.
    """

    def __init__(
        self,
        candidate: Candidate[P],
        trial: Trial,
        stream: AsyncIterator[T],
        useful: Callable[[T], bool],
    ) -> None:
        self.candidate = candidate
        self.trial = trial
        self.empty = False
        """It ended, and had nothing useful."""
        self._stream = stream
        self._useful = useful
        self._head: list[T] = []

    async def start(self) -> ProviderError | None:
        """Wait until something useful comes, or the end; return the error if it failed before."""
        try:
            async for part in self._stream:
                self._head.append(part)
                if self._useful(part):
                    self.trial.first_result()
                    return None
            self.empty = True
        except ProviderError as error:
            self.trial.failed(error)
            return error
        except BaseException:
            await self.drop()
            raise
        return None

    async def drop(self) -> None:
        """Stop it: it is not wanted."""
        self.trial.abandon()
        async with closing(self._stream):
            pass

    async def parts(self) -> AsyncGenerator[T]:
        """The answer from its beginning. Raises ProviderError."""
        with self.trial:
            async with closing(self._stream):
                for part in self._head:
                    yield part
                if not self.empty:
                    async for part in self._stream:
                        yield part


def runs_of(
    candidates: Iterable[Candidate[P]],
    clock: Clock,
    ask: Callable[[P], AsyncIterator[T]],
    useful: Callable[[T], bool],
) -> Iterator[Run[P, T]]:
    """An answer of each candidate that is not left alone, asked for when its turn comes."""
    for candidate in candidates:
        if (trial := attempt(candidate, clock)) is not None:
            yield Run(candidate, trial, ask(candidate.provider), useful)
