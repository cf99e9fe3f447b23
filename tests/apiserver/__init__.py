"""A small, faithful, pods-only Kubernetes API server for tests, benchmarks and the demo.

>>> with ApiServer() as server:
...     server.pods.create(make_pod("web"))

What it does, it does as the real server (https://kubernetes.io/docs/reference/using-api/api-concepts/):
resourceVersions, chunked lists of one snapshot, watches that resume, 410s, bookmarks, streaming lists,
selectors, conflicts, graceful deletion, finalizers, 401 and 403, and the errors' texts.

What it leaves out:

- every resource but pods (and names of namespaces, which exist as soon as a pod is in them);
- validation, defaulting and admission of pods; server-side apply, JSON patches, dry runs, deletion of
  collections; strategic merge patches are treated as merge patches, lists are replaced as a whole;
- protobuf, YAML, CBOR, gzip and HTTP/2; aggregated discovery and schemas; watches over WebSocket;
- users but by bearer token; without one, a request is refused (401) and not system:anonymous (403);
- etcd's and the watch cache's different ages: history is a number of changes, for both alike, so that a
  list that starts with resourceVersion=0 is never stale, and a restart does not forget the history;
- a limit on what is buffered for a watch whose client does not read; the real server ends such a watch;
- the random end of a watch after 30 to 60 minutes: without timeoutSeconds, a watch ends never by itself;
- priority and fairness: 429 comes by a fault only.
"""

from tests.apiserver.access import Access, Rule
from tests.apiserver.faults import CUT, END, HALF_LINE, RESUME, STALL, Fault, Faults, WatchFault, watch_error
from tests.apiserver.podspecs import container_status, make_pod, realistic_pod
from tests.apiserver.requests import RecordedRequest
from tests.apiserver.server import ApiServer
from tests.apiserver.statuses import AlreadyExists, ApiError, Conflict, NotFound
from tests.apiserver.store import PodStore

__all__ = [
    "CUT",
    "END",
    "HALF_LINE",
    "RESUME",
    "STALL",
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
