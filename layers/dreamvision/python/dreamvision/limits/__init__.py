"""Rate limits, quotas and idempotency keys."""
