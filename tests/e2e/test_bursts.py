"""Many requests at once, for most of which a process of the function has to be started first."""

import secrets
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.e2e.client import DREAM, PASSWORD, User


def at_once(times: int, send: Callable[[], httpx.Response]) -> Counter[int]:
    """Return how many answers have each status."""
    with ThreadPoolExecutor(times) as pool:
        sent = [pool.submit(send) for _ in range(times)]
    return Counter(each.result().status_code for each in sent)


def test_of_thirty_analyses_by_one_user_ten_succeed(user: User) -> None:
    assert at_once(30, lambda: user.post("/dreams/analyze", {"dream_text": DREAM})) == {200: 10, 429: 20}


def test_a_hundred_users_at_once(http: httpx.Client) -> None:
    def sign_up() -> httpx.Response:
        name = f"dreamer-{secrets.token_hex(5)}"
        body = {"email": f"{name}@example.com", "password": PASSWORD, "username": name}
        return http.post("/api/v1/auth/register", json=body)

    assert at_once(100, sign_up) == {200: 100}
