"""Names that one object uses and another must have: ports, volumes, secrets, keys, paths, labels, hosts."""

import re

from rendered import arguments, containers, environment, of_kind, pods

USER = 10001


def wrong(objects):
    """Every name that leads nowhere, in words."""
    found = []
    for labels, pod, namespace in pods(objects):
        found += volumes(pod, objects)
        found += scraping(pod, annotations(labels, objects), objects)
        for container in containers(pod):
            found += paths(container, pod, objects)
            found += confinement(container, pod)
            found += probes(container)
            found += hosts(container, objects, namespace)
    return [*found, *selectors(objects), *policies(objects)]


def volumes(pod, objects):
    """Each volume has a source that is there, and somebody who mounts it."""
    mounted = {mount["name"] for container in containers(pod) for mount in container.get("volumeMounts", [])}
    named = {volume["name"] for volume in pod["volumes"]}
    yield from (f"a mount of the volume {name}, which is not there" for name in mounted - named)
    yield from (f"the volume {name}, which nobody mounts" for name in named - mounted)
    for volume in pod["volumes"]:
        source = volume.get("secret", {})
        if source and not source.get("optional") and source["secretName"] not in of_kind(objects, "Secret"):
            yield f"the Secret {source['secretName']}, which is not there"
        name = volume.get("configMap", {}).get("name")
        if name and name not in of_kind(objects, "ConfigMap"):
            yield f"the ConfigMap {name}, which is not there"
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        if claim and claim not in of_kind(objects, "PersistentVolumeClaim"):
            yield f"the PersistentVolumeClaim {claim}, which is not there"


def contents(volume, objects):
    """The names of the files in a volume; None where it is not known."""
    if "configMap" in volume:
        return set(of_kind(objects, "ConfigMap").get(volume["configMap"]["name"], {}).get("data", {}))
    if "secret" in volume:
        secret = of_kind(objects, "Secret").get(volume["secret"]["secretName"])
        return set(secret["data"]) if secret else None
    return None


def paths(container, pod, objects):
    """Each path in an argument or a variable is in a volume; where that is a Secret or ConfigMap, the file is in it."""
    by_name = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = {mount["mountPath"]: by_name.get(mount["name"], {}) for mount in container.get("volumeMounts", [])}
    texts = arguments(container, objects) + list(environment(container, objects).values())
    for entry in container.get("env", []):
        reference = entry.get("valueFrom", {}).get("configMapKeyRef")
        if reference:
            data = of_kind(objects, "ConfigMap").get(reference["name"], {}).get("data", {})
            if reference["key"] not in data:
                yield f"{entry['name']}: the key {reference['key']}, which is in no ConfigMap {reference['name']}"
    for text in texts:
        for path in re.findall(r"(?:^|=)(/[^ ]*)", text):
            place = [mount for mount in mounts if path == mount or path.startswith(mount + "/")]
            if not place:
                yield f"the path {path}, which is in no volume of {container['name']}"
                continue
            files = contents(mounts[place[0]], objects)
            if path != place[0] and files is not None and path.rsplit("/", 1)[1] not in files:
                yield f"the file {path}, which is not in its volume"
        if "$(" in text:
            yield f"{text}: a variable that is not there"


def confinement(container, pod):
    """Nobody is root, writes to the image, or keeps a capability."""
    own, all_of = container["securityContext"], pod["securityContext"]
    if own.get("capabilities", {}).get("drop") != ["ALL"] or own.get("allowPrivilegeEscalation") is not False:
        yield f"{container['name']} keeps privileges"
    if own.get("readOnlyRootFilesystem") is not True:
        yield f"{container['name']} may write to its image"
    if all_of.get("runAsNonRoot") is not True or all_of.get("runAsUser") != USER:
        yield f"{container['name']} does not run as the image's user, {USER}"
    if all_of.get("seccompProfile", {}).get("type") != "RuntimeDefault":
        yield f"{container['name']} has no seccomp profile"
    if pod.get("automountServiceAccountToken") is not False or pod.get("enableServiceLinks") is not False:
        yield f"{container['name']} is given what it does not need of the cluster"
    if not container.get("resources", {}).get("requests"):
        yield f"{container['name']} requests nothing"


