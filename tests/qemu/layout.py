#!/usr/bin/env python3
"""layout.py DIR - an OCI layout of two small layers, tagged t."""
import gzip, hashlib, io, json, os, sys, tarfile


def layer(entries):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, kind, value in entries:
            info = tarfile.TarInfo(name)
            info.mode, info.mtime = 0o755, 1600000000
            if kind == "file":
                info.size = len(value)
                tar.addfile(info, io.BytesIO(value))
                continue
            info.type = {"dir": tarfile.DIRTYPE, "hard": tarfile.LNKTYPE, "soft": tarfile.SYMTYPE}[kind]
            info.linkname = value
            tar.addfile(info)
    return out.getvalue()


root = sys.argv[1]
os.makedirs(f"{root}/blobs/sha256")


def put(data, media):
    name = hashlib.sha256(data).hexdigest()
    with open(f"{root}/blobs/sha256/{name}", "wb") as file:
        file.write(data)
    return {"mediaType": f"application/vnd.oci.image.{media}", "digest": f"sha256:{name}", "size": len(data)}


tars = [
    layer([("d", "dir", ""), ("d/large", "file", b"large " * 50000), ("d/small", "file", b"small"), ("gone", "file", b"g" * 100)]),
    layer([(".wh.gone", "file", b""), ("5d", "file", b"x" * 5000), ("link", "hard", "d/large"), ("soft", "soft", "d/small")]),
]
ids = ["sha256:" + hashlib.sha256(tar).hexdigest() for tar in tars]
config = {"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {"type": "layers", "diff_ids": ids}}
manifest = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": put(json.dumps(config).encode(), "config.v1+json"),
    "layers": [put(gzip.compress(tar), "layer.v1.tar+gzip") for tar in tars],
}
entry = put(json.dumps(manifest).encode(), "manifest.v1+json")
entry["annotations"] = {"org.opencontainers.image.ref.name": "t"}
with open(f"{root}/index.json", "w") as file:
    json.dump({"schemaVersion": 2, "manifests": [entry]}, file)
with open(f"{root}/oci-layout", "w") as file:
    file.write('{"imageLayoutVersion":"1.0.0"}')
