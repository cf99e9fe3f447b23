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
    # An address and a port.
    "10.244.1.5:8080",
    # The same with brackets.
    "[fd00::5]:8080",
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
    # The short ID of docker ps: 12 digits are not unique enough.
    "9bca8d63d5fa",
    # A scheme only.
    "containerd://",
    # A URL with a path.
    "https://kubernetes.default.svc/api/v1/pods",
    # A sentence.
    "which pod is this?",
)
