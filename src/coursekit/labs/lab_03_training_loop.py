"""Lab 03's checks: a data set that augments, one step, honest evaluation, exact resume, a robust net, autocast."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from coursekit.checks import Lab, Wrong, expect_close, require
from coursekit.data import load_digits
from coursekit.labs.lab_03_dataset import check_dataset, shifted_image
from coursekit.labs.lab_03_fixtures import TinyNet
from coursekit.student import Handle, Student

LAB = Lab("03", "lab_03_training_loop", "Training loop")
FIXTURES = "coursekit.labs.lab_03_fixtures"


LAB.task("3.1", "A data set that augments", points=2, minutes=10, difficulty=2, importance=4, names=("ShiftedDigits",))(
    check_dataset
)


@LAB.task(
    "3.2", "One training step", points=3, minutes=10, difficulty=2, importance=5,
    names=("train_step",), self_reported="the model's mode, read from its batch counter",
)  # fmt: skip
def check_train_step(student: Student, rng: np.random.Generator) -> None:
    images, labels = _batch(rng, 24)
    model = student.make(f"{FIXTURES}:TinyNet")
    optimizer = student.make(f"{FIXTURES}:sgd", model, 0.1)
    model.call("eval", keep=True)  # the learner's step has to switch training mode on
    reference = TinyNet()
    reference.load_state_dict(model.call("state_dict"))
    seed = int(rng.integers(2**31))

    student.seed(seed)
    loss = student.call("train_step", model, optimizer, images, labels)
    states, losses = _reference_steps(reference, images, labels, seed, steps=2)
    require(
        not isinstance(loss, Tensor),
        "The loss came back as a tensor",
        "Return `loss.item()`: a tensor keeps the whole graph of this step alive.",
    )
    after = model.call("state_dict")
    if all(torch.equal(after[name], reference.state_dict()[name]) for name in after if "weight" in name):
        raise Wrong(
            "The weights did not change", "`loss.backward()` fills the gradients, `optimizer.step()` uses them."
        )
    if int(after["layers.2.num_batches_tracked"]) == 0:
        raise Wrong(
            "The model was in eval mode during the step",
            "Call `model.train()` first: dropout and BatchNorm depend on it.",
        )
    hint = "Use the mean cross-entropy of the batch: `nn.functional.cross_entropy(logits, labels)`."
    weights = [name for name, _ in reference.named_parameters()]
    if all(torch.allclose(after[name], states[0][name], rtol=1e-3, atol=1e-5) for name in weights):
        hint = "The step itself is right: return the loss that you stepped on, computed before the weights moved."
    expect_close(loss, losses[0], "The loss", hint, rtol=1e-3)
    _expect_state(after, states[0], "after one step", "One step is: zero the gradients, logits, loss, backward, step.")

    student.seed(seed)
    student.call("train_step", model, optimizer, images, labels)
    hint = "Gradients add up until you clear them: call `optimizer.zero_grad()` before `backward`."
    _expect_state(model.call("state_dict"), states[1], "after a second step", hint)


def _batch(rng: np.random.Generator, count: int) -> tuple[Tensor, Tensor]:
    split = load_digits().validation
    chosen = torch.from_numpy(rng.choice(len(split), count, replace=False))
    return split.images[chosen], split.labels[chosen]


def _reference_steps(
    model: nn.Module, images: Tensor, labels: Tensor, seed: int, steps: int
) -> tuple[list[dict[str, Tensor]], list[float]]:
    """Take the steps on a copy of `model`, each from the same seed; return the state and the loss after each."""
    worker = TinyNet()
    worker.load_state_dict(model.state_dict())
    optimizer = torch.optim.SGD(worker.parameters(), lr=0.1)
    states, losses = [], []
    with torch.random.fork_rng():
        for _ in range(steps):
            torch.manual_seed(seed)
            worker.train()
            loss = nn.functional.cross_entropy(worker(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            states.append({name: value.clone() for name, value in worker.state_dict().items()})
            losses.append(loss.item())
    return states, losses


def _expect_state(got: dict[str, Tensor], expected: dict[str, Tensor], when: str, hint: str) -> None:
    for name, value in expected.items():
        expect_close(got[name], value, f"`{name}` {when}", hint, rtol=1e-3, atol=1e-5, picture=False)


@LAB.task(
    "3.3", "An honest evaluation", points=3, minutes=10, difficulty=3, importance=5,
    names=("evaluate",), self_reported="whether the model was left in training mode",
)  # fmt: skip
def check_evaluate(student: Student, rng: np.random.Generator) -> None:
    images, labels = _batch(rng, int(rng.integers(33, 60)))
    batch_size = 16  # does not divide the count unless it is 48; then one image is dropped
    if len(labels) % batch_size == 0:
        images, labels = images[:-1], labels[:-1]
    model = student.make(f"{FIXTURES}:TinyNet")
    for _ in range(3):  # give BatchNorm statistics that differ from a batch's own
        model.call("train", keep=True)
        model.call("__call__", images * 2)
    reference = TinyNet()
    before = model.call("state_dict")
    reference.load_state_dict(before)
    reference.eval()
    with torch.inference_mode():
        logits = reference(images)
    loss = nn.functional.cross_entropy(logits, labels).item()
    accuracy = (logits.argmax(1) == labels).double().mean().item()

    model.call("forget_batches")
    answer = student.call("evaluate", model, images, labels, batch_size)
    require(
        isinstance(answer, tuple) and len(answer) == 2,
        f"evaluate should return the pair (loss, accuracy); it returned a value of type {type(answer).__name__}",
    )
    for value, name in zip(answer, ("loss", "accuracy"), strict=True):
        require(
            type(value) is float,
            f"The {name} should be a Python float",
            "`.item()` turns a tensor of one element into a number.",
        )
    require(
        model.attribute("training") is True,
        "The model came in training mode and left in eval mode",
        "Remember `model.training`, call `model.eval()`, and put the mode back at the end.",
    )
    largest = model.attribute("largest_batch")
    require(
        largest <= batch_size,
        f"A batch of {largest} images went through the model; batch_size is {batch_size}",
        "`images.split(batch_size)` cuts the images into batches, the last one smaller.",
    )
    changed = [name for name, value in model.call("state_dict").items() if not torch.equal(value, before[name])]
    require(
        not changed,
        f"Evaluating changed the model: `{(changed or [''])[0]}` is different now",
        "In training mode BatchNorm updates its running statistics at every forward pass: call `model.eval()`.",
    )
    means = [
        nn.functional.cross_entropy(a, b).item()
        for a, b in zip(logits.split(batch_size), labels.split(batch_size), strict=True)
    ]
    if abs(answer[0] - float(np.mean(means))) < 1e-5 < abs(loss - float(np.mean(means))):
        raise Wrong(
            f"The loss is the mean over batches, {answer[0]:.4f}, not over images, {loss:.4f}",
            "The last batch is smaller: weigh each batch's mean by its number of images, or add up sums.",
        )
    whole = len(labels) // batch_size * batch_size
    first = nn.functional.cross_entropy(logits[:whole], labels[:whole]).item()
    if abs(answer[0] - first) < 1e-5 < abs(loss - first):
        raise Wrong(
            f"Only the first {whole} of {len(labels)} images are in it",
            "The last batch is smaller, and counts too: `images.split(batch_size)` gives it as well.",
        )
    if 1 < answer[1] <= 100 and abs(answer[1] / 100 - accuracy) < 1e-6:
        raise Wrong("The accuracy is in percent", "Return a share between 0 and 1.")
    expect_close(
        answer[1],
        accuracy,
        "The accuracy",
        "It is the share of images whose largest logit is at their label.",
        atol=1e-6,
    )
    expect_close(answer[0], loss, "The loss", "It is the mean cross-entropy over all images, dropout switched off.")
    model.call("eval", keep=True)
    student.call("evaluate", model, images, labels, batch_size)
    require(
        model.attribute("training") is False,
        "The model came in eval mode and left in training mode",
        "Remember `model.training` before you call `model.eval()`, and put that back: `model.train(before)`.",
    )


@LAB.task(
    "3.4", "A checkpoint that resumes exactly", points=3, minutes=15, difficulty=3, importance=4,
    names=("save_checkpoint", "load_checkpoint"), self_reported="whether the file is there, and the learning rate"
)  # fmt: skip
def check_checkpoint(student: Student, rng: np.random.Generator) -> None:
    student.seed(int(rng.integers(2**31)))
    run = student.make(f"{FIXTURES}:Run")
    run.call("epoch")
    file = student.make(f"{FIXTURES}:TemporaryPath", "checkpoint.pt")
    path = file.attribute("path")
    parts = [run.attribute(name, keep=True) for name in ("model", "optimizer", "schedule")]
    student.call("save_checkpoint", path, *parts, 1)
    require(
        file.call("exists"), "save_checkpoint wrote no file at the path it was given", "`torch.save(dictionary, path)`"
    )
    run.call("epoch")
    straight, rate = run.attribute("model", keep=True).call("state_dict"), run.call("learning_rate")

    student.seed(int(rng.integers(2**31)))  # the resumed program starts with another random state
    resumed = student.make(f"{FIXTURES}:Run")
    parts = [resumed.attribute(name, keep=True) for name in ("model", "optimizer", "schedule")]
    epoch = student.call("load_checkpoint", path, *parts)
    require(epoch == 1, f"load_checkpoint should return the epoch that was saved, 1; it returned {epoch!r}")
    weights = resumed.attribute("model", keep=True)
    resumed.call("epoch")
    again = weights.call("state_dict")
    require(
        resumed.call("learning_rate") == rate,
        f"After resuming, the learning rate goes on from {resumed.call('learning_rate'):g} instead of {rate:g}",
        "The schedule has a state too: save and load `schedule.state_dict()`.",
    )
    if all(torch.equal(again[name], straight[name]) for name in straight):
        return
    _say_what_is_missing(student, path, rng, straight)


def _say_what_is_missing(student: Student, path: str, rng: np.random.Generator, straight: dict[str, Tensor]) -> None:
    """The resumed run drifted: look at which part of the state did not come back."""
    fresh = student.make(f"{FIXTURES}:Run")
    parts = [fresh.attribute(name, keep=True) for name in ("model", "optimizer", "schedule")]
    untouched = parts[0].call("state_dict")
    student.call("load_checkpoint", path, *parts)
    loaded = parts[0].call("state_dict")
    drift = "One more epoch after resuming gives other weights than the run that was never stopped"
    if all(torch.equal(untouched[name], loaded[name]) for name in loaded):
        raise Wrong(drift, "The model's weights did not come back: `model.load_state_dict(...)`.")
    if not parts[1].call("state_dict")["state"]:
        raise Wrong(drift, "The optimizer's momentum did not come back: save and load `optimizer.state_dict()`.")
    raise Wrong(
        drift,
        "Shuffling and dropout draw from torch's random state: save `torch.get_rng_state()`, and set it when loading.",
    )


@LAB.task("3.5", "A net that stands a shake", points=4, minutes=20, difficulty=4, importance=4, names=("train_robust",))
def check_robust(student: Student, rng: np.random.Generator) -> None:
    split = load_digits().train
    student.seed(int(rng.integers(2**31)))
    model = student.call("train_robust", split.images, split.labels, keep=True)
    require(
        isinstance(model, Handle) and model.type_name != "NoneType",
        "train_robust returned None",
        "Return the trained model.",
    )
    model.call("eval", keep=True)
    test = load_digits().test
    plain = _accuracy(model, test.images, test.labels)
    if plain < 0.9:
        raise Wrong(
            f"The net labels only {plain:.1%} of the unmoved test digits right",
            "It has hardly learned: check the loop on one batch first.",
        )
    share = _accuracy(model, _shaken(test.images, rng), test.labels.repeat(9))
    require(
        share >= 0.97,
        f"Of test digits in all nine places up to a pixel away, {share:.1%} are right (unmoved: {plain:.1%}); "
        "97 % are asked for",
        "Move each image of a batch its own way, train for more epochs, and let the learning rate end small.",
    )


def _shaken(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Return the images (n, 1, 8, 8) in all nine places, (9 n, 1, 8, 8), with noise of half a grey level.

    All places instead of one drawn for each image: with those, luck in the draw moves a net's result by 0.7 points
    (standard deviation). What is left is the luck of its training, 0.2 points for the solution, whose mean is 98.7 %.
    """
    places = torch.cat([shifted_image(images, down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)])
    noise = torch.from_numpy(rng.uniform(-1 / 32, 1 / 32, places.shape).astype(np.float32))
    return (places + noise).clamp(0, 1)


