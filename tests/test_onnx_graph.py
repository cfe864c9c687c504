"""The drawing of ONNX graphs that needs no browser, and the Netron page that keeps to itself."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import onnx
import pytest
from matplotlib.figure import Figure

from coursekit import netron_view, onnx_graph

MODEL = onnx.parser.parse_model("""<ir_version: 10, opset_import: ["": 20]>
    agraph (float[batch, 4] x, bool switch) => (float[batch, 4] y)
    <float[4] weight = {1, 2, 3, 4}, int64[2] target = {-1, 4}> {
        shape = Constant <value = int64[1] {4}> ()
        scaled = Mul (x, weight)
        flat = Reshape (scaled, target)
        chosen = If (switch) <
            then_branch = yes () => (float[batch, 4] a) { a = Neg (flat) },
            else_branch = no () => (float[batch, 4] b) { b = Identity (x) }>
        y = Add (chosen, x)
    }""")


@pytest.fixture(autouse=True)
def _closed_figures() -> Iterator[None]:
    yield
    plt.close("all")


def words(figure: Figure) -> list[str]:
    return [text.get_text() for axis in figure.axes for text in axis.texts if text.get_text()]


def test_every_node_input_and_output_has_a_box_and_constants_have_none() -> None:
    figure = onnx_graph.draw(MODEL)
    said = words(figure)
    for name in ("x", "switch", "Mul", "Reshape", "If", "Add", "y"):
        assert said.count(name) == 1, name
    assert "Constant" not in said
    assert "Neg | Identity" in said, "the graphs inside an If are named in its box"
    assert "[-1, 4]" in said and "4" in said, "few whole numbers are written out, other weights by their shape"


def test_boxes_do_not_lie_on_one_another_and_data_flows_down() -> None:
    places = onnx_graph._places(MODEL.graph)
    made = {name: place for name, place in places.items() if name != "shape"}
    assert len(set(made.values())) == len(made)
    for node in MODEL.graph.node:
        for name in onnx_graph._reads(node):
            if name in places:
                assert places[name][1] < places[node.output[0]][1], f"{name} is drawn above {node.output[0]}"


def test_groups_label_and_colour_nodes_alike_in_both_models() -> None:
    for node, name in zip(MODEL.graph.node, "abcde", strict=True):
        node.name = name
    labels = dict.fromkeys("bc", "first layer")
    figure = onnx_graph.draw(MODEL, MODEL, titles=["before", "after"], group=labels)
    assert words(figure).count("first layer") == 4
    assert [axis.get_title(loc="left") for axis in figure.axes] == ["before", "after"]


def test_the_drawing_saves_as_svg(tmp_path: Path) -> None:
    onnx.save(MODEL, tmp_path / "model.onnx")
    onnx_graph.draw(tmp_path / "model.onnx", shapes=False).savefig(tmp_path / "graph.svg")
    assert "<svg" in (tmp_path / "graph.svg").read_text()


def test_netrons_page_neither_reports_nor_asks_nor_ages(tmp_path: Path) -> None:
    onnx.save(MODEL, tmp_path / "model.onnx")
    address = netron_view.serve(tmp_path / "model.onnx")
    with urllib.request.urlopen(address) as answer:
        page = answer.read().decode()
    assert '<meta name="version" content="0.0.0">' in page, "a development version is what switches reporting off"
    assert '<meta name="date"' not in page
    assert "connect-src 'self'" in page
    assert page.index(netron_view.OWN_COOKIES) < page.index("Content-Security-Policy")
    with urllib.request.urlopen(f"{address}/browser.js") as answer:
        script = answer.read().decode()
    # What the page is changed for; if netron changes it, look again whether the page still keeps to itself.
    for part in ("_getCookie('consent')", "packaged: this._meta.version && this._meta.version[0] !== '0.0.0'"):
        assert part in script, part
