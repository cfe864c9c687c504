"""The map of the ecosystem: every row complete and sourced, every tool of the syllabus there, nothing unescaped."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import date
from html.parser import HTMLParser
from urllib.parse import urlparse

import pytest

from coursekit import ecosystem
from coursekit.ecosystem import Ecosystem, Tool

# What the course's syllabus promises for lesson 00, as a learner would type it into the search box.
PROMISED = """
    PyTorch, TensorFlow, Keras, JAX, MLX, Lightning, fastai, Hugging Face, TensorRT, TensorRT-LLM, vLLM, ONNX Runtime,
    Triton Inference Server, TorchScript, torch.compile, Detectron2, DeepStream, CUDA, cuDNN, cuBLAS, CUTLASS, NVCC,
    Triton language, ROCm, OpenCL, Core ML, ExecuTorch, PyTorch Mobile, LiteRT, TensorFlow Lite, Jetson, XLA, LLVM,
    MLIR, Netron, Weights & Biases, Nsight, Amazon, Google Cloud, Azure
"""
GROUPS = {
    "Frameworks",
    "Inference and serving",
    "GPU programming",
    "Phones and edge",
    "Compilers",
    "Tools",
    "Clouds",
}
NASTY = "<script>alert('x')</script> & \"quoted\""


class Table(HTMLParser):
    """Collects the cells of the body's rows, the tags seen and each attribute's values."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.rows: list[dict[str, str | None]] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        facts = dict(attrs)
        if "data-state" in facts:
            self.rows.append(facts)
        if tag == "a":
            self.links.append(facts.get("href") or "")

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def tools() -> Ecosystem:
    return ecosystem.load()


def test_every_row_is_complete(tools: Ecosystem) -> None:
    for tool in tools.tools:
        for field in fields(Tool):
            value = getattr(tool, field.name)
            if field.name not in ("successor", "sources"):
                assert isinstance(value, str) and value == value.strip() != "", f"{tool.name}: {field.name}"
        # These are set in the middle of a sentence or followed by a full stop.
        assert not tool.purpose.endswith("."), tool.name
        assert tool.group in GROUPS, tool.name
        assert tool.state in tools.states, tool.name


def test_names_are_unique(tools: Ecosystem) -> None:
    names = [tool.name.lower() for tool in tools.tools]
    assert len(names) == len(set(names))


def test_sources_are_addresses_of_public_pages(tools: Ecosystem) -> None:
    for tool in tools.tools:
        assert tool.sources and len(tool.sources) == len(set(tool.sources)), tool.name
        for source in tool.sources:
            parts = urlparse(source)
            assert parts.scheme == "https" and re.fullmatch(r"[\w.-]+\.[a-z]{2,}", parts.netloc), source
            assert not re.search(r"\s", source), source


def test_exactly_the_retired_ones_speak_of_a_successor(tools: Ecosystem) -> None:
    for tool in tools.tools:
        assert bool(tool.successor) == (tool.state == "retired"), tool.name
    by_name = {tool.name: tool for tool in tools.tools}
    assert "ExecuTorch" in by_name["PyTorch Mobile"].successor
    assert "LiteRT" in by_name["TensorFlow Lite"].successor
    assert "torch.export" in by_name["TorchScript"].successor


@pytest.mark.parametrize("wanted", [name.strip() for name in PROMISED.split(",")])
def test_every_promised_tool_is_there(tools: Ecosystem, wanted: str) -> None:
    pattern = re.compile(rf"(?<![\w-]){re.escape(wanted)}(?![\w-])", re.IGNORECASE)
    assert any(pattern.search(tool.name) for tool in tools.tools)


def test_the_day_of_the_check_is_a_day(tools: Ecosystem) -> None:
    assert date(2026, 1, 1) <= date.fromisoformat(tools.checked)


def test_find_wants_all_words_and_the_group_and_the_state(tools: Ecosystem) -> None:
    assert tools.find().tools == tools.tools
    assert {tool.name for tool in tools.find("TRITON language").tools} >= {"Triton language"}
    retired = tools.find(state="retired")
    assert retired.tools and all(tool.state == "retired" for tool in retired.tools)
    both = tools.find(state="retired", group="Frameworks")
    assert 0 < len(both.tools) < len(retired.tools)
    assert tools.find("no such tool anywhere").tools == ()


def test_the_html_table_has_every_tool_once(tools: Ecosystem) -> None:
    table = Table(tools._repr_html_())
    assert len(table.rows) == len(tools.tools)
    assert table.links == [source for tool in tools.tools for source in tool.sources]
    assert [(row["data-group"], row["data-state"]) for row in table.rows] == [
        (tool.group, tool.state) for tool in tools.tools
    ]
    for tool in tools.tools:
        for value in (tool.name, tool.purpose, tool.maker, tool.choose, tool.meets, tool.licence, tool.note):
            assert value in table.text


def test_html_escapes_everything(tools: Ecosystem) -> None:
    names = [field.name for field in fields(Tool) if field.name != "sources"]
    bad = replace(tools.tools[0], **{name: NASTY for name in names}, sources=['https://x.org/"><script>'])
    markup = Ecosystem(NASTY, NASTY, {NASTY: NASTY}, (bad,))._repr_html_()
    table = Table(markup)
    assert "script" not in table.tags and "<script" not in markup
    assert table.rows == [{"data-group": NASTY, "data-state": NASTY}]
    assert table.links == ['https://x.org/"><script>']
    assert table.text.count(NASTY) >= len(names)


def test_nothing_is_loaded_from_anywhere(tools: Ecosystem) -> None:
    assert not {"link", "img", "iframe", "script"} & set(Table(tools._repr_html_()).tags)


def test_plain_text_names_every_tool_and_successor(tools: Ecosystem) -> None:
    lines = repr(tools).splitlines()
    assert lines[0] == f"{len(tools.tools)} tools, checked on {tools.checked}"
    for line, tool in zip(lines[1:], tools.tools, strict=True):
        assert line.startswith(f"{tool.name} (") and tool.state in line
        assert not tool.successor or tool.successor in line
