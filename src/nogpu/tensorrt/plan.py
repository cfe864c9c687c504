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
NVIDIAS = (b"ftrt", b"ptrt")  # how plans of NVIDIA's TensorRT begin
FORMAT = 1
_HEAD = struct.Struct("<IIQ32s32s")
HEAD_BYTES = _HEAD.size
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


def size_of(head: bytes) -> int:
    """Return the size that a plan's first HEAD_BYTES tell; what is no plan is taken to be no longer than that."""
    is_plan = len(head) == HEAD_BYTES and int.from_bytes(head[:4], "little") == MAGIC
    return int(_HEAD.unpack(head)[2]) if is_plan else len(head)


def unpack(plan: bytes) -> dict[str, bytes]:
    """Return the sections of a plan. Raises Failure for anything that is not a whole plan of this version."""
    if not plan:
        raise Failure(_WHERE, 3, "Cannot deserialize with an empty memory buffer.")
    magic = int.from_bytes(plan[:4], "little")
    if magic != MAGIC:
        text = (
            "Serialization assertion header.magicTag == kEXPECTED_MAGIC_TAG failed. Trying to load an engine created "
            f"with incompatible serialization version ({magic} != {MAGIC}). Check that the engine was not created "
            "using safety runtime, same OS was used and version compatibility parameters were set accordingly and that "
            "it is a TRT engine file"
        )
        if plan[:4] in NVIDIAS:
            text += ". It was built by NVIDIA's TensorRT for a GPU: to run it on the CPU stand-in, build it here again"
        raise Failure(_WHERE, 1, text)
    if len(plan) < _HEAD.size:
        raise Failure(_WHERE, 1, "Serialization assertion plan.header.size == blobSize failed.")
    _, form, size, words, digest = _HEAD.unpack_from(plan)
    if size != len(plan):
        text = f"Serialization assertion plan.header.size == blobSize failed. {size} bytes expected, {len(plan)} given"
        raise Failure(_WHERE, 1, text)
    made_by = words.rstrip(b"\0").decode(errors="replace")
    if form != FORMAT or made_by != version.VERSION:
        text = (
            "The engine plan file is not compatible with this version of TensorRT, expecting library version "
            f"{version.VERSION} got {made_by}, please rebuild."
        )
        if form != FORMAT:
            text += f" Version tag does not match. Note: Current Version: {FORMAT}, Serialized Engine Version: {form}"
        raise Failure(_WHERE, 6, text)
    body = memoryview(plan)[_HEAD.size :]
    if hashlib.sha256(body).digest() != digest:
        raise Failure(
            _WHERE, 1, "Serialization assertion plan.checksum == computeChecksum(blob) failed. The plan is damaged"
        )
    length = int.from_bytes(body[:4], "little")
    index = json.loads(bytes(body[4 : 4 + length]))
    start = 4 + length
    return {name: bytes(body[start + at : start + at + count]) for name, (at, count) in index.items()}
