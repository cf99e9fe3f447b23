"""What kubectl tells: the current context, and what manifests contain."""

import dataclasses
import json
from typing import Any

from tests.commands.image import Reference
from tests.commands.programs import CommandFailed, Programs

JSON = dict[str, Any]
ADVICE = "see https://kubernetes.io/docs/tasks/tools/"
NAME = "pod-index"


@dataclasses.dataclass(frozen=True)
class Context:
    """The current context of the kubeconfig."""

    name: str
    namespace: str
    is_minikube: bool

    def __str__(self) -> str:
        return f"context {self.name}"


@dataclasses.dataclass(frozen=True)
class Manifests:
    """A rendered kustomization, and what is to be known of it."""

    yaml: str
    namespace: str
    """Where the Deployment of pod-index is."""

    image: Reference
    selector: str
    """The label selector of its pods."""

    port_forward: str
    """What ``kubectl port-forward`` is told for the local port 8080."""


def current_context(programs: Programs) -> Context:
    """Ask kubectl for it; raise CommandFailed if there is none, or no kubectl."""
    programs.require("kubectl", ADVICE)
    try:
        config = json.loads(programs.ask("kubectl", "config", "view", "--minify", "--output=json"))
    except CommandFailed as failure:
        if "current-context must exist" in str(failure):
            raise CommandFailed(
                "kubectl has no current context: set KUBECONFIG, or choose one with kubectl config use-context"
            ) from None
        raise
    context = config["contexts"][0]["context"]
    extensions = json.dumps(context.get("extensions"))
    return Context(
        name=config["current-context"],
        namespace=context.get("namespace") or "default",
        # The name is the profile's, which can be any: https://minikube.sigs.k8s.io/docs/commands/profile/
        is_minikube=config["current-context"] == "minikube" or "minikube.sigs.k8s.io" in extensions,
    )


def read_manifests(programs: Programs, folder: str, context: Context) -> Manifests:
    """Render a folder with a kustomization; raise CommandFailed if it has no Deployment of pod-index."""
    yaml = programs.ask("kubectl", "kustomize", folder)
    objects = _parsed(programs, yaml)
    deployment = _find(objects, "Deployment")
    if deployment is None:
        raise CommandFailed(f"the manifests in {folder} have no Deployment {NAME}")
    containers = deployment["spec"]["template"]["spec"]["containers"]
    container = next((container for container in containers if container["name"] == NAME), containers[0])
    labels = deployment["spec"]["selector"]["matchLabels"]
    service = _find(objects, "Service")
    port = service["spec"]["ports"][0]["port"] if service else 8080
    return Manifests(
        yaml=yaml,
        namespace=deployment["metadata"].get("namespace") or context.namespace,
        image=Reference.parse(container["image"]),
        selector=",".join(f"{key}={value}" for key, value in labels.items()),
        port_forward=f"{'service' if service else 'deployment'}/{NAME} 8080:{port}",
    )


def deployed_images(programs: Programs, namespace: str) -> list[Reference]:
    """The images of the Deployment that is in the cluster, by their complete names; none if there is no Deployment."""
    text = programs.ask(
        *("kubectl", "get", f"deployment/{NAME}", f"--namespace={namespace}", "--ignore-not-found"),
        "--output=jsonpath={.spec.template.spec.containers[*].image}",
    )
    return [Reference.parse(image).complete for image in text.split()]


def _parsed(programs: Programs, yaml: str) -> list[JSON]:
    # A patch which changes nothing, and asks no server, is kubectl's way to turn YAML into JSON.
    text = programs.ask(
        "kubectl", "patch", "--local", "--filename=-", "--type=merge", "--patch={}", "--output=json", stdin=yaml
    )
    objects, decoder = [], json.JSONDecoder()
    while text := text.lstrip():
        found, end = decoder.raw_decode(text)
        objects.append(found)
        text = text[end:]
    return objects


def _find(objects: list[JSON], kind: str) -> JSON | None:
    return next((found for found in objects if found["kind"] == kind and found["metadata"]["name"] == NAME), None)
