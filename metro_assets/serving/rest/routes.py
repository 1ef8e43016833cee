"""The addresses. An answer of the publication in force that has no parameters takes the short way (`SlateRoute`)."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Body, Depends, Path, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST

from metro_assets.config import TIME_ZONE, today
from metro_assets.serving.publish import Publication
from metro_assets.serving.queries import OpenPublication, UnknownCustomerError
from metro_assets.serving.reports import Reports
from metro_assets.serving.rest.asgi import header
from metro_assets.serving.rest.following import Following
from metro_assets.serving.rest.problems import MEDIA_TYPE, ProblemError
from metro_assets.serving.schemas import (
    BatchAnswer,
    BatchQuestion,
    CustomerProfile,
    DateQuestion,
    DriftReport,
    Evaluation,
    Health,
    Models,
    PageQuestion,
    PublicationSummary,
    Readiness,
    Slate,
    SlatePage,
    SlateQuestion,
    WithoutOffers,
)
from metro_assets.serving.slates import Slates

JSON = "application/json"
PROBLEM = "#/components/schemas/Problem"
LARGEST_ID = 2**31 - 1


def _says(status: int, what: str) -> dict[int | str, dict[str, Any]]:
    return {status: {"description": what, "content": {MEDIA_TYPE: {"schema": {"$ref": PROBLEM}}}}}


KEYED = _says(401, "no valid key (where the service has keys)")
INVALID = _says(422, "a field is not valid; `errors` says which")
UNPUBLISHED = _says(503, "nothing is published yet, or it cannot be read")
NOT_FOUND = _says(
    404,
    "`unknown_customer`, `no_recommendations` (known, and `detail` says why), `unknown_run_date`, `unknown_algorithm`",
)
NO_RUN = _says(404, "`unknown_run_date`, `unknown_algorithm`")


def following(request: Request) -> Following:
    """The publication in force."""
    found: Following = request.app.state.following
    return found


def reports(request: Request) -> Reports:
    """Models, evaluation, drift."""
    found: Reports = request.app.state.reports
    return found


Follows = Annotated[Following, Depends(following)]
Reported = Annotated[Reports, Depends(reports)]
CustomerId = Annotated[int, Path(ge=0, le=LARGEST_ID, description="number of the customer", examples=[17])]


class SlateRoute(APIRoute):
    """The short way for the plain question, `GET …/customers/17/recommendations`: nothing in it needs validation.

    FastAPI takes longer to resolve and validate parameters that are not there than the whole answer takes.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The short way, and FastAPI's where it does not apply."""
        whole_way = super().get_route_handler()

        async def handler(request: Request) -> Response:
            scope = request.scope
            served, text = request.app.state.following.current, scope["path_params"]["customer_id"]
            if served is None or scope["query_string"] or not (text.isascii() and text.isdigit() and len(text) < 10):
                return await whole_way(request)
            return _slate(request, served.slates, int(text), None)

        return handler


observing = APIRouter(tags=["service"])
slates = APIRouter(prefix="/v1", tags=["recommendations"], route_class=SlateRoute)
customers = APIRouter(prefix="/v1", tags=["recommendations"])
quality = APIRouter(prefix="/v1", tags=["models and quality"])


@observing.get("/v1/health", summary="The process answers")
async def health() -> Health:
    """Liveness: says nothing of what is served. Needs no key."""
    return Health(status="ok")


@observing.get("/v1/ready", summary="What is served, and how old it is", responses={503: {"model": Readiness}})
async def ready(follows: Follows) -> JSONResponse:
    """Readiness: 200 with the served run date and its age, 503 where there is nothing to serve. Needs no key."""
    answer = _readiness(follows)
    return JSONResponse(answer.model_dump(mode="json"), 200 if answer.is_ready else 503, {"Cache-Control": "no-store"})


