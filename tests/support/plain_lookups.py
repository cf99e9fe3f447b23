"""Plain lookups of an application, as main.py connects them."""

from starlette.applications import Starlette

from pod_index.api.app import endpoint_context
from pod_index.api.authentication import Authenticator
from pod_index.api.endpoints import POD_PATH
from pod_index.server.lookups import PlainLookups


def plain_lookups(app: Starlette, authenticator: Authenticator | None = None) -> PlainLookups:
    """Return what answers the plain lookups of ``app``."""
    context = endpoint_context(app)
    authorized = authenticator.accepts if authenticator else None
    return PlainLookups(POD_PATH, context.find_plain, context.age, context.stats, authorized)
