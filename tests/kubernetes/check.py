"""Checks the Kubernetes manifests: strict schemas, names that lead somewhere, what the programs know, and mistakes that must be found."""

import sys
import tempfile

import kubernetes_validate

import names
import product
import rendered
import typos

# The oldest that is looked after, and the newest that the schemas know.
VERSIONS = ("1.29", kubernetes_validate.latest_version())


def schemas(objects):
    """What a strict reader of each version refuses, in words."""
    for version in VERSIONS:
        for found in objects:
            try:
                kubernetes_validate.validate(found, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                yield f"{found['kind']} {found['metadata']['name']} ({version}): {error.message}"


def main(kubectl, primary, satellite):
    """Exit code 0 only if nothing is wrong, and every mistake was noticed."""
    programs = {"supplysync/primary": primary, "supplysync/satellite": satellite}

    def check(overlay, objects):
        found = list(schemas(objects)) + names.wrong(objects) + product.wrong(objects, programs)
        # The overlay that needs nothing besides is lived in, as well; what is wrong already need not be run.
        if overlay == "single" and not found:
            found += product.lived(objects, primary)
        return found

    with tempfile.TemporaryDirectory() as folder:
        objects = {overlay: rendered.render(kubectl, primary, overlay, folder) for overlay in rendered.OVERLAYS}
    failed = False
    for overlay, found in objects.items():
        problems = check(overlay, found)
        failed = failed or bool(problems)
        print(f"{overlay}: {len(found)} objects", *problems, sep="\n  ")
    if failed:
        return 1
    missed = list(typos.missed(objects, check))
    print(f"{len(typos.TYPOS) - len(missed)} of {len(typos.TYPOS)} mistakes were noticed", *missed, sep="\n  ")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
