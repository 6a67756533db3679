"""Mistakes put into what was rendered, one at a time: each must be found by the check that is there for it."""

import copy
import json

# What is written in its place, and what that is an example of.
TYPOS = (
    ("single", '"readinessProbe"', '"readynessProbe"', "a field"),
    ("single", '"maxUnavailable"', '"maxUnavailabel"', "a field of a budget"),
    ("single", '"/readyz"', '"/ready"', "a path that is asked"),
    ("single", '"port": "health"', '"port": "helth"', "a probe's port"),
    ("single", '"targetPort": "enrolment"', '"targetPort": "enrollment"', "a Service's port"),
    ("single", '"containerPort": 8445', '"containerPort": 8446', "a container's port"),
    ("single", "supplysync/password", "supplysync/pasword", "a secret's key"),
    ("single", '"claimName": "primary-data"', '"claimName": "primary-date"', "a claim"),
    ("single", "--unless-set-up", "--unless-setup", "a flag"),
    ("single", '"serve"', '"server"', "a command"),
    ("single", "SUPPLYSYNC_ENROLMENT__URLS", "SUPPLYSYNC_ENROLMENT__URL", "a setting in the environment"),
    ("single", "password_file", "pasword_file", "a setting in the file"),
    ("single", "/etc/supplysync/supplysync.toml", "/etc/supplysync/suplysync.toml", "the file's name"),
    ("single", "primary.supplysync.svc", "primary.suplysync.svc", "a server name"),
    ("single", '"runAsNonRoot": true', '"runAsNonRoot": false', "the confinement"),
    ("single", "supplysync/primary", "supplysync/primry", "an image"),
    ("single", '"prometheus.io/port": "8080"', '"prometheus.io/port": "8443"', "where metrics are read"),
    ("single", "namespaceSelector", "podSelector", "who reads them"),
    ("ha", "supplysync/database-password", "supplysync/database-pasword", "the database's secret"),
    ("ha", "SUPPLYSYNC_DATABASE__URL", "SUPPLYSYNC_DATABASE__URI", "the database's setting"),
    ("ha", '"key": "database-url"', '"key": "database-uri"', "a key of a ConfigMap"),
    ("satellite", "--token-file", "--tokenfile", "a satellite's flag"),
    ("satellite", "supplysync/join-token", "supplysync/jointoken", "a satellite's secret"),
    ("satellite", "SUPPLYSYNC_LISTEN__HEALTH", "SUPPLYSYNC_LISTEN__HELTH", "a satellite's setting"),
)


def missed(rendered, check):
    """The mistakes that `check(overlay, objects)` does not notice, in words."""
    for overlay, right, mistaken, what in TYPOS:
        text = json.dumps(copy.deepcopy(rendered[overlay]))
        if right not in text:
            yield f"{what}: {right} is not in {overlay}, so that nothing was tried"
        elif not check(overlay, json.loads(text.replace(right, mistaken))):
            yield f"{what}: {right} -> {mistaken} in {overlay} was not noticed"