def _accuracy(model: Handle, images: Tensor, labels: Tensor) -> float:
    logits = model.call("__call__", images)
    if not isinstance(logits, Tensor) or logits.shape != (len(labels), 10):
        raise Wrong(
            f"The model should give logits of the shape ({len(labels)}, 10)",
            "Return the model itself, not its predictions, and keep DigitNet's last layer.",
        )
    return (logits.argmax(1) == labels).double().mean().item()


@LAB.task(
    "3.6", "Half the bits, same answer", points=2, minutes=8, difficulty=2, importance=3, names=("predict_autocast",)
)
def check_autocast(student: Student, rng: np.random.Generator) -> None:
    images, _ = _batch(rng, 32)
    model = student.make("coursekit.models:DigitNet")
    model.call("train", keep=True)
    model.call("__call__", images)
    before = model.call("state_dict")
    from coursekit.models import DigitNet

    reference = DigitNet()
    reference.load_state_dict(before)
    reference.eval()
    with torch.inference_mode():
        full = reference(images)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            half = reference(images).float()
    answer = student.call("predict_autocast", model, images)
    after = model.call("state_dict")
    require(
        all(after[name].dtype == before[name].dtype for name in before),
        "The model's weights changed their dtype",
        "autocast casts on the fly; `model.bfloat16()` converts the model for good.",
    )
    require(
        all(torch.equal(after[name], before[name]) for name in before),
        "Predicting changed the model",
        "Call `model.eval()` first.",
    )
    require(isinstance(answer, Tensor), f"The logits should be a tensor; they are of type {type(answer).__name__}")
    require(
        answer.dtype == torch.float32,
        f"The logits have the dtype {str(answer.dtype).removeprefix('torch.')}; float32 is asked for",
        "Convert the result with `.float()` after the autocast block.",
    )
    if torch.equal(answer, full.bfloat16().float()):
        raise Wrong(
            "The logits are those of float32, rounded to bfloat16 at the end: the arithmetic was done in float32",
            "The model has to be called inside `with torch.autocast('cpu', dtype=torch.bfloat16):`.",
        )
    expect_close(
        answer,
        half,
        "The logits",
        "Run the model in eval mode under `torch.autocast('cpu', dtype=torch.bfloat16)`.",
        rtol=0.05,
        atol=0.05,
    )
    require(
        not torch.allclose(answer, full, rtol=1e-6, atol=1e-7),
        "The logits are those of float32, to the last bit: nothing was computed in bfloat16",
        "The model has to be called inside `with torch.autocast('cpu', dtype=torch.bfloat16):`.",
    )
