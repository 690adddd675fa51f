"""``POST /api/v1/dreams/analyze``: analyze a dream synchronously."""

from dreamvision.analysis.factory import configured_analyzer
from dreamvision.database.client import Database
from dreamvision.dreams.analysis_quota import AnalysisQuota
from dreamvision.dreams.repository import DreamRepository
from dreamvision.dreams.service import analyze_and_store
from dreamvision.limits.idempotency import IdempotentRequest
from dreamvision.limits.rate_limits import Scope
from dreamvision.queries.presenters import analysis_response
from dreamvision.schemas.dreams import DreamAnalysisRequest, DreamAnalysisResponse
from dreamvision.schemas.invalid_values import ValueCode
from dreamvision_api.api import Api, InvalidInputError, lambda_handler
from dreamvision_api.idempotency import IdempotencyKey, idempotent_request
from dreamvision_api.route_docs import ANALYSIS_ERRORS, ANALYSIS_QUOTA_ERRORS, SPENDING_ERRORS, document

api = Api()

# API Gateway times out after 30 seconds, this function after 29, and a cold start takes about three.
_BUDGET_SECONDS = 23.0


@api.routes.post(
    "/api/v1/dreams/analyze",
    summary="Analyze a dream",
    description="Determines the dream's category and writes a video prompt. The dream is saved to the history; create a"
    " video of it with `POST /api/v1/videos/generate`.",
    tags=["Dreams"],
)
@document(errors=(*SPENDING_ERRORS, *ANALYSIS_QUOTA_ERRORS, *ANALYSIS_ERRORS, "ContentionError"))
def analyze_dream(body: DreamAnalysisRequest, idempotency_key: IdempotencyKey = None) -> DreamAnalysisResponse:
    if body.user_id not in (None, api.caller.user_id):
        raise InvalidInputError(["body", "user_id"], ValueCode.NOT_OWN_ID, "Must be your own id, or be left out.")
    user_id, dreams = api.caller.user_id, DreamRepository(Database.shared())

    def is_stored(request: IdempotentRequest) -> bool:
        return dreams.exists(user_id, request.dream_id)

    with idempotent_request(api, Scope.ANALYZE, idempotency_key, body, is_done=is_stored) as request:
        if request.replayed is not None:
            return analysis_response(dreams.get(user_id, request.dream_id, consistent=True))
        dream = analyze_and_store(
            user_id,
            body.dream_text,
            configured_analyzer(),
            dreams,
            budget_seconds=_BUDGET_SECONDS,
            dream_id=request.dream_id,
            resumed=request.resumed,
            quota=AnalysisQuota.shared(),
        )
    return analysis_response(dream)


handler = lambda_handler(api)
