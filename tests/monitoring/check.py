"""Prometheus' own tools on what the programs export, the alert rules, and the dashboard's queries; and mistakes that must be found."""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "alerts.yaml"
DASHBOARD = ROOT / "deploy" / "grafana" / "supplysync.json"
TESTS = pathlib.Path(__file__).parent / "alerts-test.yaml"
SEVERITIES = {"warning", "critical"}
# What is written in its place: each must be noticed.
TYPOS = (
    ("supplysync_ready == 0", "supplysync_ready == 1"),
    ("histogram_quantile(0.95, sum", "histogram_quantil(0.95, sum"),
    ("for: 15m", "for: 15 minutes"),
    ("annotations:", "annotation:"),
    ("$labels.site }} keeps", "$labels.site } keeps"),
    ("{{ $value }} changes", "{{ $labels.instance }} changes"),
)


def promtool(program, *words, text=None):
    """What it complains of; nothing if all is well."""
    run = subprocess.run([program, *words], input=text, capture_output=True, text=True, timeout=120)
    return [] if run.returncode == 0 else [f"promtool {words[0]} {words[1]}: {run.stderr or run.stdout}"]


def rules(program, text):
    """The rules as Prometheus reads them, whether each fires where it should, and whether it says what to do."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "alerts.yaml"
        path.write_text(text)
        tests = pathlib.Path(folder) / "test.yaml"
        tests.write_text(re.sub(r"rule_files: .*", "rule_files: [alerts.yaml]", TESTS.read_text()))
        found = promtool(program, "check", "rules", str(path)) or promtool(program, "test", "rules", str(tests))
    for block in text.split("- alert: ")[1:]:
        name = block.split("\n")[0]
        severity = re.search(r"labels: \{severity: (\w+)\}", block)
        summary = re.search(r'summary: "(.*)"', block)
        if not severity or severity.group(1) not in SEVERITIES:
            found.append(f"{name} has no severity")
        if not summary or len(summary.group(1)) < 60 or ":" not in summary.group(1):
            found.append(f"{name} does not say what to do")
        if not re.search(rf'alertname="?{name}\b', TESTS.read_text()):
            found.append(f"{name} is not tried")
    return found


def dashboard(program):
    """Panels that lie beside each other, with a title and queries that Prometheus can read."""
    board = json.loads(DASHBOARD.read_text())
    found, queries, taken, ids = [], [], {}, set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        if panel["id"] in ids or not panel["title"] or place["x"] + place["w"] > 24:
            found.append(f"panel {panel['id']}: its number, title or width")
        ids.add(panel["id"])
        for cell in ((x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])):
            if cell in taken:
                found.append(f"{panel['title']} lies on {taken[cell]}")
                break
            taken[cell] = panel["title"]
        queries += [target["expr"] for target in panel.get("targets", [])]
        if panel["type"] != "row" and not panel.get("targets"):
            found.append(f"{panel['title']} asks nothing")
        for target in panel.get("targets", []):
            named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            kept = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", target["expr"])))) or {"instance"}
            found += [f"{panel['title']}: its legend names {name}, which the query drops" for name in named - kept]
    filled = [query.replace("$__rate_interval", "5m").replace("$job", ".+") for query in queries]
    recorded = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(filled)]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        # JSON is YAML.
        json.dump({"groups": [{"name": "dashboard", "rules": recorded}]}, file)
        file.flush()
        found += promtool(program, "check", "rules", file.name)
    print(f"dashboard: {len(board['panels'])} panels, {len(queries)} queries")
    return found


def main(program, scrapes):
    """Exit code 0 only if nothing is wrong, and every mistake was noticed."""
    text = RULES.read_text()
    found = rules(program, text) + dashboard(program)
    for scrape in sorted(pathlib.Path(scrapes).iterdir()):
        found += [f"{scrape.name}: {wrong}" for wrong in promtool(program, "check", "metrics", text=scrape.read_text())]
    missed = []
    for right, mistaken in TYPOS:
        if right not in text:
            missed.append(f"{right} is not in the rules, so that nothing was tried")
        elif not rules(program, text.replace(right, mistaken, 1)):
            missed.append(f"{right} -> {mistaken} was not noticed")
    print(f"alerts: {text.count('- alert: ')} rules; {len(TYPOS) - len(missed)} of {len(TYPOS)} mistakes were noticed")
    print(*found, *missed, sep="\n")
    return 1 if found or missed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
