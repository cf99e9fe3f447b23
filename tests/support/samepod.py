"""What of a pod must be the same in all encodings. The details are packed in another form from each."""

from msgspec.structs import replace

from pod_index.pods import Pod, encode_record
from pod_index.store.detailed_records import with_details
from pod_index.store.details import DetailsStore
from pod_index.store.packed_parts import PackedPod


def content_of(pod: Pod) -> tuple[object, ...]:
    """Return the fields of a pod, and its record with details."""
    assert isinstance(pod, PackedPod)
    details = DetailsStore().details_of(pod)
    assert details is not None
    record = with_details(encode_record(pod), details)
    # Only JSON is decoded with the owners; of these, the index uses the workload and the details.
    metadata = replace(pod.metadata, owner_references=None)
    return metadata, pod.spec, pod.status, pod.container_ids, record, pod.workload
