"""What `kubectl kustomize` makes of an overlay, and what is looked for in it."""

import pathlib
import shutil
import subprocess

import yaml

MANIFESTS = pathlib.Path(__file__).parents[2] / "deploy" / "kubernetes"
OVERLAYS = ("single", "ha", "satellite")
# What an administrator puts beside each overlay before it is applied.
SECRETS = {
    "single": ("password", "authorisation-code"),
    "ha": ("password", "authorisation-code", "database-password"),
    "satellite": ("join-token", "authorisation-code"),
}


def render(kubectl, program, overlay, folder):
    """The objects of an overlay, its secrets made by the product as its first lines say."""
    copy = pathlib.Path(folder) / overlay
    shutil.copytree(MANIFESTS, copy)
    place = copy / "overlays" / overlay
    shutil.rmtree(place / "secrets", ignore_errors=True)
    files = [str(place / "secrets" / name) for name in SECRETS[overlay]]
    subprocess.run([program, "make-secret", *files], check=True, stdout=subprocess.DEVNULL)
    run = subprocess.run([kubectl, "kustomize", str(place)], capture_output=True, text=True)
    if run.returncode != 0:
        raise SystemExit(f"kubectl kustomize {overlay}: {run.stderr}")
    return [document for document in yaml.safe_load_all(run.stdout) if document]


def of_kind(objects, kind):
    """All of one kind, by name."""
    return {found["metadata"]["name"]: found for found in objects if found["kind"] == kind}


def pods(objects):
    """Every pod template, as (labels, specification, namespace)."""
    for kind in ("StatefulSet", "Deployment", "Job"):
        for found in of_kind(objects, kind).values():
            template = found["spec"]["template"]
            yield template["metadata"]["labels"], template["spec"], found["metadata"]["namespace"]


def containers(pod):
    """Every container, those that come first included."""
    return pod.get("initContainers", []) + pod["containers"]


def environment(container, objects):
    """Its variables with their values, `$(NAME)` filled in as the kubelet does."""
    values = {}
    for entry in container.get("env", []):
        value = entry.get("value", "")
        reference = entry.get("valueFrom", {}).get("configMapKeyRef")
        if reference:
            maps = of_kind(objects, "ConfigMap")
            value = maps.get(reference["name"], {}).get("data", {}).get(reference["key"], "")
        values[entry["name"]] = filled(value, values)
    return values


def arguments(container, objects):
    """What it runs, `$(NAME)` filled in."""
    values = environment(container, objects)
    words = container.get("command", []) + container.get("args", [])
    return [filled(word, values) for word in words]


def filled(text, values):
    """The text with what is known put in."""
    for name, value in values.items():
        text = text.replace(f"$({name})", value)
    return text
