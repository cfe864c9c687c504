"""The rungs of the six ladders as data: which kernel, which variant of it, which block and grid. ladders.py times them.

A rung that has variants (block size, loads in flight, tile) is timed in each of them; the fastest stands for it in the
tables. So the file says what was tried, not what is best: that is the GPU's to tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

MATMUL_DEFINES = ("BM", "BN", "BK", "WM", "WN", "TM", "TN", "BLOCKS")
MATMUL_TILES = (
    (128, 128, 8, 32, 64, 8, 8, 2), (128, 128, 8, 64, 32, 8, 8, 2), (128, 128, 16, 32, 64, 8, 8, 2),
    (128, 128, 16, 64, 32, 8, 8, 2), (128, 128, 8, 64, 64, 8, 16, 2), (128, 128, 16, 64, 64, 8, 16, 2),
    (128, 128, 8, 64, 64, 16, 8, 2), (128, 256, 8, 64, 64, 8, 16, 1), (128, 256, 8, 64, 64, 16, 8, 1),
    (256, 128, 8, 64, 64, 8, 16, 1), (256, 128, 8, 64, 64, 16, 8, 1), (256, 128, 8, 128, 32, 16, 8, 1),
    (128, 64, 16, 32, 32, 8, 4, 3), (64, 64, 16, 32, 32, 8, 4, 4),
)  # fmt: skip


@dataclass(frozen=True)
class Rung:
    """One kernel launch of a ladder: `name` is the rung, `variant` tells one of its launches from the others."""

    name: str
    file: str
    kernel: str
    block: tuple[int, ...]
    grid: tuple[int, ...]
    defines: tuple[tuple[str, int], ...] = ()
    variant: str = ""

    @property
    def options(self) -> list[str]:
        """Return the compiler's options that choose the variant."""
        return [f"-D{name}={value}" for name, value in self.defines]


def ceiling(a: int, b: int) -> int:
    """Return a / b, rounded up."""
    return -(-a // b)


def copy(n: int, processors: int) -> list[Rung]:
    """Copies of n floats."""
    rungs = [Rung("a float a thread", "copy.cu", "copy_scalar", (256,), (ceiling(n, 256),))]
    for items, block, streaming in product((1, 2, 4, 8), (128, 256, 512), (0, 1)):
        defines = (("ITEMS", items), *((("STREAMING", 1),) if streaming else ()))
        said = f"{items} in flight, block {block}{', streaming' if streaming else ''}"
        blocks = ceiling(n // 4, items * block)
        rungs.append(Rung("float4", "copy.cu", "copy_float4", (block,), (blocks,), defines, said))
        if items >= 4:
            resident = min(processors * 2048 // block, blocks)
            rungs.append(Rung("float4, resident", "copy.cu", "copy_resident", (block,), (resident,), defines, said))
    return rungs


def transpose(rows: int, columns: int, processors: int) -> list[Rung]:
    """Transposes of a matrix of rows × columns floats."""
    grid = (columns // 32, rows // 32)
    rungs = [
        Rung(name, "transpose.cu", kernel, (32, 8), grid)
        for name, kernel in (("naive", "transpose_naive"), ("tile", "transpose_tiled"), ("padded", "transpose_padded"))
    ]
    tiles = ((32, 32, 128), (32, 64, 128), (64, 32, 128), (64, 64, 128), (64, 64, 256), (64, 128, 256), (128, 64, 256))
    for (tall, wide, threads), group in product(tiles, (1, 4, 16)):
        defines = (("ROWS", tall), ("COLUMNS", wide), ("THREADS", threads), ("GROUP", group))
        if rows // tall % group == 0:
            said = f"tile {tall} × {wide}, block {threads}, bands of {group}"
            blocks = (rows // tall) * (columns // wide)
            launch = ("transpose.cu", "transpose_swizzled", (threads,), (blocks,), defines, said)
            rungs.append(Rung("float4, swizzled", *launch))
    return rungs


def reduction(n: int, processors: int) -> list[Rung]:
    """Sums of n floats."""
    blocks = (ceiling(n, 256),)
    rungs = [
        Rung(name, "reduction.cu", kernel, (256,), blocks)
        for name, kernel in (("an atomic each", "sum_atomic"), ("tree", "sum_tree"), ("shuffle", "sum_shuffle"))
    ]
    for items, threads, waves in product((2, 4, 8), (256, 512), (1, 2, 4)):
        resident = min(processors * 2048 // threads * waves, ceiling(n // 4, threads * items))
        defines = (("ITEMS", items), ("THREADS", threads))
        said = f"{items} in flight, block {threads}, {waves} × the resident blocks"
        rungs.append(Rung("float4", "reduction.cu", "sum_float4", (threads,), (resident,), defines, said))
    return rungs


def softmax(rows: int, columns: int, processors: int) -> list[Rung]:
    """Softmax of each row of rows × columns floats."""
    rungs = [
        Rung("a thread a row", "softmax.cu", "softmax_thread", (128,), (ceiling(rows, 128),)),
        Rung("a warp a row, online", "softmax.cu", "softmax_warp", (32,), (rows,)),
        Rung("a block a row", "softmax.cu", "softmax_block", (256,), (rows,)),
    ]
    for threads in (128, 256, 512):
        items = max(1, ceiling(columns, 4 * threads))
        defines, said = (("ITEMS", items), ("THREADS", threads)), f"{items} in flight, block {threads}"
        rungs.append(Rung("row in registers", "softmax.cu", "softmax_registers", (threads,), (rows,), defines, said))
    return rungs


def histogram(n: int, processors: int) -> list[Rung]:
    """Histograms of n bytes."""
    resident = (min(processors * 8, ceiling(n, 256)),)
    rungs = [
        Rung("global atomics", "histogram.cu", "histogram_global", (256,), resident),
        Rung("bins a block", "histogram.cu", "histogram_private", (256,), resident),
    ]
    for name, kernel, fit in (("16 bytes a load", "histogram_wide", 8), ("bins a lane", "histogram_lanes", 6)):
        for items, block in product((1, 2, 4), (256, 512)):
            blocks = (min(processors * min(fit, 2048 // block), ceiling(n // 16, block * items)),)
            said = f"{items} in flight, block {block}"
            rungs.append(Rung(name, "histogram.cu", kernel, (block,), blocks, (("ITEMS", items),), said))
    return rungs


def matmul(n: int, processors: int) -> list[Rung]:
    """Products of two n × n matrices."""
    lesson = (
        ("neighbours in a column", "product_across", 16), ("coalesced", "product_coalesced", 16),
        ("tiles in shared memory", "product_shared", 16), ("4 × 4 in registers", "product_blocked", 64),
    )  # fmt: skip
    rungs = [Rung(name, "matmul_lesson.cu", kernel, (16, 16), (n // tile,) * 2) for name, kernel, tile in lesson]
    for tile in MATMUL_TILES:
        bm, bn, _, wm, wn, tm, tn, _ = tile
        if n % bm == n % bn == 0:
            defines = tuple(zip(MATMUL_DEFINES, tile, strict=True))
            said = f"block {bm} × {bn} × {tile[2]}, warp {wm} × {wn}, thread {tm} × {tn}"
            threads = bm // wm * (bn // wn) * 32
            grid = (n // bn, n // bm)
            rungs.append(Rung("warp tiles, prefetched", "matmul.cu", "matmul", (threads,), grid, defines, said))
    return rungs