def probes(container):
    """Probes ask a port that the container has."""
    names = {port["name"] for port in container.get("ports", [])}
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        port = container.get(probe, {}).get("httpGet", {}).get("port")
        if port is not None and port not in names:
            yield f"{probe} of {container['name']} asks the port {port}, which is not there"
        if port is None and container.get("ports"):
            yield f"{container['name']} has no {probe}"


def annotations(labels, objects):
    """Those of the pods that carry these labels."""
    templates = (found["spec"]["template"]["metadata"] for found in of_kind(objects, "StatefulSet").values())
    return next((made.get("annotations", {}) for made in templates if made["labels"] == labels), {})


def scraping(pod, marks, objects):
    """Metrics are read at the port where the probes ask, which the policy opens to one namespace and no further."""
    ports = {port["name"]: port["containerPort"] for container in pod["containers"] for port in container["ports"]}
    wanted = {"prometheus.io/scrape": "true", "prometheus.io/port": str(ports.get("health")), "prometheus.io/path": "/metrics"}
    yield from (f"{name} is {marks.get(name)}, not {value}" for name, value in wanted.items() if marks.get(name) != value)
    for policy in of_kind(objects, "NetworkPolicy").values():
        rules = [rule for rule in policy["spec"]["ingress"] if {"port": "health"} in rule["ports"]]
        if not rules or not all(peer.get("namespaceSelector", {}).get("matchLabels") for rule in rules for peer in rule.get("from", [{}])):
            yield f"NetworkPolicy {policy['metadata']['name']} opens the metrics to nobody, or to everybody"


def hosts(container, objects, namespace):
    """The primary's certificate has the names of its Service, and the public one first."""
    words = arguments(container, objects)
    if "init" not in words:
        return
    names = [word.split("=", 1)[1] for word in words if word.startswith("--hostname=")]
    expected = {service for service in of_kind(objects, "Service") if service == "primary"}
    expected |= {f"{service}.{namespace}.svc" for service in expected}
    yield from (f"the certificate lacks the name {name}" for name in expected - set(names))
    public = environment(container, objects).get("PUBLIC_NAME")
    if not names or names[0] != public:
        yield "the first name of the certificate is not the public one"


def selectors(objects):
    """Services, budgets and policies find pods, and the ports that they name."""
    for kind, where in (("Service", "selector"), ("PodDisruptionBudget", "matchLabels"), ("NetworkPolicy", "matchLabels")):
        for name, found in of_kind(objects, kind).items():
            spec = found["spec"]
            wanted = spec[where] if where in spec else spec.get("selector", spec.get("podSelector", {}))["matchLabels"]
            chosen = [pod for labels, pod, _ in pods(objects) if wanted.items() <= labels.items()]
            if not chosen:
                yield f"{kind} {name} chooses no pod"
            ports = {port["name"] for pod in chosen for container in pod["containers"] for port in container["ports"]}
            targets = [port["targetPort"] for port in spec.get("ports", [])]
            targets += [port["port"] for rule in spec.get("ingress", []) for port in rule.get("ports", [])]
            yield from (f"{kind} {name}: the port {port}, which is not there" for port in targets if port not in ports)
    for kind in ("StatefulSet",):
        for name, found in of_kind(objects, kind).items():
            if found["spec"]["serviceName"] not in of_kind(objects, "Service"):
                yield f"{kind} {name}: the Service {found['spec']['serviceName']}, which is not there"


def policies(objects):
    """What a Service offers, the policy of its pods lets in."""
    for name, service in of_kind(objects, "Service").items():
        for policy in of_kind(objects, "NetworkPolicy").values():
            let_in = {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]}
            for port in service["spec"]["ports"]:
                if port["targetPort"] not in let_in:
                    yield f"Service {name}: the policy lets nobody in at {port['targetPort']}"
