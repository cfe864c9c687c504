"""The pictures of kernels: what they show, from hand-made reports, so that nothing depends on a compiler."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from coursekit.kernel_pictures import draw_banks, draw_finding, draw_grid, draw_warp
from nogpu.cuda.inspection.profile import Array, Profile, Request
from nogpu.cuda.inspection.report import Finding, Report

SOURCE = """__global__ void k(float* out, const float* in) {
  out[i] = in[i];
  out[i] = in[i * 32];
  s[i] = in[5];
  s[2 * i] = s[33 * i];
  wide[i] = in[i + 1];
}"""
OUT, IN, LANES = 1 << 20, 1 << 21, range(32)


@pytest.fixture(autouse=True)
def close() -> Iterator[None]:
    yield
    plt.close("all")


def request(line: int, addresses: Sequence[int | None], **more: Any) -> Request:
    facts = {"instruction": 0, "block": (0, 0, 0), "warp": 0, "occurrence": 0, "size": 4, "is_write": False,
             "is_atomic": False, "space": "global", **more}  # fmt: skip
    return Request(line=line, addresses=tuple(addresses), **facts)


@pytest.fixture
def report() -> Report:
    requests = [
        request(2, [IN + 4 * lane for lane in LANES]),
        request(2, [OUT + 4 * lane for lane in LANES], instruction=1, is_write=True),
        request(3, [IN + 128 * lane for lane in LANES]),
        request(4, [IN + 20] * 32),
        request(4, [4 * lane for lane in LANES], instruction=1, space="shared", is_write=True),
        request(5, [132 * lane for lane in LANES], space="shared"),
        request(5, [8 * lane for lane in LANES], instruction=1, space="shared", is_write=True),
        request(6, [16 * lane for lane in LANES], space="shared", size=16, is_write=True),
        request(6, [IN + 4 + 4 * lane if lane < 20 else None for lane in LANES], instruction=1),
        request(7, [128 * lane for lane in LANES], space="shared"),
    ]
    arrays = [Array("out", OUT, 4000, 4, "global"), Array("in", IN, 1 << 16, 4, "global"),
              Array("s", 0, 8192, 4, "shared")]  # fmt: skip
    profile = Profile(block_size=(64, 1, 1), arrays=arrays, requests=requests)
    return Report("k", SOURCE, (64, 1, 1), (16, 1, 1), [], profile)


def patches(figure: Figure, gid: str) -> list[Any]:
    return [patch for axis in figure.axes for patch in axis.patches if patch.get_gid() == gid]


def titles(figure: Figure) -> list[str]:
    return [axis.get_title(loc="left") for axis in figure.axes]


def texts(figure: Figure, panel: int = 0) -> list[str]:
    return [text.get_text() for text in figure.axes[panel].texts]


def grey(color: Any) -> float:
    red, green, blue = to_rgb(color)
    return 0.299 * red + 0.587 * green + 0.114 * blue  # ITU-R BT.601


# --- one warp's accesses ------------------------------------------------------------------------------------------


def test_a_coalesced_line_has_a_panel_for_each_instruction(report: Report) -> None:
    figure = draw_warp(report, line=2)
    assert titles(figure) == [
        "load from in: 32 lanes, 32 elements in 4 sectors, as few as can be",
        "store to out: 32 lanes, 32 elements in 4 sectors, as few as can be",
    ]
    assert len(patches(figure, "element")) == 64
    assert texts(figure) == [str(lane) for lane in LANES]  # each element has its lane's number
    assert "Line 2: out[i] = in[i];" in figure.get_suptitle()
    assert figure.get_label().startswith("Line 2: out[i] = in[i];") and "4 sectors" in figure.get_label()


def test_one_array_can_be_picked(report: Report) -> None:
    assert titles(draw_warp(report, line=2, array="out")) == [
        "store to out: 32 lanes, 32 elements in 4 sectors, as few as can be"
    ]
    with pytest.raises(LookupError, match="line 2 does not access an array named 'tile'"):
        draw_warp(report, line=2, array="tile")


def test_a_stride_shows_rows_and_leaves_some_out(report: Report) -> None:
    figure = draw_warp(report, line=3)
    assert titles(figure) == ["load from in: 32 lanes, 32 elements in 32 sectors where 4 would do"]
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels[:3] == ["in[0]", "in[32]", "in[64]"] and labels[-2:] == ["in[960]", "in[992]"]
    assert "⋮" in texts(figure) and len(patches(figure, "element")) == 11


def test_a_broadcast_is_one_element_for_all(report: Report) -> None:
    figure = draw_warp(report, line=4)
    assert titles(figure)[0] == "load from in: 32 lanes, 1 element in 1 sector, as few as can be"
    assert texts(figure) == ["all"]
    assert titles(figure)[1] == "store to s: 32 lanes, 32 elements"  # shared memory has no sectors


def test_lanes_that_do_not_take_part_are_not_drawn(report: Report) -> None:
    figure = draw_warp(report, line=6, array="in")
    # Elements 1 to 20: bytes 4 to 83, sectors 0 to 2; 80 bytes would fit into 3.
    assert titles(figure) == ["load from in: 20 lanes, 20 elements in 3 sectors, as few as can be"]
    assert len(patches(figure, "element")) == 20


def test_what_is_asked_for_and_what_is_moved_differ_in_grey(report: Report) -> None:
    axis = draw_warp(report, line=3).axes[0]
    shades = sorted({round(grey(patch.get_facecolor()[:3]), 2) for patch in axis.patches})
    assert len(shades) == 3 and min(b - a for a, b in pairwise(shades)) > 0.1


# --- banks --------------------------------------------------------------------------------------------------------


def test_banks_of_a_two_way_conflict(report: Report) -> None:
    figure = draw_banks(report, line=5)
    assert titles(figure) == [
        "load from s: 1 wavefront, no bank conflict",
        "store to s: 2 wavefronts, a 2-way bank conflict",
    ]
    first, second = ([patch for patch in axis.patches if patch.get_gid() == "word"] for axis in figure.axes)
    assert len(first) == len(second) == 32
    assert {int(word.get_x()) for word in first} == set(range(32))  # every bank once
    assert {int(word.get_x()) for word in second} == set(range(0, 32, 2))  # half of the banks, twice
    assert max(word.get_y() for word in second) > 1


def test_banks_of_the_worst_conflict(report: Report) -> None:
    figure = draw_banks(report, line=7)
    assert titles(figure) == ["load from s: 32 wavefronts, a 32-way bank conflict"]
    assert {int(word.get_x()) for word in patches(figure, "word")} == {0}
    assert texts(figure) == [str(lane) for lane in LANES]


def test_wide_accesses_show_one_phase(report: Report) -> None:
    figure = draw_banks(report, line=6)
    assert titles(figure) == ["store to s: 1 wavefront in phase 1 of 4, no bank conflict"]
    assert texts(figure)[:8] == ["0"] * 4 + ["1"] * 4  # eight lanes with four words each


def test_a_line_without_shared_memory_says_so(report: Report) -> None:
    with pytest.raises(LookupError, match="line 3 accesses no shared memory"):
        draw_banks(report, line=3)
    with pytest.raises(LookupError, match="lines that have: 2, 3, 4, 5, 6, 7"):
        draw_banks(report, line=1)


# --- grid and findings --------------------------------------------------------------------------------------------


def test_the_grid_of_a_matrix_with_one_thread_marked() -> None:
    figure = draw_grid((3, 2), (16, 16), shape=(30, 40), mark=((2, 1), (7, 3)))
    assert titles(figure) == ["Grid: 3 × 2 blocks", "Block (2, 1, 0): 16 × 16 threads"]
    (block,) = patches(figure, "marked block")
    (thread,) = patches(figure, "marked thread")
    assert block.get_xy() == (2, 1) and thread.get_xy() == (7, 3)
    assert len(patches(figure, "block")) == 5 and len(patches(figure, "thread")) == 255
    # Block (2, 1) covers columns 32 to 47 and rows 16 to 31 of 40 columns and 30 rows: 8 × 14 threads have an element.
    assert "144 threads of this block lie outside the data" in figure.get_label()
    hatched = [patch for patch in patches(figure, "thread") if patch.get_hatch()]
    assert len(hatched) == 256 - 8 * 14


def test_a_row_of_threads_is_folded_into_warps() -> None:
    figure = draw_grid(4, 256, shape=1000)
    assert titles(figure) == ["Grid: 4 blocks", "Block (0, 0, 0): 256 threads"]
    threads = patches(figure, "thread")
    assert len(threads) == 256 and {patch.get_y() for patch in threads} == set(range(8))
    assert not patches(figure, "marked thread") and not patches(figure, "marked block")
    assert figure.get_label() == "4 blocks of 256 threads."


def test_neighbouring_warps_differ_in_grey() -> None:
    threads = patches(draw_grid(1, (16, 4)), "thread")
    first, second = grey(threads[0].get_facecolor()[:3]), grey(threads[32].get_facecolor()[:3])
    assert abs(first - second) > 0.1


def test_three_dimensional_data_is_refused() -> None:
    with pytest.raises(ValueError, match="one or two dimensions"):
        draw_grid(1, 32, shape=(2, 3, 4))


def test_an_out_of_bounds_access_beside_its_array(report: Report) -> None:
    finding = Finding(
        "memcheck", "out-of-bounds", line=2, text="  out[i] = in[i];", thread=(40, 0, 0), block=(15, 0, 0),
        array="out", index=1000, message="thread (40,0,0) writes out[1000]",
    )  # fmt: skip
    report.findings = [finding]
    figure = draw_finding(report)
    assert figure.get_suptitle() == "out-of-bounds, line 2: out[i] = in[i];"
    assert titles(figure) == ["Block (15, 0, 0): 64 threads", "out[1000]: out has 1,000 elements, 0 to 999"]
    (thread,) = patches(figure, "marked thread")
    assert thread.get_xy() == (8, 1)  # thread 40 is lane 8 of warp 1
    assert len(patches(figure, "concerned")) == 1
    assert "end of out" in texts(figure, 1) and "1000" in texts(figure, 1) and "999" in texts(figure, 1)
    assert figure.get_label() == "out-of-bounds, line 2: out[i] = in[i];. thread (40,0,0) writes out[1000]"


@pytest.mark.parametrize("index", [-1, -6, -7, -500, 999, 1000, 1005, 1006, 1008, 5000])
def test_the_element_and_the_edge_are_always_drawn(report: Report, index: int) -> None:
    finding = Finding("memcheck", "out-of-bounds", line=2, thread=(0, 0, 0), block=(0, 0, 0), array="out", index=index)
    words = texts(draw_finding(report, finding), 1)
    assert str(index) in words
    assert ("start of out" if index < 0 else "end of out") in words


def test_a_race_marks_both_threads(report: Report) -> None:
    finding = Finding("racecheck", "race", line=5, other_line=4, thread=(3, 0, 0), other_thread=(35, 0, 0),
                      block=(0, 0, 0), other_block=(0, 0, 0), array="s", index=6, message="race")  # fmt: skip
    figure = draw_finding(report, finding)
    marked = patches(figure, "marked thread")
    assert sorted(patch.get_xy() for patch in marked) == [(3, 0), (3, 1)]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "1: thread (3, 0, 0), line 5",
        "2: thread (35, 0, 0), line 4",
    ]
    assert {"1", "2"} <= set(texts(figure))  # told apart without colour


def test_a_thread_that_is_both_parties_is_marked_once(report: Report) -> None:
    finding = Finding("synccheck", "divergent-barrier", line=4, thread=(1, 0, 0), other_thread=(1, 0, 0),
                      block=(0, 0, 0), other_block=(0, 0, 0))  # fmt: skip
    figure = draw_finding(report, finding)
    assert len(patches(figure, "marked thread")) == 1
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["thread (1, 0, 0), line 4"]


def test_marks_of_a_large_block_are_numbered_beside_their_cells(report: Report) -> None:
    report.block = (32, 32, 1)
    finding = Finding("racecheck", "race", line=5, other_line=4, thread=(1, 0, 0), other_thread=(0, 1, 0),
                      block=(0, 0, 0), other_block=(0, 0, 0))  # fmt: skip
    figure = draw_finding(report, finding)
    beside = [text for text in figure.axes[0].texts if text.get_text() in ("1", "2")]
    assert [text.xy for text in beside] == [(1.5, 0.5), (0.5, 1.5)]  # where the lines end: the cells stay free


def test_a_long_line_of_code_is_quoted_whole(report: Report) -> None:
    code = "if (row < columns && column < rows) out[row * rows + column] = tile[threadIdx.x][threadIdx.y];"
    finding = Finding("racecheck", "race", line=7, text=code, thread=(1, 0, 0), block=(0, 0, 0))
    assert code in draw_finding(report, finding).get_suptitle()


def test_a_race_between_blocks_marks_the_one_thread_of_the_block_drawn(report: Report) -> None:
    finding = Finding("racecheck", "race", line=2, other_line=2, thread=(0, 0, 0), other_thread=(1, 0, 0),
                      block=(1, 0, 0), other_block=(0, 0, 0), array="out", index=0)  # fmt: skip
    figure = draw_finding(report, finding)
    assert len(patches(figure, "marked thread")) == 1 and titles(figure)[0].startswith("Block (1, 0, 0)")
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["thread (0, 0, 0), line 2", "the other: block (0, 0, 0), thread (1, 0, 0), line 2"]


def test_a_finding_without_a_thread_shows_the_launch(report: Report) -> None:
    figure = draw_finding(report, Finding("memcheck", "wrong-dtype", message="x is float64, the kernel takes float*"))
    assert titles(figure) == ["Grid: 16 blocks", "Block (0, 0, 0): 64 threads"]
    assert figure.get_label() == "wrong-dtype. x is float64, the kernel takes float*"
    only_element = Finding("memcheck", "out-of-bounds", line=2, array="out", index=1000)
    assert len(patches(draw_finding(report, only_element), "concerned")) == 1


def test_a_finding_without_an_element_has_the_block_only(report: Report) -> None:
    finding = Finding(
        "synccheck", "divergent-barrier", line=4, text="__syncthreads();", thread=(5, 0, 0), block=(2, 0, 0)
    )
    assert titles(draw_finding(report, finding)) == ["Block (2, 0, 0): 64 threads"]


def test_a_clean_report_has_no_finding_to_draw(report: Report) -> None:
    with pytest.raises(ValueError, match="no findings"):
        draw_finding(report)
