"""Real identifiers of pods, and texts that are not identifiers. The comment above each one names its source.

Most paths of cgroups, logs and volumes come from tests and issues of other projects. Where a comment says "the form
of", the form is documented, and the IDs are those of other rows or invented.
"""

from typing import NamedTuple

from pod_index.store.identifiers import Identifier


class Spelling(NamedTuple):
    """A text, and the candidates that the parser must find in it."""

    text: str
    candidates: tuple[Identifier, ...]


def _spelling(text: str, *candidates: Identifier) -> Spelling:
    return Spelling(text, candidates)


def _version_1(controllers: str, path: str) -> str:
    """Return a /proc/PID/cgroup of version 1. Runtimes ignore controllers that they do not know, such as rdma."""
    names = controllers.split()
    return "".join(
        f"{number}:{name}:{'/' if name == 'rdma' else path}\n"
        for number, name in zip(range(len(names), 0, -1), names, strict=True)
    )


LONG_NAME = "web." * 44 + "web-1"
CUT_LINK = f"{LONG_NAME}_default_main-9bca8d63d5fa610783847915bcff0ecac1273e5b4bed3f6fa1b07350e0135961"[:251] + ".log"
"""A link in /var/log/containers that the kubelet cut to 255 characters."""

SPELLINGS = (
    # The form of kubectl get pod -o yaml.
    _spelling(
        "1234abcd-5678-90ef-aaaa-bbbbccccdddd",
        Identifier("uid", "1234abcd-5678-90ef-aaaa-bbbbccccdddd"),
    ),
    # The form of tools that print UUIDs in upper case.
    _spelling(
        "1234ABCD-5678-90EF-AAAA-BBBBCCCCDDDD",
        Identifier("uid", "1234abcd-5678-90ef-aaaa-bbbbccccdddd"),
    ),
    # kubernetes/kubernetes#45464, a line of the kubelet: orphaned pod.
    _spelling(
        "f97942cf-337e-11e7-b2b1-005056b7dc12",
        Identifier("uid", "f97942cf-337e-11e7-b2b1-005056b7dc12"),
    ),
    # kontena/pharos-cluster#440, the UID in the name of a slice.
    _spelling(
        "9692aa0e_748e_11e8_8dfa_76d458035df6",
        Identifier("uid", "9692aa0e-748e-11e8-8dfa-76d458035df6"),
    ),
    # spiffe/spire, the directory of cgroupfs alone.
    _spelling(
        "pod2c48913c-b29f-11e7-9350-020968147796",
        Identifier("uid", "2c48913c-b29f-11e7-9350-020968147796"),
    ),
    # openshift/machine-config-operator#148, annotation kubernetes.io/config.hash.
    _spelling(
        "c26521395dbc1da7d5ef74aca0694d11",
        Identifier("uid", "c26521395dbc1da7d5ef74aca0694d11"),
    ),
    # containerd/containerd#12560, annotation io.kubernetes.cri.sandbox-uid with a line feed.
    _spelling(
        "1deb8a305af8d4ad2b48c304a181ea0c\n",
        Identifier("uid", "1deb8a305af8d4ad2b48c304a181ea0c"),
    ),
    # spiffe/spire, workloadattestor/k8s/k8s_posix_test.go, guaranteed.
    _spelling(
        (
            "/kubepods/pod2c48913c-b29f-11e7-9350-020968147796/"
            "9bca8d63d5fa610783847915bcff0ecac1273e5b4bed3f6fa1b07350e0135961"
        ),
        Identifier("uid", "2c48913c-b29f-11e7-9350-020968147796"),
        Identifier("containerID", "9bca8d63d5fa610783847915bcff0ecac1273e5b4bed3f6fa1b07350e0135961"),
    ),
    # spiffe/spire, workloadattestor/k8s/k8s_posix_test.go, burstable.
    _spelling(
        (
            "/kubepods/burstable/pod2c48913c-b29f-11e7-9350-020968147796/"
            "34a2062fd26c805aa8cf814cdfe479322b791f80afb9ea4db02d50375df14b41"
        ),
        Identifier("uid", "2c48913c-b29f-11e7-9350-020968147796"),
        Identifier("containerID", "34a2062fd26c805aa8cf814cdfe479322b791f80afb9ea4db02d50375df14b41"),
    ),
    # spiffe/spire, workloadattestor/k8s/k8s_posix_test.go, Docker Desktop, best effort.
    _spelling(
        (
            "/kubepods/kubepods/besteffort/pod6bd2a4d3-a55a-4450-b6fd-2a7ecc72c904/"
            "a55d9ac3b312d8a2627824b6d6dd8af66fbec439bf4e0ec22d6d9945ad337a38"
        ),
        Identifier("uid", "6bd2a4d3-a55a-4450-b6fd-2a7ecc72c904"),
        Identifier("containerID", "a55d9ac3b312d8a2627824b6d6dd8af66fbec439bf4e0ec22d6d9945ad337a38"),
    ),
    # spiffe/spire, workloadattestor/k8s/k8s_posix_test.go, underscores without a slice.
    _spelling(
        (
            "/kubepods/pod2c48913c_b29f_11e7_9350_020968147796/"
            "9bca8d63d5fa610783847915bcff0ecac1273e5b4bed3f6fa1b07350e0135961"
        ),
        Identifier("uid", "2c48913c-b29f-11e7-9350-020968147796"),
        Identifier("containerID", "9bca8d63d5fa610783847915bcff0ecac1273e5b4bed3f6fa1b07350e0135961"),
    ),
    # spiffe/spire, workloadattestor/k8s/k8s_posix_test.go, from another cgroup namespace.
    _spelling(
        (
            "/../../../burstable/pod095e82d2-713c-467a-a18a-cbb50a075296/"
            "6d1234da0f5aa7fa0ccae4c7d2d109929eb9a81694e6357bcd4547ab3985911b"
        ),
        Identifier("uid", "095e82d2-713c-467a-a18a-cbb50a075296"),
        Identifier("containerID", "6d1234da0f5aa7fa0ccae4c7d2d109929eb9a81694e6357bcd4547ab3985911b"),
    ),
    # spiffe/spire, workloadattestor/k8s/k8s_posix_test.go, a cgroup root of another name.
    _spelling(
        (
            "/something/poda2830d0d-b0f0-4ff0-81b5-0ee4e299cf80/"
            "09bc3d7ade839efec32b6bec4ec79d099027a668ddba043083ec21d3c3b8f1e6"
        ),
        Identifier("uid", "a2830d0d-b0f0-4ff0-81b5-0ee4e299cf80"),
        Identifier("containerID", "09bc3d7ade839efec32b6bec4ec79d099027a668ddba043083ec21d3c3b8f1e6"),
    ),
    # spiffe/spire, workloadattestor/k8s/k8s_posix_test.go, a static pod.
    _spelling(
        "/kubepods/pod2732ca68f6358eba7703fb6f82a25c94",
        Identifier("uid", "2732ca68f6358eba7703fb6f82a25c94"),
    ),
    # pixie-io/pixie, cgroup_path_resolver_test.cc, GKE.
    _spelling(
        (
            "/sys/fs/cgroup/cpu,cpuacct/kubepods/pod8dbc5577-d0e2-4706-8787-57d52c03ddf2/"
            "14011c7d92a9e513dfd69211da0413dbf319a5e45a02b354ba6e98e10272542d/cgroup.procs"
        ),
        Identifier("uid", "8dbc5577-d0e2-4706-8787-57d52c03ddf2"),
        Identifier("containerID", "14011c7d92a9e513dfd69211da0413dbf319a5e45a02b354ba6e98e10272542d"),
    ),
    # kubernetes/kubernetes#66614, a line of the kubelet.
    _spelling(
        (
            "/sys/fs/cgroup/cpuset/kubepods/besteffort/podec2753a1-88e4-11e8-8dc3-9cb654aebf72/"
            "8f2acab777a52bb17ff5884908d635fceae63bcc48ec6e17396cdc93269add4d/cpuset.cpus"
        ),
        Identifier("uid", "ec2753a1-88e4-11e8-8dc3-9cb654aebf72"),
        Identifier("containerID", "8f2acab777a52bb17ff5884908d635fceae63bcc48ec6e17396cdc93269add4d"),
    ),
    # kubernetes/kubernetes#109105, a container by its name.
    _spelling(
        "/sys/fs/cgroup/kubepods/burstable/pod03f3a69f-82ff-4368-a1aa-16ddaf74ac22/xmrig/memory.max",
        Identifier("uid", "03f3a69f-82ff-4368-a1aa-16ddaf74ac22"),
    ),
    # google/cadvisor#2540, a cgroup of a pod.
    _spelling(
        "/kubepods/burstable/pod1ff47ee6-9685-4726-ac6f-0ff070c452d6",
        Identifier("uid", "1ff47ee6-9685-4726-ac6f-0ff070c452d6"),
    ),
    # falcosecurity/libs, runc.cpp tests, containerd.
    _spelling(
        (
            "/kubepods/besteffort/podac04f3f2-1f2c-11e9-b015-1ebee232acfa/"
            "605439acbd4fb18c145069289094b17f17e0cfa938f78012d4960bc797305f22"
        ),
        Identifier("uid", "ac04f3f2-1f2c-11e9-b015-1ebee232acfa"),
        Identifier("containerID", "605439acbd4fb18c145069289094b17f17e0cfa938f78012d4960bc797305f22"),
    ),
    # falcosecurity/libs, runc.cpp tests, CRI-O.
    _spelling(
        (
            "/kubepods/besteffort/pod63b3ebfc-2890-11e9-8154-16bf8ef8d9dc/"
            "crio-73bfe475650de66df8e2affdc98d440dcbe84f8df83b6f75a68a82eb7026136a"
        ),
        Identifier("uid", "63b3ebfc-2890-11e9-8154-16bf8ef8d9dc"),
        Identifier("containerID", "73bfe475650de66df8e2affdc98d440dcbe84f8df83b6f75a68a82eb7026136a"),
    ),
    # kata-containers/runtime#1515, CRI-O's monitor.
    _spelling(
        (
            "pod5884dc6c-5b0c-11e9-90bc-525400cfa589/"
            "crio-conmon-f105771f71cfaeed86175bc2bc10f9925c75d12b749231716dfe9f86e640ff0a/tasks"
        ),
        Identifier("uid", "5884dc6c-5b0c-11e9-90bc-525400cfa589"),
        Identifier("containerID", "f105771f71cfaeed86175bc2bc10f9925c75d12b749231716dfe9f86e640ff0a"),
    ),
    # kata-containers/kata-containers#5551.
    _spelling(
        (
            "/sys/fs/cgroup/cpu/kubepods/podd632e6cc-efc2-4bc4-ac70-2229bed9c9e6/"
            "kata_2067d4217f8b857871b447e4cc7fc501d4c64fba1a6cb02df822ed9fce4f560c"
        ),
        Identifier("uid", "d632e6cc-efc2-4bc4-ac70-2229bed9c9e6"),
        Identifier("containerID", "2067d4217f8b857871b447e4cc7fc501d4c64fba1a6cb02df822ed9fce4f560c"),
    ),
    # kata-containers/kata-containers#4128, all threads except the virtual CPUs.
    _spelling(
        (
            "/sys/fs/cgroup/memory/kata_overhead/94a6391dde707330a94acb3e684ee7048d085e7b6d9b1feda0cc1151b90606b2/"
            "memory.usage_in_bytes"
        ),
        Identifier("containerID", "94a6391dde707330a94acb3e684ee7048d085e7b6d9b1feda0cc1151b90606b2"),
    ),
    # elastic/apm-agent-java#2352, a line of /proc/self/mountinfo on minikube.
    _spelling(
        (
            "1359 1358 0:22 /kubepods/besteffort/pod72f9a42e-50d3-47ee-8ec7-0bccfb6ea7ae/"
            "52371e0edd6309da3d4eaee6d303aa3401abbef92c34c2b1ddba7b28d82d6cb0 /sys/fs/cgroup/systemd "
            "ro,nosuid,nodev,noexec,relatime master:8 - cgroup cgroup rw,xattr,name=systemd"
        ),
        Identifier("uid", "72f9a42e-50d3-47ee-8ec7-0bccfb6ea7ae"),
        Identifier("containerID", "52371e0edd6309da3d4eaee6d303aa3401abbef92c34c2b1ddba7b28d82d6cb0"),
    ),
    # netdata/netdata#4868, guaranteed.
    _spelling(
        (
            "kubepods.slice/kubepods-pod91f5b561_369f_4103_8015_66391059996a.slice/"
            "cri-containerd-24c53b774a586f06abc058619b47f71d9d869ac50c92898adbd199106fd0aaeb.scope"
        ),
        Identifier("uid", "91f5b561-369f-4103-8015-66391059996a"),
        Identifier("containerID", "24c53b774a586f06abc058619b47f71d9d869ac50c92898adbd199106fd0aaeb"),
    ),
    # netdata/netdata#4868, burstable.
    _spelling(
        (
            "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podd84adcbc_b3e3_4f4f_9560_fa2e7c3d1a73.slice/"
            "cri-containerd-1ddb9e8fe53f6d5639d50a764206953da44f4c1765591d3be9a00c54614baff7.scope"
        ),
        Identifier("uid", "d84adcbc-b3e3-4f4f-9560-fa2e7c3d1a73"),
        Identifier("containerID", "1ddb9e8fe53f6d5639d50a764206953da44f4c1765591d3be9a00c54614baff7"),
    ),
    # netdata/netdata#4868, best effort.
    _spelling(
        (
            "kubepods.slice/kubepods-besteffort.slice/"
            "kubepods-besteffort-pode1465238_4518_4c21_832f_fd9f87033dad.slice/"
            "cri-containerd-66be9b2efdf4d85288c319b8c1a2f50d2439b5617e36f45d9d0d0be1381113be.scope"
        ),
        Identifier("uid", "e1465238-4518-4c21-832f-fd9f87033dad"),
        Identifier("containerID", "66be9b2efdf4d85288c319b8c1a2f50d2439b5617e36f45d9d0d0be1381113be"),
    ),
    # opencontainers/runc#4620, CRI-O.
    _spelling(
        (
            "/sys/fs/cgroup/systemd/kubepods.slice/kubepods-burstable.slice/"
            "kubepods-burstable-poda5c1f8d5_1919_434d_add7_4afaafdaef89.slice/"
            "crio-5eed917563583925ffdbd40a64efb2aaffe58638e57add8becaf460fe74f5b1c.scope/cgroup.procs"
        ),
        Identifier("uid", "a5c1f8d5-1919-434d-add7-4afaafdaef89"),
        Identifier("containerID", "5eed917563583925ffdbd40a64efb2aaffe58638e57add8becaf460fe74f5b1c"),
    ),
    # kubernetes/kubernetes, test/e2e_node, CRI-O's monitor.
    _spelling(
        (
            "/sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice/"
            "kubepods-burstable-pod0b7632a2_a56e_4278_987a_22de18008dbe.slice/"
            "crio-conmon-0bc5eac79e3ae7a0c2651f14722aa10fa333eb2325c2ca97da33aa284cda81b0.scope"
        ),
        Identifier("uid", "0b7632a2-a56e-4278-987a-22de18008dbe"),
        Identifier("containerID", "0bc5eac79e3ae7a0c2651f14722aa10fa333eb2325c2ca97da33aa284cda81b0"),
    ),
    # spiffe/spire, workloadattestor/k8s/k8s_posix_test.go, minikube with CRI-O.
    _spelling(
        (
            "9:devices:/kubepods.slice/kubepods-besteffort.slice/"
            "kubepods-besteffort-pod561fd272_d131_47ef_a01b_46a997a778f3.slice/"
            "crio-030ded69d4c98fcf69c988f75a5eb3a1b4357e1432bd5510c936a40d7e9a1198.scope"
        ),
        Identifier("uid", "561fd272-d131-47ef-a01b-46a997a778f3"),
        Identifier("containerID", "030ded69d4c98fcf69c988f75a5eb3a1b4357e1432bd5510c936a40d7e9a1198"),
    ),
    # spiffe/spire, workloadattestor/k8s/k8s_posix_test.go, dashes in a slice, docker.
    _spelling(
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod2c48913c-b29f-11e7-9350-020968147796.slice/"
            "docker-9bca8d63d5fa610783847915bcff0ecac1273e5b4bed3f6fa1b07350e0135961.scope"
        ),
        Identifier("uid", "2c48913c-b29f-11e7-9350-020968147796"),
        Identifier("containerID", "9bca8d63d5fa610783847915bcff0ecac1273e5b4bed3f6fa1b07350e0135961"),
    ),
    # kontena/pharos-cluster#440, docker.
    _spelling(
        (
            "kubepods-besteffort-pod9692aa0e_748e_11e8_8dfa_76d458035df6.slice/"
            "docker-abddff03dfd7710c79a750ce3e730365cbb2c8247a974170c1062683bc3e9152.scope"
        ),
        Identifier("uid", "9692aa0e-748e-11e8-8dfa-76d458035df6"),
        Identifier("containerID", "abddff03dfd7710c79a750ce3e730365cbb2c8247a974170c1062683bc3e9152"),
    ),
    # kubernetes/kubernetes#36807, docker with cgroupfs under a kubelet with systemd.
    _spelling(
        (
            "11:memory:/system.slice/docker.service/BestEffort.slice/"
            "BestEffort-pod0d33f94b_ab1a_11e6_9e1a_68f7281d8004.slice/"
            "0c34bcd7d02f321d0df7aa6ea703285b02abebc9096c5128c14091fc43ea1f3b"
        ),
        Identifier("uid", "0d33f94b-ab1a-11e6-9e1a-68f7281d8004"),
        Identifier("containerID", "0c34bcd7d02f321d0df7aa6ea703285b02abebc9096c5128c14091fc43ea1f3b"),
    ),
    # A blog on pids.max, the cgroup of a pod on version 1.
    _spelling(
        (
            "/sys/fs/cgroup/pids/kubepods.slice/kubepods-burstable.slice/"
            "kubepods-burstable-pod1c178021_5860_4495_a1ab_f9ac17877672.slice/pids.max"
        ),
        Identifier("uid", "1c178021-5860-4495-a1ab-f9ac17877672"),
    ),
    # kata-containers/kata-containers#11598, a unit of systemd-cgls.
    _spelling(
        "cri-containerd-8564224395a4fbf7f2792baa22ee16dfc8f8e862e20342d3b2bcc211a3939af6.scope",
        Identifier("containerID", "8564224395a4fbf7f2792baa22ee16dfc8f8e862e20342d3b2bcc211a3939af6"),
    ),
    # kata-containers/kata-containers#11598, a slice of systemctl show.
    _spelling(
        "Slice=kubepods-poddc430cd3_34b7_4ea6_be26_ddfd88d7ddff.slice",
        Identifier("uid", "dc430cd3-34b7-4ea6-be26-ddfd88d7ddff"),
    ),
    # kata-containers/kata-containers#11598, an OCI cgroupsPath.
    _spelling(
        (
            "kubepods-poddc430cd3_34b7_4ea6_be26_ddfd88d7ddff.slice:cri-containerd:"
            "8564224395a4fbf7f2792baa22ee16dfc8f8e862e20342d3b2bcc211a3939af6"
        ),
        Identifier("uid", "dc430cd3-34b7-4ea6-be26-ddfd88d7ddff"),
        Identifier("containerID", "8564224395a4fbf7f2792baa22ee16dfc8f8e862e20342d3b2bcc211a3939af6"),
    ),
    # containerd/containerd#12560, a static pod of RKE2.
    _spelling(
        (
            "kubepods-burstable-pod1deb8a305af8d4ad2b48c304a181ea0c.slice:cri-containerd:"
            "8abe219238c1d0c4a58687acdd4463b79214e9a5453342f948768c6d44ba8549"
        ),
        Identifier("uid", "1deb8a305af8d4ad2b48c304a181ea0c"),
        Identifier("containerID", "8abe219238c1d0c4a58687acdd4463b79214e9a5453342f948768c6d44ba8549"),
    ),
    # The matcher tests of Falco's container plugin, a static pod.
    _spelling(
        (
            "/kubepods-burstable-podbd12dd3393227d950605a2444b13c27a.slice:cri-containerd:"
            "d52db56a9c80d536a91354c0951c061187ca46249e64865a12703003d8f42366"
        ),
        Identifier("uid", "bd12dd3393227d950605a2444b13c27a"),
        Identifier("containerID", "d52db56a9c80d536a91354c0951c061187ca46249e64865a12703003d8f42366"),
    ),
    # spiffe/spire, workloadattestor/k8s/k8s_posix_test.go, containerd with cgroupfs under a kubelet with systemd.
    _spelling(
        (
            "/kubepods-besteffort-pod72f7f152_440c_66ac_9084_e0fc1d8a910c.slice:cri-containerd:"
            "b2a102854b4969b2ce98dc329c86b4fb2b06e4ad2cc8da9d8a7578c9cd2004a2"
        ),
        Identifier("uid", "72f7f152-440c-66ac-9084-e0fc1d8a910c"),
        Identifier("containerID", "b2a102854b4969b2ce98dc329c86b4fb2b06e4ad2cc8da9d8a7578c9cd2004a2"),
    ),
    # elastic/apm-agent-nodejs#3550.
    _spelling(
        (
            "1:name=systemd:/system.slice/containerd.service/"
            "kubepods-burstable-podff49d0be_16b7_4a49_bb9e_8ec1f1f4e27f.slice:cri-containerd:"
            "0f99ad5f45163ed14ab8eaf92ed34bb4a631d007f8755a7d79be614bcb0df0ef"
        ),
        Identifier("uid", "ff49d0be-16b7-4a49-bb9e-8ec1f1f4e27f"),
        Identifier("containerID", "0f99ad5f45163ed14ab8eaf92ed34bb4a631d007f8755a7d79be614bcb0df0ef"),
    ),
    # open-telemetry/opentelemetry-java#4507, lines of both forms.
    _spelling(
        (
            "11:perf_event:/kubepods-besteffort-pod0125ec2f_b64a_4868_8f5b_94b56cbab864.slice:cri-containerd:"
            "ee4b20e90ac7f42a10bd004d05646b13d8ab5e2c5e7cbc01abf8006bac016459\n10:blkio:/system.slice/"
            "containerd.service/kubepods-besteffort-pod0125ec2f_b64a_4868_8f5b_94b56cbab864.slice:cri-containerd:"
            "ee4b20e90ac7f42a10bd004d05646b13d8ab5e2c5e7cbc01abf8006bac016459\n"
        ),
        Identifier("uid", "0125ec2f-b64a-4868-8f5b-94b56cbab864"),
        Identifier("containerID", "ee4b20e90ac7f42a10bd004d05646b13d8ab5e2c5e7cbc01abf8006bac016459"),
    ),
    # A test of k3s' cgroupsPath.
    _spelling(
        (
            "kubepods-burstable-pod57e67067_89e4_4001_bdd4_8632d39ea02b.slice:cri-containerd:"
            "6d393320601b821561e43bd46f658284cb172cf297ecc3d3665be657870d32e2"
        ),
        Identifier("uid", "57e67067-89e4-4001-bdd4-8632d39ea02b"),
        Identifier("containerID", "6d393320601b821561e43bd46f658284cb172cf297ecc3d3665be657870d32e2"),
    ),
    # spiffe/spire, systemd_crio_cgroups_pid_in_pod.txt, a whole /proc/PID/cgroup of version 1.
    _spelling(
        _version_1(
            "hugetlb netcls,net_prio pids cpuset devices memory perf_event blkio cpu,cpuacct rdma freezer systemd",
            (
                "/kubepods.slice/kubepods-besteffort.slice/"
                "kubepods-besteffort-poda2830d0d_b0f0_4ff0_81b5_0ee4e299cf80.slice/"
                "crio-09bc3d7ade839efec32b6bec4ec79d099027a668ddba043083ec21d3c3b8f1e6.scope"
            ),
        )
        + "0::/system.slice/crio.service\n",
        Identifier("uid", "a2830d0d-b0f0-4ff0-81b5-0ee4e299cf80"),
        Identifier("containerID", "09bc3d7ade839efec32b6bec4ec79d099027a668ddba043083ec21d3c3b8f1e6"),
    ),
    # spiffe/spire, cgroups_pid_in_kind_pod.txt, whole; the last line has the node of kind only.
    _spelling(
        _version_1(
            "name=systemd pids hugetlb net_prio perf_event net_cls freezer devices memory blkio cpuacct cpu cpuset",
            (
                "/docker/93529524695bb00d91c1f6dba692ea8d3550c3b94fb2463af7bc9ec82f992d26/kubepods/besteffort/"
                "poda2830d0d-b0f0-4ff0-81b5-0ee4e299cf80/09bc3d7ade839efec32b6bec4ec79d099027a668ddba043083ec21d3c3b8f1e6"
            ),
        )
        + (
            "0::/docker/93529524695bb00d91c1f6dba692ea8d3550c3b94fb2463af7bc9ec82f992d26/system.slice/"
            "containerd.service\n"
        ),
        Identifier("uid", "a2830d0d-b0f0-4ff0-81b5-0ee4e299cf80"),
        Identifier("containerID", "09bc3d7ade839efec32b6bec4ec79d099027a668ddba043083ec21d3c3b8f1e6"),
        Identifier("containerID", "93529524695bb00d91c1f6dba692ea8d3550c3b94fb2463af7bc9ec82f992d26"),
    ),
    # Datadog's tracer for Java, ContainerInfoTest.groovy, whole.
    _spelling(
        _version_1(
            "perf_event pids memory cpu,cpuacct blkio cpuset devices freezer net_cls,net_prio hugetlb name=systemd",
            (
                "/kubepods/besteffort/pod3d274242-8ee0-11e9-a8a6-1e68d864ef1a/"
                "3e74d3fd9db4c9dd921ae05c2502fb984d0cde1b36e581b13f79c639da4518a1"
            ),
        ),
        Identifier("uid", "3d274242-8ee0-11e9-a8a6-1e68d864ef1a"),
        Identifier("containerID", "3e74d3fd9db4c9dd921ae05c2502fb984d0cde1b36e581b13f79c639da4518a1"),
    ),
    # spiffe/spire, workloadattestor/k8s/k8s_posix_test.go, the cgroup of version 2 from inside, CRI-O.
    _spelling(
        "0::/../crio-45490e76e0878aaa4d9808f7d2eefba37f093c3efbba9838b6d8ab804d9bd814.scope",
        Identifier("containerID", "45490e76e0878aaa4d9808f7d2eefba37f093c3efbba9838b6d8ab804d9bd814"),
    ),
    # A comment on kind, whose kubelet has a slice of its own: kubernetes-sigs/kind#3947.
    _spelling(
        (
            "0::/docker/65a1b6ad09655b3f1475ede1aa0061a97c0d1ada9f2b2acac959afbc92094463/kubelet.slice/"
            "kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
            "kubelet-kubepods-besteffort-pod96dd7de3_0783_4613_a707_e0effc077ef5.slice/"
            "cri-containerd-13a0f64b909e3ff2d63f196d6947927a8af997ab68f8fa9ebb6d6c7018af4ec9.scope"
        ),
        Identifier("uid", "96dd7de3-0783-4613-a707-e0effc077ef5"),
        Identifier("containerID", "13a0f64b909e3ff2d63f196d6947927a8af997ab68f8fa9ebb6d6c7018af4ec9"),
        Identifier("containerID", "65a1b6ad09655b3f1475ede1aa0061a97c0d1ada9f2b2acac959afbc92094463"),
    ),
    # A test with a real path of kind on docker with systemd.
    _spelling(
        (
            "/system.slice/docker-3350ade4226f0adcd9e4e9545d7c2a16a5aa362d12315f2a88e2024cea1246cf.scope/kubelet.slice/"
            "kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/"
            "kubelet-kubepods-besteffort-podb6a16766_05ee_446a_8ee5_ff96a817f47c.slice/"
            "cri-containerd-679f3691f7f1b20198548be43b86f265f9fff9be0ac4c973638f5ee89decbca9.scope"
        ),
        Identifier("uid", "b6a16766-05ee-446a-8ee5-ff96a817f47c"),
        Identifier("containerID", "679f3691f7f1b20198548be43b86f265f9fff9be0ac4c973638f5ee89decbca9"),
        Identifier("containerID", "3350ade4226f0adcd9e4e9545d7c2a16a5aa362d12315f2a88e2024cea1246cf"),
    ),
    # A test of a parser of cgroupsPath, from kind.
    _spelling(
        (
            "kubelet-kubepods-besteffort-pod83b090de_9676_407c_99aa_d33dc6aa0c0d.slice:cri-containerd:"
            "18b2adc8507104e412c946bec11679590801f547eee513fa298054f14fbf4240"
        ),
        Identifier("uid", "83b090de-9676-407c-99aa-d33dc6aa0c0d"),
        Identifier("containerID", "18b2adc8507104e412c946bec11679590801f547eee513fa298054f14fbf4240"),
    ),
    # kubernetes/minikube#11280, a node in docker.
    _spelling(
        (
            "/docker/d6701ec289c56e4391acb11d07474b3139466857a305490575508a8b7a9fcf22/kubepods.slice/"
            "kubepods-besteffort.slice/kubepods-besteffort-pod2ca4a155_3599_498d_bb9d_4446693fa3ea.slice/"
            "crio-0ba8ac17e4e7a31fb82279503552fe94e64bab4745bf6fd2ff231e7c8ca8bed0.scope"
        ),
        Identifier("uid", "2ca4a155-3599-498d-bb9d-4446693fa3ea"),
        Identifier("containerID", "0ba8ac17e4e7a31fb82279503552fe94e64bab4745bf6fd2ff231e7c8ca8bed0"),
        Identifier("containerID", "d6701ec289c56e4391acb11d07474b3139466857a305490575508a8b7a9fcf22"),
    ),
    # The form of kind in a pod: a pod in a container in a pod.
    _spelling(
        (
            "/kubepods/burstable/pod2c48913c-b29f-11e7-9350-020968147796/"
            "34a2062fd26c805aa8cf814cdfe479322b791f80afb9ea4db02d50375df14b41/docker/"
            "93529524695bb00d91c1f6dba692ea8d3550c3b94fb2463af7bc9ec82f992d26/kubepods/besteffort/"
            "poda2830d0d-b0f0-4ff0-81b5-0ee4e299cf80/09bc3d7ade839efec32b6bec4ec79d099027a668ddba043083ec21d3c3b8f1e6"
        ),
        Identifier("uid", "a2830d0d-b0f0-4ff0-81b5-0ee4e299cf80"),
        Identifier("uid", "2c48913c-b29f-11e7-9350-020968147796"),
        Identifier("containerID", "09bc3d7ade839efec32b6bec4ec79d099027a668ddba043083ec21d3c3b8f1e6"),
        Identifier("containerID", "93529524695bb00d91c1f6dba692ea8d3550c3b94fb2463af7bc9ec82f992d26"),
        Identifier("containerID", "34a2062fd26c805aa8cf814cdfe479322b791f80afb9ea4db02d50375df14b41"),
    ),
    # The matcher tests of Falco's container plugin, podman.
    _spelling(
        (
            "/system.slice/system-ceph-f952f5be-565c-11f0-ab72-0affea283157.slice/"
            "ceph-f952f5be-565c-11f0-ab72-0affea283157@mon.ip-10-0-25-96.service/"
            "libpod-payload-9cc35a907a1e4e7ac8c021758b2bb28db60b3a787115f9114a641bf44f8ba99b"
        ),
        Identifier("containerID", "9cc35a907a1e4e7ac8c021758b2bb28db60b3a787115f9114a641bf44f8ba99b"),
    ),
    # A log of podman in debug mode.
    _spelling(
        "libpod-conmon-6dd05e91f00f99281f70b1fd90a29e5cc30b0dab243cb7cfb6153d8017872394.scope",
        Identifier("containerID", "6dd05e91f00f99281f70b1fd90a29e5cc30b0dab243cb7cfb6153d8017872394"),
    ),
    # neuvector/neuvector, cgroup_test.go.
    _spelling(
        "9:blkio:/system.slice/docker-9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d.scope",
        Identifier("containerID", "9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d"),
    ),
    # neuvector/neuvector, cgroup_test.go, older docker.
    _spelling(
        "10:net_prio:/4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970",
        Identifier("containerID", "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970"),
    ),
    # Datadog's tracer for Java, ContainerInfoTest.groovy, ECS. The task ID looks like the UID of a static pod.
    _spelling(
        (
            "9:perf_event:/ecs/haissam-ecs-classic/5a0d5ceddf6c44c1928d367a815d890f/"
            "38fac3e99302b3622be089dd41e7ccf38aff368a86cc339972075136ee2710ce"
        ),
        Identifier("containerID", "38fac3e99302b3622be089dd41e7ccf38aff368a86cc339972075136ee2710ce"),
    ),
    # A log of docker in debug mode.
    _spelling(
        "system.slice:docker:c0feb9e8fe0df448f23a5a74014e27def55d6ad5c1d4af295f1e0417af821caf",
        Identifier("containerID", "c0feb9e8fe0df448f23a5a74014e27def55d6ad5c1d4af295f1e0417af821caf"),
    ),
    # open-telemetry/opentelemetry-go#3508, status.containerStatuses.
    _spelling(
        "docker://0f3deade416514b65143bdb917f86c290bf21b176d70d8ad8c4992469fdb28e6",
        Identifier("containerID", "0f3deade416514b65143bdb917f86c290bf21b176d70d8ad8c4992469fdb28e6"),
    ),
    # The form of status.containerStatuses with containerd.
    _spelling(
        "containerd://188cedbba84c09ef9084420db548c00fadeb590e6dcd955cad3413f8339bce84",
        Identifier("containerID", "188cedbba84c09ef9084420db548c00fadeb590e6dcd955cad3413f8339bce84"),
    ),
    # The form of status.containerStatuses with CRI-O.
    _spelling(
        "cri-o://66d6d4ac9851cfcab8400277ad96770ce52c1d75eeac29046753875056eacaed",
        Identifier("containerID", "66d6d4ac9851cfcab8400277ad96770ce52c1d75eeac29046753875056eacaed"),
    ),
    # crictl ps --no-trunc, and docker ps.
    _spelling(
        "8f2acab777a52bb17ff5884908d635fceae63bcc48ec6e17396cdc93269add4d",
        Identifier("containerID", "8f2acab777a52bb17ff5884908d635fceae63bcc48ec6e17396cdc93269add4d"),
    ),
    # The form of a virtual kubelet, which has its own IDs.
    _spelling(
        "aci://foo-bar",
        Identifier("containerID", "foo-bar"),
    ),
    # The same with a UUID, which stays unchanged.
    _spelling(
        "fake://1234ABCD-5678-90EF-AAAA-BBBBCCCCDDDD",
        Identifier("containerID", "1234ABCD-5678-90EF-AAAA-BBBBCCCCDDDD"),
    ),
    # opencontainers/runc#2404, containerd's mounts.
    _spelling(
        (
            "/run/containerd/io.containerd.runtime.v2.task/k8s.io/"
            "7d0849b82c486573d1648409c675bf3f67113db630639075ed25ad73a122b2bb/rootfs/dev/shm"
        ),
        Identifier("containerID", "7d0849b82c486573d1648409c675bf3f67113db630639075ed25ad73a122b2bb"),
    ),
    # containerd/containerd#4009, older containerd.
    _spelling(
        (
            "/run/containerd/io.containerd.runtime.v1.linux/k8s.io/"
            "c05d436cefb9a22d2a521bb9247a6c34a3cbf23be5a81ebefcc1558d987a3cf7/rootfs/sys"
        ),
        Identifier("containerID", "c05d436cefb9a22d2a521bb9247a6c34a3cbf23be5a81ebefcc1558d987a3cf7"),
    ),
    # containerd/containerd#4009, a sandbox.
    _spelling(
        (
            "/run/containerd/io.containerd.grpc.v1.cri/sandboxes/"
            "c05d436cefb9a22d2a521bb9247a6c34a3cbf23be5a81ebefcc1558d987a3cf7/shm"
        ),
        Identifier("containerID", "c05d436cefb9a22d2a521bb9247a6c34a3cbf23be5a81ebefcc1558d987a3cf7"),
    ),
    # A mountinfo of Datadog's agent, which mounts the directories of the node under /host.
    _spelling(
        (
            "/host/var/run/containerd/io.containerd.runtime.v2.task/k8s.io/"
            "188cedbba84c09ef9084420db548c00fadeb590e6dcd955cad3413f8339bce84/rootfs"
        ),
        Identifier("containerID", "188cedbba84c09ef9084420db548c00fadeb590e6dcd955cad3413f8339bce84"),
    ),
    # kata-containers/runtime#1515, CRI-O's bundle.
    _spelling(
        (
            "/var/run/containers/storage/overlay-containers/"
            "0df3ec69da862320d2b8947aa2481f92de3274f1fb3cffd8594a26d1e6627b35/userdata"
        ),
        Identifier("containerID", "0df3ec69da862320d2b8947aa2481f92de3274f1fb3cffd8594a26d1e6627b35"),
    ),
    # A bug report of OpenShift.
    _spelling(
        (
            "/var/log/pods/"
            "openshift-machine-api_machine-api-controllers-f64b7f7b8-tm7qc_b1f05af2-2312-11ea-9b6c-fa163e431263/"
            "machine-controller/0.log"
        ),
        Identifier("uid", "b1f05af2-2312-11ea-9b6c-fa163e431263"),
    ),
    # A course on Kubernetes, a static pod's /var/log/pods.
    _spelling(
        ("/var/log/pods/kube-system_kube-apiserver-controlplane_c363a7038f4951f76fd174220564d664/kube-apiserver/0.log"),
        Identifier("uid", "c363a7038f4951f76fd174220564d664"),
    ),
    # The form of logs that the kubelet has rotated.
    _spelling(
        (
            "/var/log/pods/kube-system_kube-apiserver-controlplane_a3a455d471f833137588e71658e739da/kube-apiserver/"
            "0.log.20240131-102305.gz"
        ),
        Identifier("uid", "a3a455d471f833137588e71658e739da"),
    ),
    # kata-containers/runtime#1515, older CRI-O's log of a static pod.
    _spelling(
        (
            "/var/log/pods/kube-system_etcd-clr-01_af3e4a507ec0af8c2233ee5bf0783073/"
            "0df3ec69da862320d2b8947aa2481f92de3274f1fb3cffd8594a26d1e6627b35.log"
        ),
        Identifier("uid", "af3e4a507ec0af8c2233ee5bf0783073"),
        Identifier("containerID", "0df3ec69da862320d2b8947aa2481f92de3274f1fb3cffd8594a26d1e6627b35"),
    ),
    # The form of kubelets before 1.14.
    _spelling(
        "/var/log/pods/b1f05af2-2312-11ea-9b6c-fa163e431263/nginx/0.log",
        Identifier("uid", "b1f05af2-2312-11ea-9b6c-fa163e431263"),
    ),
    # The form of a pod with dots in its name.
    _spelling(
        (
            "/var/log/pods/kube-system_kube-proxy-kub-as4.priv.cerit-sc.cz_1deb8a305af8d4ad2b48c304a181ea0c/kube-proxy/"
            "12.log"
        ),
        Identifier("uid", "1deb8a305af8d4ad2b48c304a181ea0c"),
    ),
    # fluent/fluent-bit, a line of its log.
    _spelling(
        (
            "/var/log/containers/"
            "kube-proxy-22gdj_kube-system_kube-proxy-ee12cc3298df3db57e40878b45329e90ca75b88f8aa3e7658f82e3697ff189d1.log"
        ),
        Identifier("containerID", "ee12cc3298df3db57e40878b45329e90ca75b88f8aa3e7658f82e3697ff189d1"),
    ),
    # fluent/fluentd, a line of its log.
    _spelling(
        (
            "/var/log/containers/"
            "kube-flannel-ds-kbphm_kube-system_install-cni-95d15a83f2fc30c51a4467c7e8314cdd442c62e430d61f31f6dfa9cb72e5836e.log"
        ),
        Identifier("containerID", "95d15a83f2fc30c51a4467c7e8314cdd442c62e430d61f31f6dfa9cb72e5836e"),
    ),
    # A collector of logs, a static pod of kind.
    _spelling(
        (
            "/var/log/containers/"
            "kube-apiserver-kind-control-plane_kube-system_kube-apiserver-341694b9f16b51d7afc7c0a68d2ea44f31f6c2dad550d56d8d8dd9304a27b01f.log"
        ),
        Identifier("containerID", "341694b9f16b51d7afc7c0a68d2ea44f31f6c2dad550d56d8d8dd9304a27b01f"),
    ),
    # The same, another file, without its directory.
    _spelling(
        (
            "metrics-agent-5b9b94754f-lv4gm_azure-arc_metrics-agent-b2aa15b3f9c7c395539281bd94ee0725706c7228439a8870494804e042a54d7d.log"
        ),
        Identifier("containerID", "b2aa15b3f9c7c395539281bd94ee0725706c7228439a8870494804e042a54d7d"),
    ),
    # kata-containers/runtime#1079, docker inspect.
    _spelling(
        (
            "/var/lib/docker/containers/a3c6c718df1e4f5ec595ea13894d5446ff5c504b0d4b346288926f2bb32dd329/"
            "a3c6c718df1e4f5ec595ea13894d5446ff5c504b0d4b346288926f2bb32dd329-json.log"
        ),
        Identifier("containerID", "a3c6c718df1e4f5ec595ea13894d5446ff5c504b0d4b346288926f2bb32dd329"),
    ),
    # Docker's log, rotated.
    _spelling(
        "5c4dcd7687352387b3bff6cfeabe334c91ba3882b4b638c0110f436586851363-json.log.2",
        Identifier("containerID", "5c4dcd7687352387b3bff6cfeabe334c91ba3882b4b638c0110f436586851363"),
    ),
    # kubernetes/kubernetes#45464, a volume whose PVC has a UUID.
    _spelling(
        (
            "/var/lib/kubelet/pods/f97942cf-337e-11e7-b2b1-005056b7dc12/volumes/kubernetes.io~vsphere-volume/"
            "pvc-f969cb9e-337e-11e7-b2b1-005056b7dc12"
        ),
        Identifier("uid", "f97942cf-337e-11e7-b2b1-005056b7dc12"),
    ),
    # lsblk on a node with Ceph.
    _spelling(
        (
            "/var/lib/kubelet/pods/09eb0041-cc7b-4734-b11c-521f8e40637a/volumes/kubernetes.io~csi/"
            "pvc-3349781b-1367-43f8-8d1d-81d118644729/mount"
        ),
        Identifier("uid", "09eb0041-cc7b-4734-b11c-521f8e40637a"),
    ),
    # A subPath on Longhorn.
    _spelling(
        (
            "/var/lib/kubelet/pods/0429305b-faf1-4668-aaed-139a2cf4989c/volume-subpaths/"
            "pvc-1ce69c7e-90ce-41ce-a88e-8b968d9a8ff9/nginx/0"
        ),
        Identifier("uid", "0429305b-faf1-4668-aaed-139a2cf4989c"),
    ),
    # A log of a CSI driver, with another root directory of the kubelet.
    _spelling(
        (
            "/var/data/kubelet/pods/360289c4-6eca-4275-a9ce-14938335117e/volumes/kubernetes.io~csi/"
            "pvc-7400b05a-12a4-43ac-bfda-a5ce6445b6ef/mount"
        ),
        Identifier("uid", "360289c4-6eca-4275-a9ce-14938335117e"),
    ),
    # A kubelet whose root directory is on containerd's disk.
    _spelling(
        "/var/lib/containerd/kubelet/pods/9879ee68-8448-4b87-a122-ea52f18d431e/volume-subpaths/nfs-pv/web/0",
        Identifier("uid", "9879ee68-8448-4b87-a122-ea52f18d431e"),
    ),
    # A source of /etc/hosts.
    _spelling(
        "/var/data/kubelet/pods/5b9a9c62-3426-11e9-9f59-76f6e92e93c2/etc-hosts",
        Identifier("uid", "5b9a9c62-3426-11e9-9f59-76f6e92e93c2"),
    ),
    # The form of the kubelet's directory of a static pod.
    _spelling(
        "/var/lib/kubelet/pods/c26521395dbc1da7d5ef74aca0694d11/containers/etcd-member/4a1b9b0c",
        Identifier("uid", "c26521395dbc1da7d5ef74aca0694d11"),
    ),
    # The form of a file URL.
    _spelling(
        "file:///var/lib/kubelet/pods/cf0a0b5b-106e-4793-a74a-28bfae21be1a/volumes",
        Identifier("uid", "cf0a0b5b-106e-4793-a74a-28bfae21be1a"),
    ),
    # kubernetes/kubernetes#139239, a message of the kubelet on Windows, with JSON's backslashes.
    _spelling(
        (
            r"\\var\\log\\pods\\build-agents_repo-update-hq15wkubbamp04-29644200-ldg5d_c1d12e90-f0e4-4bda-a89e-1b5eb5b27404"
            r"\\repo-update\\0.log"
        ),
        Identifier("uid", "c1d12e90-f0e4-4bda-a89e-1b5eb5b27404"),
    ),
    # The form of a log of a pod on Windows, with a drive.
    _spelling(
        r"C:\var\log\pods\default_web-1_c1d12e90-f0e4-4bda-a89e-1b5eb5b27404\main\0.log",
        Identifier("uid", "c1d12e90-f0e4-4bda-a89e-1b5eb5b27404"),
    ),
    # The same, rotated, in upper case, as programs print it that compare paths without case.
    _spelling(
        r"C:\VAR\LOG\PODS\DEFAULT_WEB-1_C1D12E90-F0E4-4BDA-A89E-1B5EB5B27404\MAIN\0.LOG.20240131-102305",
        Identifier("uid", "c1d12e90-f0e4-4bda-a89e-1b5eb5b27404"),
    ),
    # The same, from another host: learn.microsoft.com, file path formats, UNC.
    _spelling(
        r"\\node-1.example.com\c$\var\log\pods\default_web-1_c1d12e90-f0e4-4bda-a89e-1b5eb5b27404\main\0.log",
        Identifier("uid", "c1d12e90-f0e4-4bda-a89e-1b5eb5b27404"),
    ),
    # The same, a device path. The namespace looks like an escape of systemd.
    _spelling(
        r"\\?\UNC\node-1\c$\var\log\pods\xfce_web-1_c1d12e90-f0e4-4bda-a89e-1b5eb5b27404\init-db\0.log",
        Identifier("uid", "c1d12e90-f0e4-4bda-a89e-1b5eb5b27404"),
    ),
    # The same, mixed separators, as Go's filepath and path write them together.
    _spelling(
        r"c:\var\log/pods\default_web-1_c1d12e90-f0e4-4bda-a89e-1b5eb5b27404/main\0.log",
        Identifier("uid", "c1d12e90-f0e4-4bda-a89e-1b5eb5b27404"),
    ),
    # kubernetes-sigs/sig-windows-tools#91, a bind of docker inspect.
    _spelling(
        (
            r'"c:\\var\\lib\\kubelet\\pods\\040dde66-5c63-4453-9388-845ea450a2d3\\volumes\\kubernetes.io~configmap'
            r'\\flannel-windows-cfg:c:/etc/kube-flannel-windows/:ro",'
        ),
        Identifier("uid", "040dde66-5c63-4453-9388-845ea450a2d3"),
    ),
    # The form of the kubelet's directory of a static pod on Windows.
    _spelling(
        r"C:\var\lib\kubelet\Pods\C26521395DBC1DA7D5EF74ACA0694D11\etc-hosts",
        Identifier("uid", "c26521395dbc1da7d5ef74aca0694d11"),
    ),
    # The form of a link to a log on Windows: fluent/fluent-bit#2226.
    _spelling(
        (
            r"c:\var\log\containers\web-1_default_main-"
            "fbf49e23e198ebb6dfcdd5789db0bb9a26ae738e1f87f7d288f86a7a41bc17ff.log"
        ),
        Identifier("containerID", "fbf49e23e198ebb6dfcdd5789db0bb9a26ae738e1f87f7d288f86a7a41bc17ff"),
    ),
    # rancher/windows#46, docker's directory on Windows, and the log in it.
    _spelling(
        (
            r"C:\ProgramData\docker\containers\fbf49e23e198ebb6dfcdd5789db0bb9a26ae738e1f87f7d288f86a7a41bc17ff"
            r"\fbf49e23e198ebb6dfcdd5789db0bb9a26ae738e1f87f7d288f86a7a41bc17ff-json.log"
        ),
        Identifier("containerID", "fbf49e23e198ebb6dfcdd5789db0bb9a26ae738e1f87f7d288f86a7a41bc17ff"),
    ),
    # The form of containerd's directory of a container on Windows.
    _spelling(
        (
            r"C:\ProgramData\containerd\state\io.containerd.runtime.v2.task\k8s.io"
            r"\fbf49e23e198ebb6dfcdd5789db0bb9a26ae738e1f87f7d288f86a7a41bc17ff\config.json"
        ),
        Identifier("containerID", "fbf49e23e198ebb6dfcdd5789db0bb9a26ae738e1f87f7d288f86a7a41bc17ff"),
    ),
    # The form of the job object of a container on Windows.
    _spelling(
        r"\Container_fbf49e23e198ebb6dfcdd5789db0bb9a26ae738e1f87f7d288f86a7a41bc17ff",
        Identifier("containerID", "fbf49e23e198ebb6dfcdd5789db0bb9a26ae738e1f87f7d288f86a7a41bc17ff"),
    ),
    # netdata/netdata#3369, docker ps.
    _spelling(
        "k8s_dns-controller_dns-controller-5cbcd846f9-86plx_kube-system_d4a9f69c-0660-11e8-a2d7-02e2502c086a_0",
        Identifier("uid", "d4a9f69c-0660-11e8-a2d7-02e2502c086a"),
    ),
    # netdata/netdata#3369, docker ps, a sandbox.
    _spelling(
        "k8s_POD_k8s-ec2-srcdst-78f785ff98-c4bzs_kube-system_d5161bd4-0660-11e8-a2d7-02e2502c086a_0",
        Identifier("uid", "d5161bd4-0660-11e8-a2d7-02e2502c086a"),
    ),
    # kubernetes/minikube#11965, a conflict of names, as docker's API has them.
    _spelling(
        "/k8s_POD_kubernetes-dashboard-95564f4f-562bb_kube-system_5d961d4e-7772-484b-8a78-2fa02f04369f_5",
        Identifier("uid", "5d961d4e-7772-484b-8a78-2fa02f04369f"),
    ),
    # The same after the conflict: the kubelet adds a random number (pkg/kubelet/dockershim/naming.go).
    _spelling(
        "/k8s_POD_kubernetes-dashboard-95564f4f-562bb_kube-system_5d961d4e-7772-484b-8a78-2fa02f04369f_5_9be2a14c",
        Identifier("uid", "5d961d4e-7772-484b-8a78-2fa02f04369f"),
    ),
    # The form of kubelets before 1.6, with the hash of the container.
    _spelling(
        "/k8s_POD.6d00e006_web-1_default_0d33f94b-ab1a-11e6-9e1a-68f7281d8004_1f0a2b3c",
        Identifier("uid", "0d33f94b-ab1a-11e6-9e1a-68f7281d8004"),
    ),
    # The form of the sandbox of a static pod with dots in its name.
    _spelling(
        "k8s_POD_kube-proxy-kub-as4.priv.cerit-sc.cz_kube-system_1deb8a305af8d4ad2b48c304a181ea0c_12",
        Identifier("uid", "1deb8a305af8d4ad2b48c304a181ea0c"),
    ),
    # cri-o/cri-o#3571, a sandbox of CRI-O, a static pod.
    _spelling(
        "k8s_kube-apiserver-master1_kube-system_2abe36c990c315f116840d96b89eb8a2_0",
        Identifier("uid", "2abe36c990c315f116840d96b89eb8a2"),
    ),
    # cri-o/cri-o#8884, an init container of CRI-O.
    _spelling(
        "k8s_install-cni-binaries_cilium-hpfzl_kube-system_69560d92-4c82-4739-bc31-1b223a394c21_0",
        Identifier("uid", "69560d92-4c82-4739-bc31-1b223a394c21"),
    ),
    # The form of a sandbox of containerd: containerd/containerd#9947.
    _spelling(
        "podx-b181ca13-z7d7p_default_f4fc0242-4fb4-4015-a7eb-3e4a9cd73293_0",
        Identifier("uid", "f4fc0242-4fb4-4015-a7eb-3e4a9cd73293"),
    ),
    # The form of a container of containerd, with dots in the pod's name.
    _spelling(
        "main_web.example.com_default_f4fc0242-4fb4-4015-a7eb-3e4a9cd73293_1",
        Identifier("uid", "f4fc0242-4fb4-4015-a7eb-3e4a9cd73293"),
    ),
    # fluent/fluent-bit#1600, the tag of docker's driver with docker.{{.Name}}.{{.FullID}}.
    _spelling(
        (
            "docker.k8s_fluent-bit_fluent-bit-7bggh_logging_0963b24c-c8fe-4dc4-9730-2ffa9f95236d_0."
            "fbf49e23e198ebb6dfcdd5789db0bb9a26ae738e1f87f7d288f86a7a41bc17ff"
        ),
        Identifier("uid", "0963b24c-c8fe-4dc4-9730-2ffa9f95236d"),
        Identifier("containerID", "fbf49e23e198ebb6dfcdd5789db0bb9a26ae738e1f87f7d288f86a7a41bc17ff"),
    ),
    # fluent/fluent-bit#4896, a tag.
    _spelling(
        "pod.var.log.pods.logging_fluent-bit-4zj9w_e922a1f9-187e-4409-af72-a4ed696c1ca1.fluent-bit.0.log",
        Identifier("uid", "e922a1f9-187e-4409-af72-a4ed696c1ca1"),
    ),
    # The form of the tag of a rotated log of a static pod, with dots in the pod's name and an underscore in the prefix.
    _spelling(
        (
            "kube_system.var.log.pods.kube-system_kube-proxy-kub-as4.priv.cerit-sc.cz_"
            "1deb8a305af8d4ad2b48c304a181ea0c.kube-proxy.0.log.20240131-102305.gz"
        ),
        Identifier("uid", "1deb8a305af8d4ad2b48c304a181ea0c"),
    ),
    # fluent/fluent-bit#1535, a tag of a kubelet before 1.14.
    _spelling(
        "kube.var.log.pods.ad7566ef-c35d-11e9-936a-ee2ce51991c9.couchdb.0.log",
        Identifier("uid", "ad7566ef-c35d-11e9-936a-ee2ce51991c9"),
    ),
    # The form of the tag of a file in a volume.
    _spelling(
        "app.var.lib.kubelet.pods.cf0a0b5b-106e-4793-a74a-28bfae21be1a.volumes.kubernetes.io~empty-dir.logs.app.log",
        Identifier("uid", "cf0a0b5b-106e-4793-a74a-28bfae21be1a"),
    ),
    # fluent/fluent-bit-docs#165, a tag.
    _spelling(
        (
            "kube.var.log.containers.fluentd-64d9cbc9cc-s4gkl_monitoring_fluentd-"
            "c55ffe43b2842eb4079c4033ab51bb712bec16b2d40b12a630658765b949c0af.log"
        ),
        Identifier("containerID", "c55ffe43b2842eb4079c4033ab51bb712bec16b2d40b12a630658765b949c0af"),
    ),
    # The form of such a tag on Windows (fluent/fluent-bit#2226), with an underscore in the prefix.
    _spelling(
        (
            "kube_apps.C.var.log.containers.web.example.com_default_main-"
            "c55ffe43b2842eb4079c4033ab51bb712bec16b2d40b12a630658765b949c0af.log"
        ),
        Identifier("containerID", "c55ffe43b2842eb4079c4033ab51bb712bec16b2d40b12a630658765b949c0af"),
    ),
    # The form of the tag of docker's log: fluent/fluent-bit#2087.
    _spelling(
        (
            "kube.C.ProgramData.Docker.containers.fbf49e23e198ebb6dfcdd5789db0bb9a26ae738e1f87f7d288f86a7a41bc17ff."
            "fbf49e23e198ebb6dfcdd5789db0bb9a26ae738e1f87f7d288f86a7a41bc17ff-json.log"
        ),
        Identifier("containerID", "fbf49e23e198ebb6dfcdd5789db0bb9a26ae738e1f87f7d288f86a7a41bc17ff"),
    ),
    # kontena/pharos-cluster#440, a line of systemd-cgls, a slice.
    _spelling(
        "│ │ ├─kubepods-besteffort-pod9692aa0e_748e_11e8_8dfa_76d458035df6.slice",
        Identifier("uid", "9692aa0e-748e-11e8-8dfa-76d458035df6"),
    ),
    # kontena/pharos-cluster#440, a line of systemd-cgls, a scope.
    _spelling(
        "│ │ │ ├─docker-abddff03dfd7710c79a750ce3e730365cbb2c8247a974170c1062683bc3e9152.scope",
        Identifier("containerID", "abddff03dfd7710c79a750ce3e730365cbb2c8247a974170c1062683bc3e9152"),
    ),
    # The form of the same without UTF-8.
    _spelling(
        "| | | `-docker-abddff03dfd7710c79a750ce3e730365cbb2c8247a974170c1062683bc3e9152.scope",
        Identifier("containerID", "abddff03dfd7710c79a750ce3e730365cbb2c8247a974170c1062683bc3e9152"),
    ),
    # netdata/netdata#4868, a line of tree, with its no-break spaces.
    _spelling(
        "│\xa0\xa0 │\xa0\xa0 └── kubepods-besteffort-pode1465238_4518_4c21_832f_fd9f87033dad.slice",
        Identifier("uid", "e1465238-4518-4c21-832f-fd9f87033dad"),
    ),
    # netdata/netdata#4868, a line of tree -F, a scope.
    _spelling(
        "    │   │       ├── cri-containerd-66be9b2efdf4d85288c319b8c1a2f50d2439b5617e36f45d9d0d0be1381113be.scope/",
        Identifier("containerID", "66be9b2efdf4d85288c319b8c1a2f50d2439b5617e36f45d9d0d0be1381113be"),
    ),
    # The form of a line of tree on Windows.
    _spelling(
        "│   ├───default_web-1_c1d12e90-f0e4-4bda-a89e-1b5eb5b27404",
        Identifier("uid", "c1d12e90-f0e4-4bda-a89e-1b5eb5b27404"),
    ),
    # The same, tree /a, without Unicode.
    _spelling(
        r"|   \---default_web-1_c1d12e90-f0e4-4bda-a89e-1b5eb5b27404",
        Identifier("uid", "c1d12e90-f0e4-4bda-a89e-1b5eb5b27404"),
    ),
    # nestybox/sysbox#767, a line of findmnt.
    _spelling(
        "├─/var/lib/kubelet/pods/58e11f9a-20fd-4840-a1ab-1eedfdae9d77/volumes/kubernetes.io~projected/token     tmpfs",
        Identifier("uid", "58e11f9a-20fd-4840-a1ab-1eedfdae9d77"),
    ),
    # nestybox/sysbox#618, a line of findmnt without UTF-8.
    _spelling(
        (
            "| | |-/mnt/host/var/lib/kubelet/pods/7341f00f-23b3-4739-93f7-868327fd08fc/volumes/kubernetes.io~csi/"
            "pvc-773ec1d8-c0c2-4590-8ff3-0ca5718dfb9b/mount   /dev/sdh   ext4   rw,relatime"
        ),
        Identifier("uid", "7341f00f-23b3-4739-93f7-868327fd08fc"),
    ),
    # fluent/fluentd#2348, a line of ls -l, a static pod before 1.14.
    _spelling(
        (
            "lrwxrwxrwx 1 root root 63 Dec  3 08:44 kube-proxy-gke-riro-cluster-control-pool-v3-432ba7fc-j44j_"
            "kube-system_kube-proxy-68bd3d94274b6a239c31be50c4bf7148d60ed2642ff58e17f950a8eb21c2b517.log -> "
            "/var/log/pods/fb28d7d42bfae6ea34eaf0e51127fdde/kube-proxy/0.log"
        ),
        Identifier("uid", "fb28d7d42bfae6ea34eaf0e51127fdde"),
        Identifier("containerID", "68bd3d94274b6a239c31be50c4bf7148d60ed2642ff58e17f950a8eb21c2b517"),
    ),
    # netdata/netdata#4868, a mount unit in a line of tree.
    _spelling(
        (
            r"│   │   ├── var-lib-kubelet-pods-55c6c714\x2db240\x2d4dec\x2d9a45\x2d57b61696ab6e-volume\x2dsubpaths"
            r"-config-fluent\x2dbit-1.mount"
        ),
        Identifier("uid", "55c6c714-b240-4dec-9a45-57b61696ab6e"),
    ),
    # The same, the cgroup of a mount unit in a metric of cAdvisor, with PromQL's backslashes.
    _spelling(
        (
            r"/system.slice/var-lib-kubelet-pods-91f5b561\\x2d369f\\x2d4103\\x2d8015\\x2d66391059996a-volumes"
            r"-kubernetes.io\\x7eprojected-kube\\x2dapi\\x2daccess\\x2ds5l5r.mount"
        ),
        Identifier("uid", "91f5b561-369f-4103-8015-66391059996a"),
    ),
    # The form of a mount unit whose path has a colon, which systemd does not escape.
    _spelling(
        (
            r"var-lib-kubelet-pods-91f5b561\x2d369f\x2d4103\x2d8015\x2d66391059996a-volumes-kubernetes.io\x7enfs"
            r"-10.0.0.1:\x2fdata.automount"
        ),
        Identifier("uid", "91f5b561-369f-4103-8015-66391059996a"),
    ),
    # The form of a mount unit whose name systemd has cut, with a hash at its end.
    _spelling(
        (
            r"var-lib-kubelet-pods-91f5b561\x2d369f\x2d4103\x2d8015\x2d66391059996a-volumes-kubernetes.io\x7ecsi-pvc"
            r"_9e107d9d372bb682.mount"
        ),
        Identifier("uid", "91f5b561-369f-4103-8015-66391059996a"),
    ),
    # The form of a mount unit of a static pod: the UID has no dashes.
    _spelling(
        r"var-lib-kubelet-pods-c26521395dbc1da7d5ef74aca0694d11-volumes-kubernetes.io\x7eempty\x2ddir-tmp.mount",
        Identifier("uid", "c26521395dbc1da7d5ef74aca0694d11"),
    ),
    # The form of a slice and a scope whose names a tool has escaped.
    _spelling(
        (
            r"kubepods-burstable-pod91f5b561\x2d369f\x2d4103\x2d8015\x2d66391059996a.slice/"
            r"cri\x2dcontainerd-24c53b774a586f06abc058619b47f71d9d869ac50c92898adbd199106fd0aaeb.scope"
        ),
        Identifier("uid", "91f5b561-369f-4103-8015-66391059996a"),
        Identifier("containerID", "24c53b774a586f06abc058619b47f71d9d869ac50c92898adbd199106fd0aaeb"),
    ),
    # k3s-io/k3s#3574, a mount unit of containerd.
    _spelling(
        (
            "run-k3s-containerd-io.containerd.runtime.v2.task-k8s.io-"
            "6ebbd28459368680767dd0a519affa8f9dc21aa1b73cc88c6f3d80140f950771-rootfs.mount"
        ),
        Identifier("containerID", "6ebbd28459368680767dd0a519affa8f9dc21aa1b73cc88c6f3d80140f950771"),
    ),
    # The form of a mount unit of docker.
    _spelling(
        ("var-lib-docker-containers-a3c6c718df1e4f5ec595ea13894d5446ff5c504b0d4b346288926f2bb32dd329-mounts-shm.mount"),
        Identifier("containerID", "a3c6c718df1e4f5ec595ea13894d5446ff5c504b0d4b346288926f2bb32dd329"),
    ),
    # pkg/kubelet/kuberuntime/legacy.go: a link that is cut in the container ID.
    _spelling(
        f"/var/log/containers/{CUT_LINK}",
        Identifier("name", f"default/{LONG_NAME}"),
    ),
    # The same, in a tag.
    _spelling(
        f"kube.var.log.containers.{CUT_LINK}",
        Identifier("name", f"default/{LONG_NAME}"),
    ),
    # The same, cut after the namespace.
    _spelling(
        f"{'web-' * 60}x1_team-ab_.log",
        Identifier("name", f"team-ab/{'web-' * 60}x1"),
    ),
    # The same, cut after a namespace of the greatest length, so that it must be whole.
    _spelling(
        rf"C:\var\log\containers\{'w' * 187}_{'n' * 63}.log",
        Identifier("name", f"{'n' * 63}/{'w' * 187}"),
    ),
    # docker ps.
    _spelling(
        "9bca8d63d5fa",
        Identifier("containerID", "9bca8d63d5fa"),
    ),
    # crictl ps, with the column's spaces.
    _spelling(
        "9bca8d63d5fa6       ",
        Identifier("containerID", "9bca8d63d5fa6"),
    ),
    # Tetragon: process.docker.
    _spelling(
        "0ca2b3cd20e5f55",
        Identifier("containerID", "0ca2b3cd20e5f55"),
    ),
    # The same in upper case.
    _spelling(
        "9BCA8D63D5FA",
        Identifier("containerID", "9bca8d63d5fa"),
    ),
    # The same with decimal digits only, as have 3 of 1,000 containers.
    _spelling(
        "123456789012",
        Identifier("containerID", "123456789012"),
    ),
    # The same with a scheme.
    _spelling(
        "containerd://9bca8d63d5fa6",
        Identifier("containerID", "9bca8d63d5fa6"),
    ),
    # With a scheme, 32 digits are no UID.
    _spelling(
        "docker://9bca8d63d5fa610783847915bcff0eca",
        Identifier("containerID", "9bca8d63d5fa610783847915bcff0eca"),
    ),
    # An ID that was cut elsewhere.
    _spelling(
        "9bca8d63d5fa610783847915bcff0ecac1273e5b4bed3f6fa1b07350e013596",
        Identifier("containerID", "9bca8d63d5fa610783847915bcff0ecac1273e5b4bed3f6fa1b07350e013596"),
    ),
    # An address and a port, as in logs of connections.
    _spelling(
        "10.244.1.5:8080",
        Identifier("ip", "10.244.1.5"),
    ),
    # RFC 3986, section 3.2.2: the same with IPv6.
    _spelling(
        "[fd00::5]:8080",
        Identifier("ip", "fd00::5"),
    ),
    # The peer of a dual-stack socket with its port.
    _spelling(
        "[::ffff:10.244.1.5]:65535",
        Identifier("ip", "10.244.1.5"),
    ),
    # status.podIP.
    _spelling(
        "10.244.1.5",
        Identifier("ip", "10.244.1.5"),
    ),
    # The same with whitespace, as in a line of a file.
    _spelling(
        " 10.244.1.5\n",
        Identifier("ip", "10.244.1.5"),
    ),
    # status.podIPs of a dual-stack pod.
    _spelling(
        "fd00:10:244:1::5",
        Identifier("ip", "fd00:10:244:1::5"),
    ),
    # RFC 5952, section 2.3: upper case.
    _spelling(
        "FD00:10:244:1::5",
        Identifier("ip", "fd00:10:244:1::5"),
    ),
    # RFC 5952, section 2.1: zeros written out.
    _spelling(
        "fd00:0010:0244:0001:0000:0000:0000:0005",
        Identifier("ip", "fd00:10:244:1::5"),
    ),
    # RFC 5952, section 2.2: no compression.
    _spelling(
        "fd00:10:244:1:0:0:0:5",
        Identifier("ip", "fd00:10:244:1::5"),
    ),
    # RFC 5952, section 4.2.2: a single zero is not compressed.
    _spelling(
        "2001:db8::1:1:1:1:1",
        Identifier("ip", "2001:db8:0:1:1:1:1:1"),
    ),
    # RFC 5952, section 4.2.3: the first of two equal runs is compressed.
    _spelling(
        "2001:db8:0:0:1:0:0:1",
        Identifier("ip", "2001:db8::1:0:0:1"),
    ),
    # The peer of a dual-stack socket.
    _spelling(
        "::ffff:10.244.1.5",
        Identifier("ip", "10.244.1.5"),
    ),
    # The same in hexadecimal.
    _spelling(
        "::FFFF:0AF4:0105",
        Identifier("ip", "10.244.1.5"),
    ),
    # NAT64, RFC 6052.
    _spelling(
        "64:ff9b::10.0.0.1",
        Identifier("ip", "64:ff9b::a00:1"),
    ),
    # The host of a URL.
    _spelling(
        "[fd00:10:244:1::5]",
        Identifier("ip", "fd00:10:244:1::5"),
    ),
    # glibc formats this address as ::0.1.0.2.
    _spelling(
        "::1:2",
        Identifier("ip", "::1:2"),
    ),
    # kubectl get pods -A, and the kubelet's log.
    _spelling(
        "kube-system/coredns-5dd5756b68-4xqzr",
        Identifier("name", "kube-system/coredns-5dd5756b68-4xqzr"),
    ),
    # A static pod on a node with a domain.
    _spelling(
        "kube-system/kube-apiserver-ip-10-0-131-225.us-west-1.compute.internal",
        Identifier("name", "kube-system/kube-apiserver-ip-10-0-131-225.us-west-1.compute.internal"),
    ),
    # Labels of digits only (RFC 1123).
    _spelling(
        "1/2",
        Identifier("name", "1/2"),
    ),
)

