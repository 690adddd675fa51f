"""Races for every limit and quota: many threads at once, and not one more passes than is allowed.

The threads run the functions' own code on the stack's tables: as many workers of the emulator would measure how fast
this machine starts processes. Where the race is between requests, fewer threads call the functions.
"""

import hashlib
import secrets
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

from dreamvision.core.clock import utc_now
from dreamvision.core.errors import DreamVisionError
from dreamvision.core.ids import new_id
from dreamvision.core.subscription_tiers import SubscriptionTier
from dreamvision.database.transactions import ContentionError
from dreamvision.dreams.analysis_quota import AnalysisQuota
from dreamvision.dreams.repository import DreamRepository
from dreamvision.limits.daily_counts import DailyCounts
from dreamvision.limits.idempotency import Idempotency
from dreamvision.limits.quotas import QuotaSettings, VideoLimits, day_of
from dreamvision.limits.rate_limits import (
    ATTEMPTS_PER_HOUR,
    CODES_PER_HOUR,
    PASSWORD_CHECKS_PER_HOUR,
    RateLimits,
    RateLimitState,
    RateSettings,
    Scope,
)
from dreamvision.limits.repository import LimitsRepository
from dreamvision.users.repository import ProfileRepository
from dreamvision.users.usernames import Usernames
from dreamvision.videos.lifecycle import VideoLifecycle
from dreamvision.videos.models import Media, VideoRecord
from dreamvision.videos.render import start_render
from tests.attack.attack import Outcome, attack
from tests.attack.target import Target, random_address
from tests.e2e.client import DREAM, PASSWORD
from tests.fakes.claude import FakeAnalyzer
from tests.fakes.runway import FakeRenderer

_THREADS = 32
_REQUESTS = 6
_MEDIA = Media("videos/u/j.mp4", "thumbnails/t/j.jpg", None, 1280, 720)


def race(work: Callable[[], object], times: int, threads: int = _THREADS) -> Counter[str]:
    """Return how often ``work`` ended how: ``done``, ``False`` (refused), or the name of an error of the product."""
    count = min(times, threads)
    start = Barrier(count)

    def one(number: int) -> str:
        if number < count:
            start.wait(30)
        try:
            return "False" if work() is False else "done"
        except DreamVisionError as error:
            return type(error).__name__

    with ThreadPoolExecutor(count) as pool:
        return Counter(pool.map(one, range(times)))


def _expect(outcome: Outcome, found: Counter[str], allowed: int, what: str) -> None:
    """Expect exactly ``allowed`` to pass. Contention may let fewer pass; those were told to try again."""
    outcome.tries += sum(found.values()) - 1
    passed, contended = found["done"], found[ContentionError.__name__]
    outcome.expect(passed <= allowed <= passed + contended, f"{what}: {dict(found)} instead of {allowed}")


def _limits(target: Target) -> RateLimits:
    """Limits whose seal nobody else has: their counters are the attack's own."""
    key = secrets.token_bytes(16)
    settings = {**target.settings("ApiAuthFunction"), **target.settings("ApiDreamsFunction")}
    names = (name.upper() for name in RateSettings.model_fields)
    found = RateSettings.from_environment({name: settings[name] for name in names if name in settings})
    return RateLimits(
        LimitsRepository(target.database), found, seal=lambda text: hashlib.sha256(key + text.encode()).hexdigest()
    )


def _is_allowed(count: Callable[[], RateLimitState]) -> bool:
    return count().allowed


@attack("limits of a minute: user, address, session")
def minutes(target: Target, outcome: Outcome) -> None:
    user = target.limit("ApiDreamsFunction", "RATE_LIMIT_PER_MINUTE")
    address = target.limit("ApiAuthFunction", "AUTH_RATE_LIMIT_PER_MINUTE")
    session = target.limit("ApiAuthFunction", "REFRESH_RATE_LIMIT_PER_MINUTE")
    limits, user_id = _limits(target), new_id()
    counted: list[tuple[str, int, Callable[[], RateLimitState]]] = [
        (scope, user, partial(limits.count_user, scope, user_id))
        for scope in (Scope.ANALYZE, Scope.DREAM_VIDEO, Scope.VIDEO, Scope.UPLOAD)
    ]
    counted.append(("address", address, partial(limits.count_address, Scope.AUTH, random_address())))
    counted.append(("session", session, partial(limits.count_session, Scope.REFRESH, "a session")))
    for name, limit, count in counted:
        found = race(partial(_is_allowed, count), 3 * limit)
        _expect(outcome, found, limit, name)


