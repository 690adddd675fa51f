"""The usage of the service's daily video quota, which caps the cost of a day."""

from datetime import datetime

from dreamvision.core.metrics import Metric, record
from dreamvision.database.client import Database
from dreamvision.limits.quotas import QuotaSettings, day_of
from dreamvision.limits.repository import LimitsRepository


def record_service_usage(now: datetime) -> None:
    """Record how much of today's quota is used, in percent; 0 for a quota of 0, which switches videos off."""
    limit = QuotaSettings.from_environment().service_videos_per_day
    used = LimitsRepository(Database.shared()).service_videos(day_of(now))
    record({Metric.SERVICE_QUOTA_USED: 100 * used / limit if limit else 0})
