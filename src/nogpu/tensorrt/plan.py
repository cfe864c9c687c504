"""The plan: an engine as bytes.

    magic (4) · version tag (4) · size of it all (8) · version text (32) · SHA-256 of the rest (32) ·
    size of the index (4) · index (JSON: name -> offset, size, in bytes from the end of the index) · sections

`pack` makes one, `unpack` reads one or says in NVIDIA's words why not. Bytes from anywhere may come in: nothing is
believed before the checksum, and nothing in a plan is executed.
"""

from __future__ import annotations

import hashlib
import json
import struct

from nogpu.tensorrt import version
from nogpu.tensorrt.reporting import Failure

MAGIC = int.from_bytes(b"ngpt", "little")
FORMAT = 1
_HEAD = struct.Struct("<IIQ32s32s")
_WHERE = "IRuntime::deserializeCudaEngine"


def pack(sections: dict[str, bytes]) -> bytes:
    """Return the plan of these sections."""
    index, offset = {}, 0
    for name, content in sections.items():
        index[name] = [offset, len(content)]
        offset += len(content)
    text = json.dumps(index).encode()
    body = struct.pack("<I", len(text)) + text + b"".join(sections.values())
    words = version.VERSION.encode().ljust(32, b"\0")
    return _HEAD.pack(MAGIC, FORMAT, _HEAD.size + len(body), words, hashlib.sha256(body).digest()) + body


def unpack(plan: bytes) -> dict[str, bytes]:
    """Return the sections of a plan. Raises Failure for anything that is not a whole plan of this version."""
    if not plan:
        raise Failure(_WHERE, 3, "Cannot deserialize with an empty memory buffer.")
    magic = int.from_bytes(plan[:4], "little")
    if magic != MAGIC:
        raise Failure(
            _WHERE,
            1,
            "Serialization assertion header.magicTag == kEXPECTED_MAGIC_TAG failed. Trying to load an engine "
            "created with "
            f"incompatible serialization version ({magic} != {MAGIC}). Check that the engine was not created "
            "using safety "
            "runtime, same OS was used and version compatibility parameters were set accordingly and that it is a TRT "
            "engine file",
        )
    if len(plan) < _HEAD.size:
        raise Failure(_WHERE, 1, "Serialization assertion plan.header.size == blobSize failed.")
    _, form, size, words, digest = _HEAD.unpack_from(plan)
    if size != len(plan):
        text = f"Serialization assertion plan.header.size == blobSize failed. {size} bytes expected, {len(plan)} given"
        raise Failure(_WHERE, 1, text)
    made_by = words.rstrip(b"\0").decode(errors="replace")
    if form != FORMAT or made_by != version.VERSION:
        raise Failure(
            _WHERE,
            6,
            "The engine plan file is not compatible with this version of TensorRT, expecting library version "
            f"{version.VERSION} got {made_by}, please rebuild. Version tag does not match. Note: Current "
            f"Version: {FORMAT}, "
            f"Serialized Engine Version: {form}",
        )
    body = memoryview(plan)[_HEAD.size :]
    if hashlib.sha256(body).digest() != digest:
        raise Failure(
            _WHERE, 1, "Serialization assertion plan.checksum == computeChecksum(blob) failed. The plan is damaged"
        )
    length = int.from_bytes(body[:4], "little")
    index = json.loads(bytes(body[4 : 4 + length]))
    start = 4 + length
    return {name: bytes(body[start + at : start + at + count]) for name, (at, count) in index.items()}
