"""What lab 07's picture kernels should give, and what their typical mistakes give instead: plain NumPy, no kernel.

`lab_07_first_kernels` compares with these. A mistake is (result, what is seen, hint).
"""

from __future__ import annotations

import numpy as np

Mistake = tuple[np.ndarray, str, str]
SHARES = (0.299, 0.587, 0.114)  # of red, green and blue in luma: ITU-R BT.601, 2.5.1


def letter(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return a random picture (height, width) of an F, float32 in [0, 1]: a turned or mirrored F is seen at once."""
    values: np.ndarray = rng.uniform(0, 0.45, (height, width))
    rows, columns = (np.arange(size) / size for size in (height, width))
    down, right = rows[:, None], columns[None, :]
    stem = (right > 0.2) & (right < 0.4) & (down > 0.1)
    upper = (down > 0.1) & (down < 0.27) & (right > 0.2) & (right < 0.85)
    middle = (down > 0.42) & (down < 0.58) & (right > 0.2) & (right < 0.65)
    stroke = stem | upper | middle
    return (values + 0.5 * stroke).astype(np.float32)


def grey(rgb: np.ndarray) -> np.ndarray:
    """Return the luma (h, w), float64, not rounded, of bytes (h, w, 3)."""
    return rgb.astype(np.float64) @ np.array(SHARES)


def grey_mistakes(rgb: np.ndarray, untouched: int) -> list[Mistake]:
    """Return what is typically wrong with a grey kernel's result; `untouched` is what the result held before."""
    height, width, _ = rgb.shape
    exact, bytes_ = grey(rgb), rgb.reshape(-1).astype(np.float64)
    rows, columns = np.indices((height, width))
    short_rows = [bytes_[np.minimum(rows * width + 3 * columns + channel, bytes_.size - 1)] for channel in range(3)]
    neighbours = [bytes_[np.minimum(np.arange(width * height) + channel, bytes_.size - 1)] for channel in range(3)]
    layout = "The three bytes of a pixel stand together: red at 3 * (y * width + x), then green, then blue."
    return [
        (exact[::-1], "it is upside down", "y counts rows from the top: row y begins at y * width."),
        (
            rgb.mean(axis=2),
            "it is the plain mean of red, green and blue",
            "The eye sees green brighter than blue: 0.299 red + 0.587 green + 0.114 blue.",
        ),
        (
            grey(rgb[..., [1, 0, 2]]),
            "the weights of red and green have changed places",
            "0.299 belongs to red, 0.587 to green.",
        ),
        (
            np.tensordot(np.array(SHARES), np.stack(short_rows), axes=1),
            "rows begin too early",
            f"{layout} A row has 3 * width bytes.",
        ),
        (grey(rgb[..., ::-1]), "red and blue have changed places", "The bytes come in the order red, green, blue."),
        (
            np.tensordot(np.array(SHARES), bytes_.reshape(3, height, width), axes=1),
            "the colours are taken from three places far apart",
            layout,
        ),
        (
            np.tensordot(np.array(SHARES), np.stack(neighbours), axes=1).reshape(height, width),
            "pixel i is made of the bytes i, i + 1 and i + 2",
            layout,
        ),
        (
            np.full_like(exact, untouched),
            "no pixel was written",
            "The guard has to let pixels inside the picture through.",
        ),
        (np.zeros_like(exact), "it is black", "`299 / 1000` is 0 in C: whole numbers. Write 0.299f."),
    ]


def window_sums(image: np.ndarray, radius: int, end: int | None = None) -> np.ndarray:
    """Return each pixel's sum over the window of offsets -radius to `end` (radius), as far as it is in the picture."""
    end = radius if end is None else end
    sums = np.zeros(image.shape, np.float64)
    for y, x in np.ndindex(*image.shape):
        window = image[max(y - radius, 0) : max(y + end + 1, 0), max(x - radius, 0) : max(x + end + 1, 0)]
        sums[y, x] = window.sum(dtype=np.float64)
    return sums


def window_means(image: np.ndarray, radius: int, end: int | None = None) -> np.ndarray:
    """Return the mean over the pixels that `window_sums` adds up; 0 where there are none."""
    return window_sums(image, radius, end) / np.maximum(window_sums(np.ones_like(image), radius, end), 1)


def blur_mistakes(image: np.ndarray, radius: int, untouched: float) -> list[Mistake]:
    """Return what is typically wrong with a box blur's result; `untouched` is what the result held before."""
    side = 2 * radius + 1
    edge = np.lib.stride_tricks.sliding_window_view(np.pad(image, radius, mode="edge"), (side, side))
    return [
        (
            window_sums(image, radius),
            "it is the sum over the window, not the mean",
            "Divide by how many pixels were added. And do the braces enclose all that belongs to the `if`? Without "
            "them it covers one statement.",
        ),
        (
            window_sums(image, radius) / side**2,
            "pixels near the border are too dark: every sum is divided by the whole window's size",
            "Count the pixels that you add, and divide by that number.",
        ),
        (
            _window_means_along_memory(image, radius),
            "at the left and right border, pixels of the neighbouring row are mixed in",
            "An index inside the array can still lie in the wrong row: check the column by itself against 0 and width.",
        ),
        (
            edge.mean(axis=(2, 3)),
            "at the border the last pixel is counted several times",
            "Leave out what is outside the picture, instead of moving it to the edge.",
        ),
        (image, "it is the picture itself", "Do both loops run, from -radius to radius?"),
        (
            window_means(image, 1),
            "the radius is 1, whatever the launch says",
            "The window reaches from -radius to radius.",
        ),
        (
            window_means(image, radius, radius - 1),
            "the window lacks its last row and column",
            "`<= radius`: the window has 2 * radius + 1 rows and columns.",
        ),
        (
            np.where(window_sums(np.ones_like(image), radius) == side**2, window_means(image, radius), untouched),
            "pixels near the border were not written",
            "Every pixel of the picture gets a value; near the border it is the mean of fewer pixels.",
        ),
        (np.zeros_like(image), "it is black", "A sum of floats needs a float: `float sum = 0;`."),
        (np.full_like(image, untouched), "no pixel was written", "The guard has to let pixels of the picture through."),
    ]


def _window_means_along_memory(image: np.ndarray, radius: int) -> np.ndarray:
    """Return the means when only the index into the whole array is checked, so that windows reach into other rows."""
    flat, width = image.reshape(-1).astype(np.float64), image.shape[1]
    steps = range(-radius, radius + 1)
    index = np.arange(flat.size)[:, None] + np.array([down * width + right for down in steps for right in steps])
    inside = (index >= 0) & (index < flat.size)
    sums = np.where(inside, flat[np.clip(index, 0, flat.size - 1)], 0).sum(axis=1)
    return (sums / inside.sum(axis=1)).reshape(image.shape)


def mirror_mistakes(picture: np.ndarray) -> list[Mistake]:
    """Return what is typically wrong with a picture that should have its left and right sides exchanged."""
    height, width = picture.shape
    rows, columns = np.indices(picture.shape)
    index = rows * height + (width - 1 - columns)
    rows_advice = "Left and right change places; rows stay where they are."
    mistakes = [
        (picture[::-1], "it is upside down", rows_advice),
        (picture[::-1, ::-1], "it is turned by half a turn", rows_advice),
        (picture, "nothing is mirrored", "Column x comes from column width - 1 - x."),
    ]
    if index.max() < picture.size:
        what = f"rows are taken from the wrong places, every {height} pixels"
        mistakes.append((picture.reshape(-1)[index], what, "Row y begins y rows after the start: y * width."))
    return mistakes
