"""Merge the answers of all clusters into one result. Never a guess."""

from collections.abc import Iterable, Sequence

from pod_index.clusters import Answer, Verdict


def merge(answers: Sequence[Answer], subject: str) -> Verdict:
    """Return the result of a lookup; ``subject`` is the identifier as error messages name it.

    - A living pod with a unique identifier is the result, regardless of other clusters.
    - If a cluster rejects the request, its error is the result: it may have the pod.
    - The most specific identifier counts: in nested clusters, the result is the innermost pod. Living pods come before
      deleted ones with the same identifier. Two different pods are ambiguous.
    - If a cluster does not answer, only a unique identifier gives a result: that cluster may have a pod, too.
    """
    for answer in answers:
        if answer.is_certain:
            return Verdict(200, answer, age=answer.age)
    for answer in answers:
        if answer.outcome == "invalid":
            return Verdict(400, answer, answer.message, answer.age)
    claims = [answer for answer in answers if answer.outcome in ("hit", "deleted", "ambiguous")]
    silent = [answer.cluster for answer in answers if answer.outcome == "silent"]
    age = max((answer.age for answer in answers if answer.age is not None), default=None)
    if not claims:
        if not silent:
            return Verdict(404, age=age)
        return Verdict(503, None, _no_answer(silent, "not found in the others" * (len(silent) < len(answers))), age)
    first = min(claim.rank for claim in claims)
    claims = [claim for claim in claims if claim.rank == first]
    claims = [claim for claim in claims if claim.outcome != "deleted"] or claims
    claim = claims[0]
    if any(claim.outcome == "ambiguous" for claim in claims) or len({claim.uid for claim in claims}) > 1:
        if len(claims) == 1:
            return Verdict(409, claim, claim.message, claim.age)
        message = f"{subject} is that of pods in {_names(claim.cluster for claim in claims)}"
        return Verdict(409, None, f"{message}: ask one of them with cluster=NAME", age, found=True)
    if silent and not (claim.unique and first == 0):
        return Verdict(503, None, _no_answer(silent, f"found in {_names([claim.cluster])}"), age, found=True)
    return Verdict(200, claim, age=claim.age)


def _no_answer(silent: Sequence[str], rest: str) -> str:
    return f"no answer from {_names(silent)}" + (f"; {rest}" if rest else "")


def _names(clusters: Iterable[str]) -> str:
    names = sorted(clusters)
    return f"cluster{'s' * (len(names) > 1)} {', '.join(names)}"
