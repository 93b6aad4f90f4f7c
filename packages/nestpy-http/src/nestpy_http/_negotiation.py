"""`@produces`: the media types of a route's answers, chosen by ``Accept`` where there are several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from nestpy_core import Record, attach_metadata
from nestpy_core.contracts import EndpointAnswer
from nestpy_core.errors import DefinitionError

from ._accept import best_media, remembered
from ._answer import Answers, Headers, Response, ResponseDraft, check_header
from .errors import NotAcceptableError

__all__ = ("produces",)

F = TypeVar("F", bound=Callable[..., Any])

MSGPACK = ("application/msgpack", "application/x-msgpack", "application/vnd.msgpack")


def produces(*media_types: str) -> Callable[[F], F]:
    """Say what a route's results are sent as.

    One type is the ``Content-Type`` of the results, or of a stream's chunks. Several are chosen from by the
    request's ``Accept``, before the handler runs; a request that accepts none is answered 406. JSON (any ``+json``)
    and MessagePack can be chosen.

    Args:
        media_types: for instance ``"application/json", "application/msgpack"``; the first is the default.
    """
    if not media_types or not all(isinstance(one, str) and "/" in one for one in media_types):
        raise DefinitionError('`@produces` takes media types, for instance `@produces("text/csv")`')
    for one in media_types:
        check_header("content-type", one)

    def declare(function: F) -> F:
        attach_metadata(function, "http_produces", media_types)
        return function

    return declare


def is_msgpack(media_type: str) -> bool:
    """Say whether results of this type are MessagePack."""
    return media_type in MSGPACK


def is_json(media_type: str) -> bool:
    """Say whether results of this type are JSON."""
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


class Representations(Record, frozen=True):
    """Sends the results of one route in the representation that its request accepts.

    Attributes:
        offers: the media types.
        encoders: of each.
    """

    answers: Answers
    offers: tuple[str, ...]
    encoders: Sequence[Callable[[Any], bytes]]

    def chooser(self) -> Callable[[str | None], str]:
        """Return what gives the media type for an ``Accept`` header, or raises `NotAcceptableError`."""

        def choose(accept: str | None) -> str:
            chosen = best_media(accept, self.offers)
            if chosen is None:
                raise NotAcceptableError(f"This is available as {', '.join(self.offers)}")
            return chosen

        return remembered(choose)

    def sender(self) -> Callable[..., int]:
        """Return what sends a result; as `Answers.send` with the request's scope in front."""
        choose = self.chooser()
        encoders = dict(zip(self.offers, self.encoders, strict=True))
        varies = [("vary", "accept")] if len(self.offers) > 1 else []
        send = self.answers.send

        def send_chosen(  # noqa: PLR0917  # compiled code passes them
            scope: Any, protocol: Any, result: Any, status: int, extra: Headers, draft: ResponseDraft | None
        ) -> int:
            if not isinstance(result, Response | EndpointAnswer):
                media_type = choose(scope.headers.get("accept"))
                body = encoders[media_type](result)
                result = Response(body, status, [*extra, *varies], media_type=media_type)
            return send(protocol, result, status, extra, draft)

        return send_chosen
