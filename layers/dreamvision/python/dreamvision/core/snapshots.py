"""SnapStart: Lambda copies an initialized process, and every copy continues with the same state.

https://docs.aws.amazon.com/lambda/latest/dg/snapstart-uniqueness.html
"""

import os
import random


def prepare_for_snapshots() -> None:
    """Seed ``random`` again in every copy: the SDKs' retries wait for random times, which would be the same in all.

    Ids and tokens come from ``secrets``, whose source is the operating system: Lambda makes that one unique.
    """
    # The values are documented in https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html.
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        return
    # Part of Lambda's runtime.
    from snapshot_restore_py import register_after_restore

    register_after_restore(random.seed)