@attack("limits of an hour: codes, attempts, passwords")
def hours(target: Target, outcome: Outcome) -> None:
    limits, email, user_id = _limits(target), f"{secrets.token_hex(5)}@example.com", new_id()
    for scope in (Scope.RESEND, Scope.FORGOT):
        found = race(partial(limits.count_code, scope, email), 40)
        _expect(outcome, found, CODES_PER_HOUR, f"codes, {scope}")
    one = random_address()
    found = race(lambda: limits.count_attempt(Scope.RESET, email, one), 40)
    _expect(outcome, found, CODES_PER_HOUR, "attempts from one address")
    found = race(lambda: limits.count_attempt(Scope.CONFIRM, email, random_address()), 60)
    _expect(outcome, found, ATTEMPTS_PER_HOUR, "attempts from many addresses")
    _expect(outcome, race(lambda: limits.count_password(user_id), 40), PASSWORD_CHECKS_PER_HOUR, "password checks")


@attack("registrations of a day: address and IPv6 network")
def registrations(target: Target, outcome: Outcome) -> None:
    limit = target.limit("ApiAuthFunction", "REGISTRATIONS_PER_ADDRESS")
    limits, own, network = _limits(target), random_address(), f"2001:db8:{secrets.token_hex(2)}"
    _expect(outcome, race(lambda: limits.count_registration(own), 2 * limit), limit, "an address")
    hosts = iter([f"{network}:{number:x}::1" for number in range(2 * limit)])
    found = race(lambda: limits.count_registration(next(hosts)), 2 * limit)
    _expect(outcome, found, limit, "the networks of a /56")


@attack("usernames and e-mail addresses")
def names(target: Target, outcome: Outcome) -> None:
    usernames, name = Usernames(target.database), f"attacker-{secrets.token_hex(5)}"
    spellings = iter([name, name.upper(), name.title()] * 20)
    _expect(outcome, race(lambda: usernames.reserve(next(spellings), utc_now()), 40), 1, "a username")
    email, taken = f"{secrets.token_hex(6)}@example.com", f"attacker-{secrets.token_hex(5)}"

    def register() -> bool:
        body = {"email": email, "password": PASSWORD, "username": f"attacker-{secrets.token_hex(5)}"}
        return target.call("POST /api/v1/auth/register", body).status == 200

    def register_name() -> bool:
        body = {"email": f"{secrets.token_hex(6)}@example.com", "password": PASSWORD, "username": taken}
        return target.call("POST /api/v1/auth/register", body).status == 200

    _expect(outcome, race(register, 18, _REQUESTS), 1, "registrations of an e-mail address")
    _expect(outcome, race(register_name, 18, _REQUESTS), 1, "registrations of a username")


# ---------------------------------------------------------------- money


def _quotas(target: Target) -> QuotaSettings:
    target.limit("ApiDreamsFunction", "FREE_VIDEOS_PER_DAY")
    target.limit("ApiDreamsFunction", "FREE_ANALYSES_PER_DAY")
    settings = target.settings("ApiDreamsFunction")
    return QuotaSettings.from_environment(settings)


@attack("quotas of a user: videos, running videos, analyses")
def quotas(target: Target, outcome: Outcome) -> None:
    settings, videos = _quotas(target), VideoLifecycle(target.database)
    free, analyses = settings.of_tier(SubscriptionTier.FREE), settings.analyses_of_tier(SubscriptionTier.FREE)

    def create(user_id: str, limits: VideoLimits) -> Callable[[], VideoRecord]:
        return lambda: videos.add_with_dream(user_id, new_id(), new_id(), DREAM, 5, utc_now(), limits, analyses)

    found = race(create(new_id(), free._replace(per_day=10**6)), 30)
    _expect(outcome, found, min(free.concurrent, analyses.per_day), "running videos")
    found = race(create(new_id(), free._replace(concurrent=10**6)), 30)
    _expect(outcome, found, min(free.per_day, analyses.per_day), "videos of a day")
    user_id, quota = new_id(), AnalysisQuota(target.database, settings)
    found = race(lambda: quota.count(user_id, new_id()), 2 * analyses.per_day)
    _expect(outcome, found, analyses.per_day, "analyses of a day")


