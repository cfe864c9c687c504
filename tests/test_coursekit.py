"""The rooms of coursekit: data, models, timing, ledger, plots, Netron, the torchvision fix."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from coursekit import data, ledger, models, netron_view, paths, plots, timing
from coursekit.torchvision_operators import non_maximum_suppression


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty course folder with the real data, so that build/ is the test's own."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "data").symlink_to(paths.root() / "data")
    monkeypatch.setenv("COURSE_ROOT", str(tmp_path))
    return tmp_path


# data


def test_digits_are_split_once_for_all_with_equal_shares() -> None:
    digits = data.load_digits()
    assert [len(split) for split in (digits.train, digits.validation, digits.test)] == [1077, 360, 360]
    for split in (digits.train, digits.validation, digits.test):
        assert split.images.shape == (len(split), 1, 8, 8) and split.images.dtype == torch.float32
        assert split.labels.dtype == torch.int64 and split.images.min() >= 0 and split.images.max() == 1
        share = torch.bincount(split.labels, minlength=10) / len(split)
        assert (share - 0.1).abs().max() < 0.02


def test_digits_are_those_of_scikit_learn() -> None:
    sklearn = pytest.importorskip("sklearn.datasets", reason="scikit-learn's copy is the independent one")
    theirs = sklearn.load_digits()
    with np.load(paths.data_dir() / "digits.npz") as ours:
        assert (ours["images"] == theirs.images).all() and (ours["labels"] == theirs.target).all()


def test_no_folder_of_a_course_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COURSE_ROOT", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="no course found"):
        paths.root()


# models


def test_digitnet_trains_to_98_percent_is_kept_and_found_again(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = models.trained_digitnet()
    assert models.accuracy(first, data.load_digits().test) >= 0.98
    assert "Training DigitNet first" in capsys.readouterr().out
    second = models.trained_digitnet()
    assert capsys.readouterr().out == ""
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )

    (course / "build" / models.CHECKPOINT).write_bytes(b"half a file")
    models.trained_digitnet()
    assert "cannot be used" in capsys.readouterr().out


def test_accuracy_leaves_the_mode_and_the_statistics_alone() -> None:
    model = models.DigitNet().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    models.accuracy(model, data.load_digits().test)
    assert model.training and all(torch.equal(before[name], value) for name, value in model.state_dict().items())


# timing


def test_measure_counts_warm_up_apart_and_gives_seconds() -> None:
    calls: list[float] = []

    def work() -> None:
        calls.append(time.perf_counter())
        time.sleep(0.002)

    result = timing.measure(work, "sleep", seconds=0, warmup=2, least=5, items=3)
    assert len(calls) == 7 and len(result.samples) == 5
    assert result.median >= 0.002 and result.p95 >= result.median
    assert result.throughput == pytest.approx(3 / result.median)


def test_timings_show_each_beside_the_first() -> None:
    table = timing.Timings([timing.Timing("one", (1e-3,)), timing.Timing("<two>", (2e-3,))])
    assert "2.00×" in repr(table) and "&lt;two&gt;" in table._repr_html_()
    assert repr(timing.Timings())


# ledger


def test_ledger_compares_each_hop_with_the_one_before_in_lesson_order(course: Path) -> None:
    labels = np.array([0, 1, 2, 2])
    right = np.eye(3)[labels]
    off = right.copy()
    off[0] = [0, 0.5, 0]
    ledger.record("onnx", lesson=5, logits=off, labels=labels, device="here")
    ledger.record("torch", lesson=3, logits=right, labels=labels, size=1000, device="here")
    ledger.record("torch", lesson=3, logits=right, labels=labels, size=2000, device="here")
    rows = ledger.load()
    assert [row.stage for row in rows] == ["torch", "onnx"]
    assert [row.accuracy for row in rows] == [1.0, 0.75]
    assert ledger.hop(None, rows[0]) is None
    assert ledger.hop(rows[0], rows[1]) == ledger.Hop(flipped=1, images=4, error=1.0)
    assert "1 of 4" in repr(ledger.show()) and "<table>" in ledger.show()._repr_html_()
    ledger.show().plot()
    plt.close("all")


def test_ledger_compares_within_one_model_only(course: Path) -> None:
    ledger.record("torch", lesson=3, logits=np.eye(3), device="here")
    ledger.record("torch", lesson=4, logits=np.eye(3), model="ResNet-18", device="here")
    first, second = ledger.load()
    assert ledger.hop(first, second) is None


def test_damaged_or_missing_ledger_is_an_empty_one(course: Path) -> None:
    assert "empty" in repr(ledger.show())
    (paths.build_dir() / ledger.FILE).write_text("[{")
    assert ledger.load() == []


def test_ledger_refuses_logits_of_another_shape(course: Path) -> None:
    with pytest.raises(ValueError, match=r"\(images, classes\)"):
        ledger.record("x", lesson=1, logits=np.zeros(3))


# plots


def test_pictures_refuse_other_shapes_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="images of shape"):
        plots.image_grid(np.zeros(3))
    with pytest.raises(ValueError, match="a matrix"):
        plots.annotated_matrix(np.zeros((2, 2, 2)))
    with pytest.raises(ValueError, match="of one shape"):
        plots.difference(np.zeros(3), np.zeros(4))


def test_a_difference_in_one_dimension_is_drawn_over_the_index_and_in_two_as_maps() -> None:
    line = plots.difference(np.array([1.0, np.nan, 3.0]), np.arange(3.0))
    assert [line.axes[0].get_xlabel(), *line.axes[0].get_legend_handles_labels()[1]] == [
        "index",
        "expected",
        "yours",
        "yours: NaN or infinite",
    ]
    maps = plots.difference(np.array([[1.0, np.inf], [3.0, 4.0]]), np.zeros((2, 2)))
    assert [axis.get_xlabel() for axis in maps.axes[:3]] == ["column"] * 3
    assert maps.axes[0].images[0].get_clim() == (0, 4)  # of the finite values: an infinite one makes no scale
    plt.close("all")


def test_image_grid_draws_each_image_once() -> None:
    figure = plots.image_grid(np.zeros((13, 1, 8, 8)), torch.arange(13), columns=5)
    assert figure.axes[3].get_title() == "3"
    assert sum(len(axis.images) for axis in figure.axes) == 13
    plt.close("all")


def test_image_grid_draws_no_images_and_refuses_colour() -> None:
    plots.image_grid(np.zeros((0, 1, 8, 8)))
    with pytest.raises(ValueError, match="images of shape"):
        plots.image_grid(np.zeros((2, 3, 8, 8)))
    plt.close("all")


# Netron


def fetch(address: str) -> bytes:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return bytes(answer.read())


def test_two_netron_servers_show_each_its_own_model(tmp_path: Path) -> None:
    addresses = []
    for name in ("one.onnx", "two.onnx"):
        (tmp_path / name).write_bytes(name.encode())
        addresses.append(netron_view.serve(tmp_path / name))
    assert [fetch(f"{a}/data/{n}") for a, n in zip(addresses, ("one.onnx", "two.onnx"), strict=True)] == [
        b"one.onnx",
        b"two.onnx",
    ]
    assert b'content="one.onnx"' in fetch(addresses[0])


def test_netron_says_when_a_port_is_taken_and_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COURSE_HEADLESS", raising=False)
    (tmp_path / "m.onnx").write_bytes(b"x")
    with socket.socket() as taken:
        taken.bind((netron_view.LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        netron_view.show(tmp_path / "m.onnx", port=port)
    assert f"port {port} is taken" in capsys.readouterr().out


def test_netron_draws_no_frame_in_a_headless_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COURSE_HEADLESS", "1")
    (tmp_path / "m.onnx").write_bytes(b"x")
    netron_view.show(tmp_path / "m.onnx")
    assert "when you open this notebook" in capsys.readouterr().out
    with pytest.raises(FileNotFoundError, match="run the cell that writes it"):
        netron_view.show(tmp_path / "missing.onnx")


# torchvision beside a CPU build of torch


def test_torchvision_imports_after_coursekit_without_a_word() -> None:
    code = "import coursekit, torchvision.transforms.v2; torchvision.models.resnet18(); print('fine')"
    done = subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr.strip()) == ("fine", "")


def test_coursekit_alone_does_not_import_torch() -> None:
    code = "import sys, coursekit; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_non_maximum_suppression_keeps_the_best_of_each_heap() -> None:
    boxes = torch.tensor([[0, 0, 10, 10], [1, 1, 10, 10], [20, 20, 30, 30], [0, 0, 10, 4.0]])
    scores = torch.tensor([0.5, 0.9, 0.3, 0.4])
    assert non_maximum_suppression(boxes, scores, 0.5).tolist() == [1, 3, 2]
    assert non_maximum_suppression(boxes[:0], scores[:0], 0.5).tolist() == []
