"""What only the programs know: whether a command, a flag or a setting exists, and at which ports and paths they answer."""

import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import urllib.request

from rendered import arguments, containers, environment, of_kind, pods

# The rest of a satellite's settings comes with its join token.
FROM_TOKEN = {"SUPPLYSYNC_SYNC__PRIMARY_URL": "https://primary:8443", "SUPPLYSYNC_SYNC__USER_NAME": "supplysync"}


def wrong(objects, programs):
    """Everything that the programs don't know or do otherwise, in words."""
    found = []
    for _, pod, _ in pods(objects):
        for container in containers(pod):
            image = container["image"].split(":")[0]
            program = programs.get(image)
            if program is None:
                found.append(f"the image {image}, which is not made here")
                continue
            found += unknown_words(program, container, objects)
            found += unknown_settings(program, container, pod, objects)
    return found


def unknown_words(program, container, objects):
    """Commands and flags: with `--help` at its end, a line is read as far as that and nothing is done."""
    words = arguments(container, objects)
    run = subprocess.run([program, *words, "--help"], capture_output=True, text=True, env={})
    if run.returncode != 0:
        yield f"{container['name']}: {run.stderr.strip().splitlines()[0]}"


def mounted(container, pod, objects, folder):
    """Lays out the files of ConfigMaps below `folder`; (path in the pod, path here) for each volume."""
    by_name = {volume["name"]: volume for volume in pod["volumes"]}
    pairs = []
    for mount in container.get("volumeMounts", []):
        here = pathlib.Path(folder) / mount["mountPath"].lstrip("/")
        here.mkdir(parents=True, exist_ok=True)
        name = by_name.get(mount["name"], {}).get("configMap", {}).get("name")
        for key, text in of_kind(objects, "ConfigMap").get(name, {}).get("data", {}).items():
            (here / key).write_text(text)
        pairs.append((mount["mountPath"], str(here)))
    return pairs


def here(text, pairs):
    """The text with the pod's paths replaced, each once."""
    places = dict(pairs)
    pattern = "|".join(re.escape(there) for there in sorted(places, key=len, reverse=True))
    return re.sub(f"({pattern})(?=/|$)", lambda found: places[found.group(1)], text)


def unknown_settings(program, container, pod, objects):
    """The settings in the environment and the file, as the program reads them; its ports are those of the container."""
    with tempfile.TemporaryDirectory() as folder:
        pairs = mounted(container, pod, objects, folder)
        values = {name: here(value, pairs) for name, value in environment(container, objects).items()}
        if "satellite" in os.path.basename(program):
            values |= FROM_TOKEN
        run = subprocess.run([program, "config", "show", "--output", "json"], capture_output=True, text=True, env=values)
        if run.returncode != 0:
            yield f"{container['name']}: {run.stderr.strip()}"
            return
        settings = {row["name"]: row["value"] for row in json.loads(run.stdout)["settings"]}
        listening = {"listen.grpc", "listen.health", "enrolment.listen"} & settings.keys()
        ports = {int(settings[name].strip('"').rsplit(":", 1)[1]) for name in listening}
        shown = {port["containerPort"] for port in container.get("ports", [])}
        if shown and shown != ports:
            yield f"{container['name']} shows the ports {sorted(shown)}, and the program listens on {sorted(ports)}"
        inside = [name for name in listening if settings[name].strip('"').startswith("127.")]
        yield from (f"{container['name']}: {name} answers inside the pod only" for name in inside if shown)


def lived(objects, program):
    """Runs the pod's commands as the manifest has them, twice as after a restart, and asks where its probes ask."""
    (_, pod, _), = pods(objects)
    first, serving = pod["initContainers"][0], pod["containers"][0]
    secrets = of_kind(objects, "Secret")
    with tempfile.TemporaryDirectory() as folder:
        pairs = mounted(serving, pod, objects, folder)
        for volume in pod["volumes"]:
            for mount in serving["volumeMounts"]:
                if mount["name"] == volume["name"] and "secret" in volume:
                    for key in secrets[volume["secret"]["secretName"]]["data"]:
                        (pathlib.Path(here(mount["mountPath"], pairs)) / key).write_text("A-PASSWORD-OR-CODE\n")
        values = {name: here(value, pairs) for name, value in environment(serving, objects).items()}
        ports = {name: f"127.0.0.1:{free_port()}" for name in ("LISTEN__GRPC", "LISTEN__HEALTH", "ENROLMENT__LISTEN")}
        values |= {f"SUPPLYSYNC_{name}": address for name, address in ports.items()}
        for _ in range(2):
            words = [here(word, pairs) for word in arguments(first, objects)]
            run = subprocess.run([program, *words], capture_output=True, text=True, env=values)
            if run.returncode != 0:
                yield f"{first['name']}: {run.stderr.strip()}"
                return
            if "A-PASSWORD" in run.stdout + run.stderr:
                yield f"{first['name']} shows a secret"
            yield from answering(program, serving, objects, values, ports["LISTEN__HEALTH"])


def answering(program, serving, objects, values, health):
    """Whether the program that is started answers with 200 where it is asked."""
    running = subprocess.Popen(
        [program, *arguments(serving, objects)], env=values, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    try:
        for _ in range(100):
            asked = subprocess.run([program, "health"], env=values, capture_output=True)
            if asked.returncode == 0 or running.poll() is not None:
                break
        else:
            yield f"{serving['name']} does not become ready"
            return
        if running.poll() is not None:
            yield f"{serving['name']} ends: {running.stderr.read().strip()}"
            return
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            path = serving[probe]["httpGet"]["path"]
            try:
                urllib.request.urlopen(f"http://{health}{path}", timeout=5).read()
            except OSError as error:
                yield f"{probe}: {path}: {error}"
    finally:
        running.terminate()
        running.wait(30)
        running.stderr.close()


def free_port():
    """A port on the loopback where nobody listens now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
