"""What of a pod must be the same in all encodings. The details are packed in another form from each."""

from pod_index.pods import PackedPod, Pod, encode_record
from pod_index.store.detailed_records import with_details
from pod_index.store.details import DetailsStore


def content_of(pod: Pod) -> tuple[object, ...]:
    """Return the fields of a pod, and its record with details."""
    assert isinstance(pod, PackedPod)
    record = with_details(encode_record(pod), DetailsStore().details_of(pod))
    return pod.metadata, pod.spec, pod.status, pod.container_ids, record
