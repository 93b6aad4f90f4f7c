"""The test kit's client of the schema: operations without a socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nestpy_http import HttpClient

__all__ = ("GraphqlResult", "GraphqlTestClient")


class GraphqlResult(msgspec.Struct, frozen=True):
    """A response.

    Attributes:
        data: None where nothing was executed, or a null reached the top.
        errors: as the response holds them.
        status: of HTTP.
    """

    data: Any = None
    errors: list[dict[str, Any]] = []
    status: int = 200

    @property
    def codes(self) -> list[str]:
        """The code of each error."""
        return [str(error.get("extensions", {}).get("code", "")) for error in self.errors]


class GraphqlTestClient:
    """Asks the schema of one app: ``await test_app.graphql("{ users { name } }")``."""

    def __init__(self, http: HttpClient, path: str) -> None:
        self._http = http
        self._path = path

    async def __call__(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        *,
        operation_name: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> GraphqlResult:
        """Execute an operation.

        Args:
            query: the document.
            variables: by name.
            operation_name: of several in the document.
            headers: of the request.
        """
        body = {"query": query, "variables": variables, "operationName": operation_name}
        answer = await self._http.post(self._path, json=body, headers=dict(headers or {}))
        found = answer.json()
        return GraphqlResult(found.get("data"), found.get("errors", []), answer.status)