@observing.get("/metrics", summary="Prometheus metrics", response_class=Response, responses=KEYED)
async def metrics(request: Request) -> Response:
    """Requests by route and status, seconds, the age of what is served; no customer."""
    return Response(request.app.state.metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


@slates.get(
    "/customers/{customer_id}/recommendations",
    summary="A customer's ten offers",
    response_model=Slate,
    responses={**KEYED, **NOT_FOUND, **INVALID, **UNPUBLISHED},
)
def recommendations(
    request: Request, follows: Follows, customer_id: CustomerId, question: Annotated[SlateQuestion, Query()]
) -> Response:
    """The best offers first, as price tags with their reasons; this morning's by the champion if nothing else is asked.

    `ETag` changes with the publication only: send it back as `If-None-Match`, and 304 says that nothing is new.
    """
    return _slate(request, _slates(follows, question, [customer_id]), customer_id, question.limit)


@customers.post(
    "/recommendations/batch",
    summary="The offers of many customers",
    response_model=BatchAnswer,
    responses={**KEYED, **INVALID, **NO_RUN, **UNPUBLISHED, **_says(413, "the body is too large")},
)
def batch(
    follows: Follows,
    question: Annotated[SlateQuestion, Query()],
    body: Annotated[BatchQuestion, Body()],
) -> Response:
    """Up to 1,000 customers, all from one publication; unknown ids and customers without an offer are named."""
    most = follows.settings.api.maximum_batch
    if len(body.customer_ids) > most:
        text = f"{len(body.customer_ids)} customers are more than {most}; ask in several batches"
        raise ProblemError(422, "invalid_request", text, field="body.customer_ids")
    wanted = list(dict.fromkeys(body.customer_ids))
    found = _slates(follows, question, wanted)
    without = [
        WithoutOffers(customer_id=customer_id, reason=found.shortfall(customer_id)).model_dump()
        for customer_id in wanted
        if customer_id in found and not found.has_offers(customer_id)
    ]
    unknown = [customer_id for customer_id in wanted if customer_id not in found]
    further = {"without_offers": without, "unknown_customer_ids": unknown}
    return StreamingResponse(_many(found, wanted, question.limit, further), media_type=JSON)


@customers.get(
    "/recommendations",
    summary="Every customer's offers, page by page",
    response_model=SlatePage,
    responses={
        **KEYED,
        **INVALID,
        **NO_RUN,
        **UNPUBLISHED,
        **_says(410, "`publication_gone`: the pages' publication is no longer kept; begin anew"),
    },
)
def page(follows: Follows, question: Annotated[PageQuestion, Query()]) -> Response:
    """Follow `next` until it is null: all pages are of one publication, whatever is published meanwhile."""
    opened, found = _pinned(follows, question)
    size = min(question.page_size, follows.settings.api.maximum_batch)
    if found is None:
        algorithm = question.algorithm or opened.publication.champion
        ids = opened.customers_after(question.after, size, algorithm)
        found = opened.slates(algorithm, ids)
    else:
        ids = found.with_offers_after(question.after, size)
    following_page = None
    if len(ids) == size:
        parameters = {
            "publication": found.publication.name,
            "algorithm": found.algorithm,
            "after": ids[-1],
            "page_size": size,
        } | ({"limit": question.limit} if question.limit else {})
        following_page = f"/v1/recommendations?{urlencode(parameters)}"
    return StreamingResponse(_many(found, ids, question.limit, {"next": following_page}), media_type=JSON)


@customers.get(
    "/customers/{customer_id}",
    summary="Who a customer is",
    response_model=CustomerProfile,
    responses={**KEYED, **NOT_FOUND, **INVALID, **UNPUBLISHED},
)
def profile(
    request: Request, follows: Follows, customer_id: CustomerId, question: Annotated[DateQuestion, Query()]
) -> Response:
    """Master data, the eight customer features as of the run date, and how many offers each algorithm has."""
    opened = _opened(follows, question.run_date)
    answer = opened.profile(customer_id)
    return _not_modified(request, opened.publication) or Cacheable(
        request, opened.publication, answer.model_dump_json().encode()
    )


@customers.get("/publications", summary="What was published", responses={**KEYED, **UNPUBLISHED, **INVALID})
def publications(follows: Follows) -> list[PublicationSummary]:
    """The publications that are kept, newest first; any of their run dates can be asked for."""
    in_force = follows.served().opened.publication
    return [
        PublicationSummary(
            publication=kept.name,
            run_date=kept.run_date,
            published_at=kept.published_at.replace(tzinfo=UTC),
            champion=kept.champion,
            offer_count=kept.row_count,
            customer_count=kept.customer_count,
            is_in_force=kept.name == in_force.name,
        )
        for kept in reversed(follows.reader.publications.published())
    ]


@quality.get("/models", summary="Fitted rankers", responses=KEYED)
def models(reported: Reported) -> Models:
    """Every fitted ranker with its windows and metrics; the champion is marked."""
    return reported.models()


@quality.get("/evaluation", summary="Ranking quality", responses={**KEYED, **NO_RUN, **INVALID})
def evaluation(reported: Reported, question: Annotated[DateQuestion, Query()]) -> Evaluation:
    """NDCG@10, precision, recall, MRR and more with their intervals, beside the baselines."""
    return reported.evaluation(question.run_date)


@quality.get("/drift", summary="Drift of features, scores and labels", responses={**KEYED, **NO_RUN, **INVALID})
def drift(reported: Reported, question: Annotated[DateQuestion, Query()]) -> DriftReport:
    """The population stability index of each against the champion's reference, with the bins."""
    return reported.drift(question.run_date)


def _opened(follows: Following, run_date: date | None) -> OpenPublication:
    served = follows.served().opened
    return served if run_date in {None, served.publication.run_date} else follows.reader.on(run_date)


def _slates(follows: Following, question: SlateQuestion, customer_ids: list[int]) -> Slates:
    """The champion's slates in memory, or those of some customers from a file."""
    served, opened = follows.served(), _opened(follows, question.run_date)
    if opened is served.opened and question.algorithm in {None, served.slates.algorithm}:
        return served.slates
    return opened.slates(question.algorithm, customer_ids)


def _pinned(follows: Following, question: PageQuestion) -> tuple[OpenPublication, Slates | None]:
    """The publication of a page, and its slates where they are in memory."""
    served = follows.served()
    name = question.publication
    if name is None or name == served.opened.publication.name:
        opened = _opened(follows, question.run_date if name is None else None)
    else:
        kept = [found for found in follows.reader.publications.published() if found.name == name]
        if not kept:
            raise ProblemError(410, "publication_gone", f"{name} is no longer kept; begin anew without `publication`")
        opened = follows.reader.named(kept[0])
    is_in_memory = opened is served.opened and question.algorithm in {None, served.slates.algorithm}
    return opened, served.slates if is_in_memory else None


def _slate(request: Request, found: Slates, customer_id: int, limit: int | None) -> Response:
    if not found.has_offers(customer_id):
        if customer_id not in found:
            raise UnknownCustomerError(f"there is no customer {customer_id} on {found.run_date}")
        reason = found.shortfall(customer_id)
        raise ProblemError(
            404,
            "no_recommendations",
            f"customer {customer_id} has no offer by {found.algorithm} on {found.run_date}"
            + (f": {reason}" if reason else ""),
        )
    return _not_modified(request, found.publication) or Cacheable(
        request, found.publication, found.json(customer_id, limit)
    )


def _many(found: Slates, customer_ids: list[int], limit: int | None, further: dict[str, Any]) -> Iterator[bytes]:
    """The JSON object around many slates, in pieces: a slow reader holds one piece, not the whole."""
    head = {"publication": found.publication.name, "run_date": str(found.run_date), "algorithm": found.algorithm}
    yield json.dumps(head).encode()[:-1] + b', "slates": '
    yield from found.json_array(customer_ids, limit)
    yield b", " + json.dumps(further).encode()[1:]


class Cacheable(Response):
    """JSON that holds as long as a publication does."""

    def __init__(self, request: Request, publication: Publication, body: bytes) -> None:
        # Starlette's own constructor encodes every header anew for every answer.
        self.status_code = 200
        self.background = None
        self.body = body
        self.raw_headers = [
            *_caching(publication, request.app.state.following.settings.api.fresh_seconds)[1],
            (b"content-length", b"%d" % len(body)),
        ]


@lru_cache(maxsize=64)
def _caching(publication: Publication, fresh_seconds: int) -> tuple[bytes, list[tuple[bytes, bytes]]]:
    """The entity tag of a publication, and the headers of what is read from it."""
    etag = f'"{publication.name}.{publication.champion}.{publication.published_at:%Y%m%dT%H%M%S}"'.encode("latin-1")
    headers = [
        (b"content-type", JSON.encode()),
        (b"etag", etag),
        (b"cache-control", b"private, max-age=%d" % fresh_seconds),
    ]
    return etag, headers


def _not_modified(request: Request, publication: Publication) -> Response | None:
    """304 where the client has this publication's answer."""
    given = header(request.scope["headers"], b"if-none-match")
    if given is None:
        return None
    etag, headers = _caching(publication, request.app.state.following.settings.api.fresh_seconds)
    known = {entry.strip().removeprefix(b"W/") for entry in given.split(b",")}
    if etag not in known and b"*" not in known:
        return None
    unchanged = Response(status_code=304)
    unchanged.raw_headers = headers[1:]
    return unchanged


def _readiness(follows: Following) -> Readiness:
    if follows.current is None:
        return Readiness(
            is_ready=False,
            is_stale=True,
            publication=None,
            run_date=None,
            run_date_age_days=None,
            published_at=None,
            age_seconds=None,
            problem=follows.problem or "nothing has been published yet; metro run makes it",
        )
    publication = follows.current.opened.publication
    published_at = publication.published_at.replace(tzinfo=UTC)
    midnight = datetime.combine(publication.run_date, datetime.min.time(), ZoneInfo(TIME_ZONE))
    hours = (datetime.now(UTC) - midnight).total_seconds() / 3600
    return Readiness(
        is_ready=True,
        is_stale=hours > follows.settings.api.stale_hours or follows.problem is not None,
        publication=publication.name,
        run_date=publication.run_date,
        run_date_age_days=(today() - publication.run_date).days,
        published_at=published_at,
        age_seconds=round((datetime.now(UTC) - published_at).total_seconds(), 1),
        problem=follows.problem,
    )
