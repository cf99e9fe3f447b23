"""Build the image, bring it to the cluster of the current context, and deploy it: ``build_and_deploy.py [FOLDER]``.

The folder has a kustomization (default: ``manifests``). Clusters of kind, k3d and minikube get the image directly.
Other clusters pull it from the registry that ``IMAGE`` names. ``CONTAINER_ENGINE`` works as for ``image.py``.
"""

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path

import permissions
from image import ROOT, Engine, Failed, ask, build, find_engine, has_registry, image_name, run, script


def main(arguments: list[str]) -> None:
    """Build, load or push, and deploy; fail before the build where possible."""
    parser = argparse.ArgumentParser(prog="tox run -e build-and-deploy --", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "manifests")
    folder = parser.parse_args(arguments).folder
    context, loader = find_loader()
    if loader and not shutil.which(loader[0]):
        raise Failed(f"{loader[0]} is not installed: context {context} needs it to load the image")
    if not loader and not has_registry(image_name()):
        raise Failed(
            f"context {context} is not a kind, k3d or minikube cluster, and {image_name()} names no registry: "
            "set IMAGE to a name that the cluster can pull, such as registry.example.com/pod-index:1"
        )
    found = permissions.check(folder)
    namespace = [f"--namespace={found}"] if found else []
    engine = find_engine()
    image = build(engine, [])
    image_id = ask(engine.program, "images", "--quiet", "--no-trunc", image).split()[0]
    with tempfile.TemporaryDirectory(prefix="pod-index-") as temporary:
        image = load(engine, loader, image, temporary) if loader else push(engine, image, temporary)
        deploy(folder, namespace, image, image_id, temporary)
    print(f"pod-index is ready in context {context}. To check it, in two terminals:")
    # Not the Service: with kube-rbac-proxy, it needs a token.
    print(f"  kubectl port-forward {' '.join([*namespace, 'deployment/pod-index'])} 8080:8080")
    # pod-index knows its own pod even where it watches only one namespace.
    print(f"  tox run -e smoke -- http://localhost:8080 {' '.join(namespace)}")


def find_loader() -> tuple[str, list[str]]:
    """Return the current context, and the command that loads an archive into its cluster; empty if there is none."""
    try:
        config = json.loads(ask("kubectl", "config", "view", "--minify", "--output=json"))
    except Failed as failed:
        raise Failed(f"{failed}: set KUBECONFIG, or run kubectl config use-context") from None
    context: str = config["current-context"]
    if context.startswith("kind-"):
        return context, ["kind", "load", "image-archive", f"--name={context.removeprefix('kind-')}"]
    if context.startswith("k3d-"):
        return context, ["k3d", "image", "import", f"--cluster={context.removeprefix('k3d-')}"]
    # The context has the name of the profile: https://minikube.sigs.k8s.io/docs/commands/profile/
    if context == "minikube" or "minikube.sigs.k8s.io" in json.dumps(config["contexts"]):
        return context, ["minikube", "image", "load", f"--profile={context}"]
    return context, []


def load(engine: Engine, loader: list[str], image: str, temporary: str) -> str:
    """Load the image into a cluster on this machine; return its name there."""
    archive = f"{temporary}/image.tar"
    if engine.is_podman:
        # Podman and buildah call it localhost/pod-index, and nodes look for docker.io/library/pod-index.
        prefix = "" if has_registry(image) else "docker.io/" if "/" in image else "docker.io/library/"
        run(engine.program, "push", image, f"docker-archive:{archive}:{prefix}{image}")
    else:
        run(engine.program, "save", f"--output={archive}", image)
    run(*loader, archive)
    return image


def push(engine: Engine, image: str, temporary: str) -> str:
    """Push the image; return its name with the digest, so that no node uses an older image of the same tag."""
    name = image.rpartition(":")[0]
    if engine.is_podman:
        digest = Path(temporary, "digest")
        run(engine.program, "push", f"--digestfile={digest}", image, f"docker://{image}")
        return f"{name}@{digest.read_text().strip()}"
    run(engine.program, "push", image)
    digests: list[str] | None = json.loads(
        ask(engine.program, "image", "inspect", "--format={{json .RepoDigests}}", image)
    )
    return next((digest for digest in digests or [] if digest.startswith(f"{name}@")), image)


def deploy(folder: Path, namespace: list[str], image: str, image_id: str, temporary: str) -> None:
    """Apply an overlay of the folder that sets the image, and wait for the rollout."""
    template = {
        # If the image has changed under the same name, the ID replaces the pods.
        "metadata": {"annotations": {"pod-index/image-id": image_id}},
        "spec": {"containers": [{"name": "pod-index", "image": image}]},
    }
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "pod-index"}}
    patch = {
        "target": {"kind": "Deployment", "name": "pod-index"},
        "patch": json.dumps(deployment | {"spec": {"template": template}}),
    }
    # Kustomize takes no absolute paths.
    base = os.path.relpath(folder.resolve(), Path(temporary).resolve())
    Path(temporary, "kustomization.yaml").write_text(json.dumps({"resources": [base], "patches": [patch]}))
    run("kubectl", "apply", "-k", temporary)
    try:
        run("kubectl", "rollout", "status", "deployment/pod-index", *namespace, "--timeout=5m")
    except Failed:
        pods = " ".join([*namespace, "--selector=app=pod-index"])
        raise Failed(f"pod-index is not ready: see kubectl describe pods {pods}, and kubectl logs {pods}") from None


if __name__ == "__main__":
    script(main)
