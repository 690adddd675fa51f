"""``POST /api/v1/dreams/analyze``: the analysis while the client waits."""

from dreamvision.analysis.factory import configured_analyzer
from dreamvision.database.client import Database
from dreamvision.dreams.repository import DreamRepository
from dreamvision.dreams.service import analyze_and_store
from dreamvision.limits.idempotency import IdempotentRequest
from dreamvision.limits.rate_limits import Scope
from dreamvision.queries.presenters import analysis_response
from dreamvision.schemas.dreams import DreamAnalysisRequest, DreamAnalysisResponse
from dreamvision_api.api import Api, InvalidInputError, lambda_handler
from dreamvision_api.idempotency import IdempotencyKey, idempotent_request
from dreamvision_api.route_docs import ANALYSIS_ERRORS, SPENDING_ERRORS, documented

api = Api()

# API Gateway gives up after 30 seconds, this function after 29, and its first start takes about three.
_BUDGET_SECONDS = 23.0


@api.routes.post(
    "/api/v1/dreams/analyze",
    summary="Analyse a dream and write its video prompt",
    description="Finds the dream's category and writes the prompt for its video. The dream is kept in the history; film"
    " it with `POST /api/v1/videos/generate`.",
    tags=["Dreams"],
)
@documented(errors=(*SPENDING_ERRORS, *ANALYSIS_ERRORS, "ContentionError"))
def analyze_dream(body: DreamAnalysisRequest, idempotency_key: IdempotencyKey = None) -> DreamAnalysisResponse:
    if body.user_id not in (None, api.caller.user_id):
        raise InvalidInputError(["body", "user_id"], "must be your own id, or be left out")
    user_id, dreams = api.caller.user_id, DreamRepository(Database.shared())

    def is_kept(earlier: IdempotentRequest) -> bool:
        return dreams.exists(user_id, earlier.dream_id)

    with idempotent_request(api, Scope.ANALYZE, idempotency_key, body, is_done=is_kept) as attempt:
        if attempt.replayed is not None:
            return analysis_response(dreams.get(user_id, attempt.dream_id, consistent=True))
        dream = analyze_and_store(
            user_id,
            body.dream_text,
            configured_analyzer(),
            dreams,
            budget_seconds=_BUDGET_SECONDS,
            dream_id=attempt.dream_id,
            resumed=attempt.resumed,
        )
    return analysis_response(dream)


handler = lambda_handler(api)
