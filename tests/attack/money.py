"""What a stranger can spend: paid renders, analyses, refusals, accounts, and a new account for an erased one."""

import json
import secrets
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from dreamvision.core.ids import new_id
from dreamvision.core.subscription_tiers import SubscriptionTier
from dreamvision.dreams.analysis_quota import AnalysisQuota
from dreamvision.limits.quotas import QuotaSettings, VideoLimits
from dreamvision.videos.lifecycle import VideoLifecycle
from tests.attack.attack import Outcome, attack
from tests.attack.forgery import in_parallel
from tests.attack.races import race
from tests.attack.target import Target
from tests.e2e.client import DREAM, PASSWORD, User, wait_for
from tests.e2e.test_spending_attacks import REFUSED, day

_SERVICE = 20
_RESERVE = 4


@attack("film, wait until it is paid, cancel, repeat", slow=True)
def paid_and_cancelled(target: Target, outcome: Outcome) -> None:
    limit = target.limit("ApiDreamsFunction", "FREE_VIDEOS_PER_DAY")
    user = target.register()
    answer = user.post("/dreams/analyze", {"dream_text": f"[[runway:lasts:60]] {DREAM} {secrets.token_hex(4)}"})
    dream = answer.json()
    refusals = []
    for _ in range(limit + 3):
        answer = user.post("/videos/generate", {"dream_id": dream["dream_id"]})
        outcome.tries += 1
        if answer.status_code == 429:
            refusals.append(answer.json()["type"].rpartition(":")[2])
            continue
        job_id = answer.json()["job_id"]
        wait_for(partial(user.video, job_id), lambda video: video["status"] == "processing")
        user.delete(f"/videos/{job_id}")
    paid = target.control.paid_renders(dream["video_prompt"])
    outcome.expect(paid <= limit, f"{paid} renders were paid, {limit} are allowed")
    outcome.expect(set(refusals) == {"video_quota_exceeded"}, f"refused by {sorted(set(refusals))}")


@attack("tell and cancel, repeat")
def told_and_cancelled(target: Target, outcome: Outcome) -> None:
    user = target.register()
    for number in range(4):
        answer = user.post("/dreams/generate-video", {"dream_text": DREAM}, headers={"prefer": "respond-async"})
        assert answer.status_code == 202, answer.text
        user.delete(f"/videos/{answer.json()['job_id']}")
        counted = day(target.control, user.id)[1]
        outcome.expect(counted == number + 1, f"{counted} of {number + 1} analyses are counted")


@attack("refused dreams, and the account erased and registered again")
def refused(target: Target, outcome: Outcome) -> None:
    user, limit = target.register(), target.limit("ApiDreamsFunction", "MODERATION_STRIKES")
    for _ in range(limit):
        assert user.post("/dreams/analyze", REFUSED).status_code == 422
        outcome.tries += 1
    _expect_paused(outcome, user, "after the refusals")
    before = day(target.control, user.id)
    assert user.request("DELETE", "/auth/me", json={"password": PASSWORD}).status_code == 204
    # The last step of the erasure, without its grace of minutes.
    answer = target.invoke("DeleteAccountFunction", {"user_id": user.id, "whole_account": True})
    assert "errorType" not in answer, answer
    body = {"email": user.email, "password": PASSWORD, "username": f"{user.username}-2"}
    reply = target.call("POST /api/v1/auth/register", body)
    assert reply.status == 200, reply
    tokens = json.loads(reply.text)
    again = User(target.http, tokens["user"]["id"], user.email, body["username"], tokens["access_token"], "")
    outcome.expect(again.id != user.id, "the erased account is back")
    outcome.expect(day(target.control, again.id) == before, "the day begins anew with a new account")
    _expect_paused(outcome, again, "with a new account")


def _expect_paused(outcome: Outcome, user: User, when: str) -> None:
    for path in ("/dreams/analyze", "/dreams/generate-video"):
        answer = user.post(path, {"dream_text": DREAM})
        kind = answer.json().get("type", "").rpartition(":")[2]
        outcome.expect((answer.status_code, kind) == (429, "paused_after_refusals"), f"{path} {when}: {kind}")
        outcome.expect(answer.headers.get("retry-after", "").isdecimal(), f"{path} {when}: no Retry-After")


@attack("accounts from the networks of one IPv6 subscriber")
def accounts(target: Target, outcome: Outcome) -> None:
    limit = target.limit("ApiAuthFunction", "REGISTRATIONS_PER_ADDRESS")
    network = f"2001:db8:{secrets.token_hex(2)}:00"

    def register(number: int) -> tuple[int, str]:
        name = f"attacker-{secrets.token_hex(5)}"
        body = {"email": f"{name}@example.com", "password": PASSWORD, "username": name}
        reply = target.call("POST /api/v1/auth/register", body, address=f"{network}{number:02x}::1")
        return reply.status, reply.problem

    answers = in_parallel(register, list(range(limit + 4)))
    outcome.tries += len(answers) - 2
    created = sum(status == 200 for status, _ in answers)
    outcome.expect(created <= limit, f"{created} accounts, {limit} are allowed")
    kinds = {kind for status, kind in answers if status != 200}
    outcome.expect(kinds <= {"too_many_registrations", "busy"}, f"refused by {sorted(kinds)}")


@attack("the ceiling of the service, and the part that premium users keep")
def ceiling(target: Target, outcome: Outcome) -> None:
    videos = VideoLifecycle(target.database)
    # A day of the past, whose counters nobody else uses.
    then = datetime(2001, 1, 1, 12, tzinfo=UTC) + timedelta(days=secrets.randbelow(8_000))
    settings = QuotaSettings(service_videos_per_day=_SERVICE, premium_reserve=100 * _RESERVE // _SERVICE)

    def create(limits: VideoLimits) -> Any:
        return videos.add_with_dream(new_id(), new_id(), new_id(), DREAM, 5, then, limits)

    for tier, allowed in ((SubscriptionTier.FREE, _SERVICE - _RESERVE), (SubscriptionTier.PREMIUM, _RESERVE)):
        found = race(partial(create, settings.of_tier(tier)), 2 * _SERVICE)
        outcome.tries += 2 * _SERVICE - 1
        passed = found["done"]
        outcome.expect(passed <= allowed <= passed + found["ContentionError"], f"{tier}: {dict(found)}, not {allowed}")
    analyses = AnalysisQuota(target.database, QuotaSettings(service_analyses_per_day=_SERVICE), now=lambda: then)
    # Those of the videos were counted as well, in the same counters.
    found = race(lambda: analyses.count(new_id(), new_id()), 2 * _SERVICE)
    outcome.tries += 2 * _SERVICE - 1
    outcome.expect(found["done"] <= _SERVICE, f"analyses: {dict(found)}")
