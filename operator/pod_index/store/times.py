"""Times in the form of the Kubernetes API."""

import time
from functools import lru_cache

_DAY_SECONDS = 86_400
_MINUTES = [f"{minute // 60:02}:{minute % 60:02}:" for minute in range(1440)]
_SECONDS = [f"{second:02}Z" for second in range(60)]


FIRST_SECOND, LAST_SECOND = -62_135_596_800, 253_402_300_799
"""The years 1 to 9999, which RFC 3339 can express."""


def rfc3339(seconds: int) -> str:
    """Return seconds since the epoch, from FIRST_SECOND to LAST_SECOND, in RFC 3339."""
    day, second = divmod(seconds, _DAY_SECONDS)
    # Formatting the hours, minutes and seconds would take three times as long.
    return f"{_date_of(day)}{_MINUTES[second // 60]}{_SECONDS[second % 60]}"


@lru_cache(1024)
def _date_of(day: int) -> str:
    year, month, day_of_month, *_ = time.gmtime(day * _DAY_SECONDS)
    return f"{year:04}-{month:02}-{day_of_month:02}T"
