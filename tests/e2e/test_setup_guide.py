"""The first video of docs/AWS-SETUP.md: its requests, run against the stack by the shell."""

import os
import re
import secrets
import subprocess
from pathlib import Path
from typing import Any

from tests.conftest import REPOSITORY
from tests.e2e.client import wait_for

GUIDE = (REPOSITORY / "docs/AWS-SETUP.md").read_text()
SECTION = GUIDE.partition("## The first user and the first video\n")[2].partition("\n## ")[0]
LINES: list[str] = re.findall(r"^\$ (.+)$", SECTION, re.MULTILINE)


def documented(beginning: str) -> str:
    """Return the only line of the section that begins so."""
    (line,) = [line for line in LINES if line.startswith(beginning)]
    return line


def test_the_guides_requests_make_a_video(stack: dict[str, Any], tmp_path: Path) -> None:
    name = f"luna-{secrets.token_hex(4)}"

    def run(*lines: str) -> str:
        script = "\n".join(lines).replace("you@example.com", f"{name}@example.com").replace('"luna"', f'"{name}"')
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "API": stack["api_url"], "NO_PROXY": "*"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    # GIVEN the stack's address, which the guide reads from the outputs
    assert documented("API=") == "API=$(output ApiUrl)"
    # WHEN the requests are sent; nobody has to confirm an address here
    assert '"healthy"' in run(documented('curl --fail-with-body "$API/api/v1/health"'))
    run(next(line for line in LINES if line.endswith('/auth/register"')))
    identified = run(documented("TOKEN="), documented("JOB="), 'echo "$TOKEN $JOB"').split()
    known = (f"TOKEN={identified[0]}", f"JOB={identified[1]}")
    status = documented("curl --silent")
    # THEN the video is completed, and saved
    wait_for(lambda: run(*known, status), lambda shown: '"status": "completed"' in shown, 60)
    run(*known, documented("curl --fail-with-body --output"))
    assert (tmp_path / "dream.mp4").read_bytes()[4:8] == b"ftyp"
