"""The memory that archiving takes, measured in a process of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.fakes import hostile_source as source
from tests.fakes.bottomless_bucket import BottomlessBucket
from tests.fakes.hostile_source import HostileSource
from tests.fakes.sample_video import write_large_video

SIZE = 150_000_000
LIMIT_KB = 256 * 1024

# The peak comes from VmHWM, which begins with the program: `ru_maxrss` would begin with the size of the parent.
ARCHIVE = """
import json, re, sys
from pathlib import Path
from dreamvision.media.archive import archive_video
from dreamvision.media.download import DownloadPolicy
from dreamvision.media.storage import MediaStore

origin, work_dir = sys.argv[1:]
media = archive_video(
    origin + "/v.mp4", user_id="user", job_id="job", store=MediaStore("bucket"), policy=DownloadPolicy((origin,)),
    work_dir=Path(work_dir),
)
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(json.dumps({"peak_kb": int(peak[1]), "size": media.size_bytes, "video": media.video_key}))
"""


def test_a_video_of_150_mb_is_archived_in_less_than_256_mb(tmp_path: Path) -> None:
    # GIVEN a real video of 150 MB, as a provider might deliver it
    content = write_large_video(tmp_path / "large.mp4", SIZE).read_bytes()
    assert len(content) > SIZE
    with HostileSource({"/v.mp4": source.file(content)}) as server, BottomlessBucket() as bucket:
        environment = os.environ | {
            "AWS_ENDPOINT_URL": bucket.endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        }
        # WHEN it is archived by a fresh process
        done = subprocess.run(
            [sys.executable, "-c", ARCHIVE, server.origin, str(tmp_path)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        result = json.loads(done.stdout)
        # THEN all of it arrived
        assert result["size"] == len(content)
        assert bucket.completed == [f"/bucket/{result['video']}"]
        assert bucket.sizes[f"/bucket/{result['video']}"] >= len(content)
        # AND the process never used more than 256 MB
        assert result["peak_kb"] < LIMIT_KB, f"{result['peak_kb'] // 1024} MB"
        print(f"peak memory {result['peak_kb'] // 1024} MB")
