"""The benchmark of the cost of lookups compares equal responses."""

import ssl

import httpx

from tests.benchmarks.lookupcost import CREDENTIALS, TLS, VARIANTS, serving
from tests.support.served import UID, example_pod, synced_index


async def test_all_variants_give_the_same_response_and_refuse_others() -> None:
    bodies = set()
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    async with serving(synced_index(example_pod())) as ports, httpx.AsyncClient(verify=trusting) as client:
        for variant in VARIANTS:
            url = f"{'https' if variant == TLS else 'http'}://127.0.0.1:{ports[variant]}/api/v1/pod?uid={UID}"
            refused = await client.get(url)
            assert refused.status_code == (401 if variant in CREDENTIALS else 200)
            answer = await client.get(url, headers={"Authorization": CREDENTIALS.get(variant, "")})
            assert answer.status_code == 200
            bodies.add(answer.content)
    assert len(bodies) == 1
