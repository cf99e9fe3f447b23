"""The header ``Accept`` of requests for metrics: https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1."""

OPENMETRICS = "application/openmetrics-text"


def prefers_openmetrics(accept: str) -> bool:
    """Whether the header prefers OpenMetrics, in a supported version, or weighs it like text."""
    weights = {OPENMETRICS: 0.0, "text/plain": 0.0}
    for entry in accept.split(","):
        media_type, *parameters = (part.strip().lower() for part in entry.split(";"))
        values = dict(parameter.partition("=")[::2] for parameter in parameters)
        version = values.get("version", "1.0.0").strip('"')
        if media_type == "text/plain" or (media_type == OPENMETRICS and version in {"1.0.0", "0.0.1"}):
            weights[media_type] = max(weights[media_type], _weight(values.get("q", "1")))
    return 0 < weights[OPENMETRICS] >= weights["text/plain"]


def _weight(text: str) -> float:
    """Parse a quality value; an invalid one counts as 0."""
    try:
        return float(text)
    except ValueError:
        return 0.0
