"""A small, faithful, pods-only Kubernetes API server for tests and the demo.

>>> with ApiServer() as server:
...     server.pods.create(make_pod("web"))

It follows https://kubernetes.io/docs/reference/using-api/api-concepts/: resourceVersions, chunked lists of one
snapshot, watches that resume, 410s, bookmarks, streaming lists, selectors, 401 and 403, and the texts of errors.

It does not have:

- resources other than pods;
- validation, defaulting and admission; PUT, subresources, dry runs and server-side apply; every patch is a merge
  patch, in which a list replaces a list;
- graceful termination: a pod is removed at once, unless it has finalizers;
- protobuf in requests; YAML, CBOR, gzip and HTTP/2; aggregated discovery; watches over WebSocket;
- authentication other than bearer tokens; a request without one gets 401, or with ``access.allow_anonymous()`` the 403
  of ``system:anonymous``; of impersonation only the user counts, not the groups;
- two histories: etcd and the watch cache remember the same number of changes. So a list with ``resourceVersion=0``
  is never stale, and a restart forgets nothing;
- a random end of a watch after 30 to 60 minutes, or for a client that does not read;
- priority and fairness: 429 is sent by a ``Fault`` only.
"""

from tests.apiserver.access import Access, Rule
from tests.apiserver.faults import CUT, END, Fault, Faults, WatchFault, watch_error
from tests.apiserver.podspecs import container_status, make_pod, realistic_pod
from tests.apiserver.requests import RecordedRequest
from tests.apiserver.server import ApiServer
from tests.apiserver.statuses import AlreadyExists, ApiError, Conflict, NotFound
from tests.apiserver.store import PodStore

__all__ = [
    "CUT",
    "END",
    "Access",
    "AlreadyExists",
    "ApiError",
    "ApiServer",
    "Conflict",
    "Fault",
    "Faults",
    "NotFound",
    "PodStore",
    "RecordedRequest",
    "Rule",
    "WatchFault",
    "container_status",
    "make_pod",
    "realistic_pod",
    "watch_error",
]
