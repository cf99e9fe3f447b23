"""The settings for lookups in other clusters."""

import re
from typing import Annotated

from msgspec import Meta

from pod_index.environ import FILE, SettingsError
from pod_index.listening import Listening

_CLUSTER_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?", re.ASCII)

CLUSTER_NAME_SYNTAX = "at most 63 lower case letters, digits and -._, but not the word all"

PENDING_MAX = 4_000
"""The maximum number of requests to other clusters, sent or queued; each cluster gets an equal part.

A request takes 5 KB, and its connection 10 KB and a file descriptor. Further requests fail at once.
"""


def is_cluster_name(name: str) -> bool:
    """Return whether a cluster can have this name. ``clusters=all`` means all of them."""
    return _CLUSTER_NAME.fullmatch(name) is not None and name != "all"


class Peering(Listening, frozen=True, kw_only=True):
    """How other clusters are asked."""

    cluster_name: Annotated[
        str,
        Meta(
            description="Name of this cluster in [lookups in several clusters](#several-clusters).",
            extra={"values": CLUSTER_NAME_SYNTAX},
        ),
    ] = ""

    peers_file: Annotated[
        str,
        FILE,
        Meta(description="The pod-indexes of [other clusters](#several-clusters). It needs `CLUSTER_NAME`."),
    ] = ""

    peer_timeout_seconds: Annotated[
        float,
        Meta(ge=0.05, le=60, description="Seconds that another cluster may take to answer, besides a `wait`."),
    ] = 1.0

    peer_requests_max: Annotated[
        int,
        Meta(ge=1, le=10_000, description="Maximum number of requests to each other cluster that are under way."),
    ] = 100


def check(peering: Peering) -> None:
    """Raise SettingsError if one of the settings is invalid."""
    if peering.cluster_name and not is_cluster_name(peering.cluster_name):
        raise SettingsError(f"CLUSTER_NAME must be {CLUSTER_NAME_SYNTAX}, not {peering.cluster_name!r}")
    if peering.peers_file and not peering.cluster_name:
        raise SettingsError("CLUSTER_NAME must be set too, as PEERS_FILE is")
