#!/usr/bin/env python3
"""Packs the `slipway` command for a release: an archive, a container image, and their checksums.

    cargo build --profile local --locked --bin slipway
    scripts/package.py --program target/local/slipway --target x86_64-unknown-linux-gnu

Writes into `--out` (target/package):

    slipway-VERSION-TARGET.tar.gz   the program, its man pages and completions, the licence
    slipway-VERSION-TARGET.oci.tar  an OCI image layout with the program and nothing else that runs
    SHA256SUMS                      the checksums of both

Needs no container daemon: an image layout is JSON and tar (https://github.com/opencontainers/image-spec/blob/main/image-layout.md).
Both are the same bytes for the same program: files are sorted, belong to root, and have the time of SOURCE_DATE_EPOCH, by default
that of the commit. The program must run here, because it writes its man pages itself. `.ci/package` checks the result.
"""

import argparse
import gzip
import hashlib
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHELLS = {"bash": "slipway.bash", "zsh": "_slipway", "fish": "slipway.fish"}
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# Where Debian keeps the certificates that the program trusts, beside those that it brings along.
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PROGRAM = "usr/bin/slipway"
# The user of the image has no name on the host.
USER = 65532
# The folders of the image that its user may write to, with their modes and owners.
WRITABLE = {"tmp": (0o1777, 0), "work": (0o755, USER)}

Files = dict[str, tuple[bytes, int]]
Folders = dict[str, tuple[int, int]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", type=Path, required=True, help="the command, as cargo built it")
    parser.add_argument("--target", required=True, help="the target triple that it was built for")
    parser.add_argument("--out", type=Path, default=ROOT / "target" / "package", help="folder of the result")
    arguments = parser.parse_args()
    program: Path = arguments.program.resolve()
    architecture = ARCHITECTURES.get(arguments.target.split("-")[0])
    if architecture is None:
        sys.exit(f"failed to package: {arguments.target} has none of the processors {', '.join(ARCHITECTURES)}")
    version = said_by(program, "--version").decode().split()[1]
    name = f"slipway-{version}-{arguments.target}"
    epoch = commit_time()

    arguments.out.mkdir(parents=True, exist_ok=True)
    archive = arguments.out / f"{name}.tar.gz"
    archive.write_bytes(compressed(tar({f"{name}/{path}": file for path, file in contents(program).items()}, epoch)))
    image = arguments.out / f"{name}.oci.tar"
    image.write_bytes(tar(image_layout(program, version, architecture, epoch), epoch))
    sums = "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in (archive, image))
    (arguments.out / "SHA256SUMS").write_text(sums)
    print(sums, end="")


def said_by(program: Path, *arguments: str) -> bytes:
    return subprocess.run([program, *arguments], check=True, stdout=subprocess.PIPE).stdout


def commit_time() -> int:
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    shown = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return int(shown.stdout)


def contents(program: Path) -> Files:
    """The files of the archive: their paths, contents and modes."""
    files: Files = {"slipway": (program.read_bytes(), 0o755)}
    files["LICENSE"] = ((ROOT / "LICENSE").read_bytes(), 0o644)
    for shell, file in SHELLS.items():
        files[f"completions/{file}"] = (said_by(program, "completion", shell), 0o644)
    with tempfile.TemporaryDirectory() as folder:
        said_by(program, "man", folder)
        for page in Path(folder).iterdir():
            files[f"man/man1/{page.name}"] = (page.read_bytes(), 0o644)
    return files


def tar(files: Files, epoch: int, writable: Folders | None = None) -> bytes:
    """An archive of these files, of the folders that they are in, and of further folders."""
    writable = writable or {}
    folders = {str(folder) for path in files for folder in Path(path).parents} - {"."} | writable.keys()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(folders | files.keys()):
            entry = tarfile.TarInfo(path)
            entry.mtime = epoch
            if path in files:
                content, entry.mode = files[path]
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
            else:
                entry.type = tarfile.DIRTYPE
                entry.mode, entry.uid = writable.get(path, (0o755, 0))
                entry.gid = entry.uid
                archive.addfile(entry)
    return buffer.getvalue()


def compressed(content: bytes) -> bytes:
    return gzip.compress(content, compresslevel=6, mtime=0)


def libraries(program: Path) -> list[Path]:
    """The shared libraries of the program, and the loader, where they are on this machine; none if it is static."""
    listed = subprocess.run(["ldd", program], check=False, capture_output=True, text=True)
    missing = re.findall(r"(\S+) => not found", listed.stdout)
    if missing:
        sys.exit(f"failed to package {program}: this machine has no {', '.join(missing)}")
    return [Path(path) for path in re.findall(r"(?:^|\s)(/\S+) \(0x", listed.stdout)]


def root_file_system(program: Path) -> Files:
    """What the image has: the program, its libraries, certificates, and a user."""
    files: Files = {PROGRAM: (program.read_bytes(), 0o755)}
    for library in libraries(program):
        files[str(library).lstrip("/")] = (library.read_bytes(), 0o755)
    if CERTIFICATES.exists():
        files[str(CERTIFICATES).lstrip("/")] = (CERTIFICATES.read_bytes(), 0o644)
    files["etc/passwd"] = (f"slipway:x:{USER}:{USER}::/work:/sbin/nologin\n".encode(), 0o644)
    files["etc/nsswitch.conf"] = (b"hosts: files dns\n", 0o644)
    files["usr/share/doc/slipway/LICENSE"] = ((ROOT / "LICENSE").read_bytes(), 0o644)
    return files


def image_layout(program: Path, version: str, architecture: str, epoch: int) -> Files:
    """The files of an OCI image layout with one image, whose tag is the version."""
    layer = tar(root_file_system(program), epoch, WRITABLE)
    files: Files = {}

    def blob(content: bytes, kind: str) -> dict[str, object]:
        digest = hashlib.sha256(content).hexdigest()
        files[f"blobs/sha256/{digest}"] = (content, 0o644)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    def document(value: object, kind: str) -> dict[str, object]:
        return blob(json.dumps(value, sort_keys=True).encode(), kind)

    created = datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    labels = {
        "org.opencontainers.image.title": "slipway",
        "org.opencontainers.image.version": version,
        "org.opencontainers.image.licenses": licence(),
    }
    layers = [blob(compressed(layer), "layer.v1.tar+gzip")]
    config = document(
        {
            "created": created,
            "architecture": architecture,
            "os": "linux",
            "config": {
                "User": f"{USER}:{USER}",
                "Entrypoint": [f"/{PROGRAM}"],
                "Env": ["PATH=/usr/bin", "HOME=/work"],
                "WorkingDir": "/work",
                "Labels": labels,
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
            "history": [{"created": created, "created_by": "scripts/package.py"}],
        },
        "config.v1+json",
    )
    kind = "application/vnd.oci.image.manifest.v1+json"
    manifest = document(
        {"schemaVersion": 2, "mediaType": kind, "config": config, "layers": layers, "annotations": labels}, "manifest.v1+json"
    )
    tagged = {
        **manifest,
        "platform": {"architecture": architecture, "os": "linux"},
        "annotations": {"org.opencontainers.image.ref.name": version},
    }
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [tagged]}
    files["oci-layout"] = (b'{"imageLayoutVersion":"1.0.0"}', 0o644)
    files["index.json"] = (json.dumps(index, sort_keys=True).encode(), 0o644)
    return files


def licence() -> str:
    """The SPDX expression of the workspace."""
    found = re.search(r'^license = "([^"]+)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    return found[1] if found else "NOASSERTION"


if __name__ == "__main__":
    main()
