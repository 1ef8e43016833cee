"""One shape for whatever goes wrong: `schemas.Problem`, RFC 9457."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from metro_assets.serving.publish import PublicationError
from metro_assets.serving.queries import UnknownAlgorithmError, UnknownCustomerError, UnknownRunDateError
from metro_assets.serving.schemas import FieldProblem, Problem
from metro_assets.storage.errors import WarehouseError

MEDIA_TYPE = "application/problem+json"
log = structlog.get_logger("metro.api")

CODES = {
    401: "no_valid_key",
    403: "foreign_site",
    404: "no_such_address",
    405: "method_not_allowed",
    408: "too_slow",
    413: "too_large",
    422: "invalid_request",
    429: "too_many_wrong_keys",
}


class ProblemError(Exception):
    """Ends a request with a problem."""

    def __init__(
        self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None, field: str | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers
        self.errors = [FieldProblem(field=field, message=detail)] if field else []


def problem(
    request_id: str,
    status: int,
    code: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    errors: list[FieldProblem] | None = None,
) -> JSONResponse:
    """The response that says it."""
    content = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        request_id=request_id,
        errors=errors or [],
    )
    return JSONResponse(
        content.model_dump(mode="json"),
        status,
        headers={"Cache-Control": "no-store", **(headers or {})},
        media_type=MEDIA_TYPE,
    )


def add_handlers(app: FastAPI) -> None:
    """Every error of the app in the one shape."""

    @app.exception_handler(ProblemError)
    async def on_problem(request: Request, error: ProblemError) -> JSONResponse:
        return problem(_id(request), error.status, error.code, error.detail, error.headers, error.errors)

    @app.exception_handler(RequestValidationError)
    async def on_invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        fields = [
            FieldProblem(field=".".join(map(str, found["loc"])), message=str(found["msg"])) for found in error.errors()
        ]
        shown = "; ".join(f"{field.field}: {field.message}" for field in fields[:3])
        return problem(_id(request), 422, CODES[422], shown or "the request is not valid", errors=fields[:100])

    @app.exception_handler(HTTPException)
    async def on_http(request: Request, error: HTTPException) -> JSONResponse:
        code = CODES.get(error.status_code, "refused")
        return problem(_id(request), error.status_code, code, str(error.detail), error.headers)

    @app.exception_handler(WarehouseError)
    async def on_warehouse(request: Request, error: WarehouseError) -> JSONResponse:
        status, code, field = _meaning(error)
        errors = [FieldProblem(field=field, message=str(error))] if field else None
        headers = {"Retry-After": "60"} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
        return problem(_id(request), status, code, str(error), headers, errors)

    @app.exception_handler(Exception)
    async def on_anything(request: Request, error: Exception) -> JSONResponse:
        # The message may hold a customer's data: only the kind of error and where it came from go into the log.
        log.error("failed", request_id=_id(request), error=type(error).__name__, at=_origin(error))
        return problem(_id(request), 500, "internal", "this is a fault of the service; the log has it by request_id")


def _meaning(error: WarehouseError) -> tuple[int, str, str | None]:
    if isinstance(error, UnknownCustomerError):
        return 404, "unknown_customer", None
    if isinstance(error, UnknownRunDateError):
        return 404, "unknown_run_date", "query.run_date"
    if isinstance(error, UnknownAlgorithmError):
        return 404, "unknown_algorithm", "query.algorithm"
    if isinstance(error, PublicationError):
        return 503, "nothing_published", None
    return 503, "warehouse_unavailable", None


def _origin(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"


def _id(request: Request) -> str:
    found: Any = request.scope.get("state", {}).get("request_id", "")
    return str(found)