NOT_IDENTIFIERS = (
    # An empty parameter.
    "",
    # Whitespace only.
    " \n\t",
    # /proc/self/cgroup in a container with its own cgroup namespace.
    "0::/\n",
    # Processes of the node: kontena/pharos-cluster#440.
    "11:cpuacct,cpu:/system.slice\n10:perf_event:/system.slice\n",
    # The matcher tests of Falco's container plugin.
    "/user.slice/user-1000.slice/user@1000.service/init.scope",
    # The same, an ID that is too long.
    "/user.slice/libpod-1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdef",
    # The same, an ID with a letter that is not a hexadecimal digit.
    "/user.slice/libpod-1234567890abcdef1234567890abcdef1234567890abcdef1234567890abcdefg",
    # The same, a container of ctr.
    "/my_very_long_namespace-1.5/test_container",
    # The slice of a QoS class.
    "/kubepods.slice/kubepods-besteffort.slice",
    # A volume, not a pod: kubernetes.io/csi.
    "/var/lib/kubelet/plugins/kubernetes.io/csi/pv/pvc-9ae9405c-7fb3-11ea-80b3-246e968d4b38/globalmount",
    # A PersistentVolume.
    "pvc-787fcbe1-bea1-49be-9daf-9953a3ea8464",
    # A volume of NetApp's Trident, whose UUID has underscores.
    "192.168.10.101:/trident_pvc_ae477c5c_cf10_4bc0_bb71_39d214a237f0",
    # The UUID of a Ceph cluster.
    "/system.slice/ceph-f952f5be-565c-11f0-ab72-0affea283157@mon.ip-10-0-25-96.service",
    # A UUID in a directory of volumes.
    "/var/lib/longhorn/volumes/1234abcd-5678-90ef-aaaa-bbbbccccdddd/data",
    # A machine ID, which has 32 hexadecimal digits.
    "/var/log/journal/4a1b9b0c5d6e4f708192a3b4c5d6e7f8/system.journal",
    # The kubelet's directory of all pods.
    "/var/lib/kubelet/pods/",
    # A pod's directory with a name that is not a UID: the CSI driver of BeeGFS.
    "/tmp/kubelet/pods/pod1/volumes/kubernetes.io~csi/pvc-00000001",
    # An EKS Fargate or ECS task.
    "/ecs/55091c13-b8cf-4801-b527-f4601742204d/4c3b",
    # A name without a namespace.
    "coredns-5dd5756b68-4xqzr",
    # More than one slash.
    "pods/kube-system/coredns",
    # Upper case (not allowed by DNS-1123).
    "Kube-System/coredns",
    # An underscore.
    "kube-system/core_dns",
    # A dot in a namespace.
    "kube.system/coredns",
    # A dash at the end.
    "kube-system/coredns-",
    # Consecutive dots.
    "kube-system/core..dns",
    # A namespace without a name.
    "kube-system/",
    # A name after an empty namespace.
    "/coredns",
    # A namespace of 64 characters.
    "n" * 64 + "/coredns",
    # A name of 254 characters.
    "kube-system/" + "n" * 254,
    # Leading zeros, which some parsers read as octal.
    "10.244.01.5",
    # Three parts, which inet_aton accepts.
    "10.244.5",
    # A port that is too high.
    "10.244.1.5:65536",
    # The same with brackets.
    "[fd00::5]:65536",
    # A port that is missing.
    "10.244.1.5:",
    # The same with brackets.
    "[fd00::5]:",
    # A port with a leading zero.
    "10.244.1.5:080",
    # The name of a port.
    "10.244.1.5:http",
    # A port that is not ASCII.
    "10.244.1.5:\u0668\u0660",
    # An address and two ports.
    "10.244.1.5:80:80",
    # An IPv4 address in brackets, and a port.
    "[10.244.1.5]:8080",
    # A zone and a port.
    "[fe80::1%eth0]:8080",
    # An IPv4 network.
    "10.244.0.0/16",
    # An IPv6 network.
    "fd00:10:244::/48",
    # An address with a zone.
    "fe80::1%eth0",
    # An IPv4 address in brackets.
    "[10.244.1.5]",
    # A part greater than 255.
    "10.244.1.256",
    # Digits that are not ASCII.
    "\u0661\u0660.244.1.5",
    # A NUL after an address.
    "10.244.1.5\u0000",
    # A lone surrogate, as from os.fsdecode.
    "kube-system/\udcff",
    # A letter that equals an ASCII letter when case is ignored in Unicode.
    "kubepods-pod1234abcd_5678_90ef_aaaa_bbbbccccdddd.\u017flice",
    # A UID with one digit less.
    "1234abcd-5678-90ef-aaaa-bbbbccccddd",
    # A UID with a digit that is not ASCII.
    "\u0661234abcd-5678-90ef-aaaa-bbbbccccdddd",
    # A container ID with 11 digits, which docker and crictl never print.
    "9bca8d63d5f",
    # A short container ID that is not the whole text.
    "9bca8d63d5fa main",
    # A short container ID in a path.
    "/kubepods/9bca8d63d5fa",
    # A short container ID with a digit that is not ASCII.
    "9bca8d63d5f\u0661",
    # A scheme only.
    "containerd://",
    # A URL with a path.
    "https://kubernetes.default.svc/api/v1/pods",
    # systemctl status without -l cuts the names of units.
    r"var-lib-kubelet-pods-91f5b561\x2d369f\x2d4103\x2d80…",
    # A cut UID in a mount unit.
    r"var-lib-kubelet-pods-91f5b561\x2d369f\x2d4103\x2d8015\x2d66391059_9e107d9d372bb682.mount",
    # A mount unit of a PersistentVolume.
    r"var-lib-kubelet-plugins-kubernetes.io-csi-pv-pvc\x2d9ae9405c\x2d7fb3\x2d11ea\x2d80b3\x2d246e968d4b38-globalmount.mount",
    # A mount unit of a network namespace.
    r"run-netns-cni\x2d1e26ca99\x2dc61c\x2d4940\x2df832\x2d11886d4fe670.mount",
    # A volume of Windows.
    r"\\?\Volume{1234abcd-5678-90ef-aaaa-bbbbccccdddd}\data",
    # A process in systemd-cgls.
    "│ │ └─1234 /usr/bin/kubelet",
    # A name of docker without Kubernetes.
    "/app_web_1",
    # fluent/fluent-bit#1084 and #815, tags without a container ID.
    "kube.kube-system.fluent-bit-q2kxj.fluent-bit",
    # The tag of docker's driver for Fluentd by default: 12 digits.
    "docker.9bca8d63d5fa",
    # A file whose name holds a hash, not a tag.
    "app.9bca8d63d5fa610783847915bcff0ecac1273e5b4bed3f6fa1b07350e0135961.js",
    # A sentence.
    "which pod is this?",
)