@attack("quotas given back: a cancelled video, once and only if nothing was paid")
def cancellations(target: Target, outcome: Outcome) -> None:
    videos, counts = VideoLifecycle(target.database), DailyCounts(target.database)
    for paid in (False, True):
        user_id = new_id()
        kept = videos.add_with_dream(user_id, new_id(), new_id(), DREAM, 5, utc_now())
        video = videos.add_with_dream(user_id, new_id(), new_id(), DREAM, 5, utc_now())
        if paid:
            DreamRepository(target.database).complete_analysis(
                user_id, video.dream_id, FakeAnalyzer().analyze(DREAM), 900, utc_now()
            )
            videos.request_render(user_id, video.job_id, utc_now())
        found = race(partial(videos.cancel, user_id, video.job_id, utc_now()), 20)
        taken = counts.of(user_id, day_of(utc_now()))
        outcome.tries += sum(found.values())
        outcome.expect(taken.videos == 1 + paid, f"{taken.videos} videos counted, paid: {paid}")
        outcome.expect(taken.analyses == 2, f"{taken.analyses} analyses counted")
        videos.cancel(user_id, kept.job_id, utc_now())


@attack("strikes: refused dreams at once, each counted once")
def strikes(target: Target, outcome: Outcome) -> None:
    settings, user_id, refused = _quotas(target), new_id(), [new_id() for _ in range(8)]
    counts, ids = DailyCounts(target.database), iter(refused * 4)
    race(lambda: counts.strike(user_id, next(ids), utc_now()), 32)
    outcome.tries += 31
    taken = counts.of(user_id, day_of(utc_now())).strikes
    outcome.expect(taken == len(refused), f"{taken} strikes instead of {len(refused)}")
    quota = AnalysisQuota(target.database, settings)
    found = race(lambda: quota.count(user_id, new_id()), 20)
    _expect(outcome, found, 0, "analyses of a paused user")


@attack("one video: renders requested, completions counted, an idempotency key")
def one_video(target: Target, outcome: Outcome) -> None:
    database, user_id = target.database, new_id()
    videos, dreams = VideoLifecycle(database), DreamRepository(database)
    video = videos.add_with_dream(user_id, new_id(), new_id(), DREAM, 5, utc_now())
    dreams.complete_analysis(user_id, video.dream_id, FakeAnalyzer().analyze(DREAM), 900, utc_now())
    renderer = FakeRenderer()
    race(lambda: start_render(user_id, video.job_id, renderer, dreams, videos), 20)
    outcome.tries += 19
    outcome.expect(len(renderer.started) == 1, f"{len(renderer.started)} renders were paid")
    current = videos.get(user_id, video.job_id, consistent=True)
    race(lambda: videos.complete(current, _MEDIA, utc_now()), 20)
    outcome.tries += 19
    done = ProfileRepository(database).get(user_id, consistent=True).videos_count
    outcome.expect(done == 1, f"{done} videos counted")
    keys, key = Idempotency(LimitsRepository(database)), secrets.token_hex(8)
    found = race(lambda: keys.claim(user_id, "POST /x", key, "{}"), 30)
    _expect(outcome, found, 1, "runs of an idempotency key")


@attack("requests at once: the limit of a minute over HTTP")
def over_http(target: Target, outcome: Outcome) -> None:
    limit = target.limit("ApiVideosFunction", "RATE_LIMIT_PER_MINUTE")
    user, unknown = target.register(), {"dream_id": new_id()}
    statuses: list[int] = []

    def request() -> Any:
        answer = user.post("/videos/generate", unknown)
        statuses.append(answer.status_code)
        return answer.status_code == 404

    found = race(request, 3 * limit, _REQUESTS)
    _expect(outcome, found, limit, "requests of a minute")
    outcome.expect(set(statuses) == {404, 429}, f"{sorted(set(statuses))}")
