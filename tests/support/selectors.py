"""Selectors that an API server accepts, with the pods that match them, and selectors that it rejects."""

from typing import Any

from tests.apiserver import make_pod


def selected_pods() -> list[dict[str, Any]]:
    """Return the pods that the selectors below are for."""
    web = make_pod("web", "sel-a", node="n1", phase="Running", ip="10.0.0.1", labels={"app": "web", "n": "5"})
    api = make_pod("api", "sel-b", labels={"app": "api", "example.com/tier": "back"})
    web["spec"]["schedulerName"] = api["spec"]["schedulerName"] = "default-scheduler"
    web["spec"]["restartPolicy"], api["spec"]["restartPolicy"] = "Always", "Never"
    web["spec"]["hostNetwork"] = True
    return [web, api]


LABEL_SELECTORS = {
    "app=web": ["web"],
    "app==web": ["web"],
    "app!=web": ["api"],
    "n!=5": ["api"],
    "app in (web,api)": ["api", "web"],
    "app in(web)": ["web"],
    "app in (web,)": ["web"],
    "app in ()": [],
    "app in (,)": [],
    "app notin (web)": ["api"],
    "n notin (5)": ["api"],
    "example.com/tier": ["api"],
    "!n": ["api"],
    "! n": ["api"],
    "n>4": ["web"],
    "n<5": [],
    "n=": [],
    "app=,n": [],
    " app\t= web ,\n n ": ["web"],
    "app,n,app!=api": ["web"],
    "in": [],
    "in in (in)": [],
    "n notin (), app": ["api", "web"],
}
"""The names of the pods that match."""

REJECTED_LABELS = [
    *("app,", "app,,n", ",", "app=web=x", "app=we b", "a b", "-a", "app=-x", "a/b/c", "A.b/c", "/a", "a/", "x" * 64),
    *("app=" + "x" * 64, "(", "app in web", "app in (web", "app in (web) n", "app in (a b)", "app=(x)", "!app=x"),
    *("a.b./c", "=", "!", "!!a", "n>x", "n>", "n>-5", "n>99999999999999999999", "é=x", "app\u00a0=web", "app=!web"),
    "a" * 254 + "/x",
]

FIELD_SELECTORS = {
    "metadata.name=web": ["web"],
    "metadata.name==web": ["web"],
    "metadata.name!=web": ["api"],
    "metadata.name= web": [],
    r"metadata.name=a\=b": [],
    r"metadata.name=a\,b": [],
    "metadata.namespace=sel-a": ["web"],
    "metadata.namespace!=sel-a": ["api"],
    "metadata.namespace!=sel-a,metadata.namespace!=sel-b": [],
    "spec.nodeName=n1": ["web"],
    "spec.nodeName=": ["api"],
    "spec.nodeName!=": ["web"],
    "spec.nodeName=n1,metadata.namespace!=sel-b": ["web"],
    "spec.restartPolicy=Never": ["api"],
    "spec.schedulerName=default-scheduler": ["api", "web"],
    "spec.serviceAccountName=": ["api", "web"],
    "spec.hostNetwork=true": ["web"],
    "spec.hostNetwork=false": ["api"],
    "status.phase=Running": ["web"],
    "status.phase!=Running": ["api"],
    "status.podIP=10.0.0.1": ["web"],
    "status.nominatedNodeName=": ["api", "web"],
    "metadata.name=web,": ["web"],
    ",": ["api", "web"],
}
"""The names of the pods that match."""

REJECTED_FIELDS = [
    *("metadata.uid=x", "foo=bar", "metadata.name", " metadata.name=web", "metadata.name =web", "metadata.name=a=b"),
    *("metadata.name===web", r"metadata.name=a\b", "metadata.name=a\\", "=x", r"metadata\.name=x", "spec.nodename=x"),
]
