"""Small networks of the kinds that the parser must read as torch exports them: a detector, a transformer, SSDLite."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Return convolution, batch normalisation and SiLU."""
    convolution = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.SiLU())


class Detector(nn.Module):
    """A one-stage detector: split, pooling, upsampling, concatenation, and a head that decodes boxes on a grid."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.fine, self.coarse = block(3, 16, 2), block(16, 32, 2), block(32, 64, 2)
        self.pool, self.larger = nn.MaxPool2d(5, 1, 2), nn.Upsample(scale_factor=2, mode="nearest")
        self.neck, self.head = block(96, 32), nn.Conv2d(32, 3 * 7, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return boxes (n, anchors, 7) for images (n, 3, h, w)."""
        fine = self.fine(self.stem(images))
        left, right = self.coarse(fine).chunk(2, 1)
        coarse = torch.cat([left, self.pool(right)], 1)
        out = self.head(self.neck(torch.cat([self.larger(coarse), fine], 1)))
        n, _, h, w = out.shape
        centre, size, score = out.view(n, 3, 7, h, w).permute(0, 1, 3, 4, 2).split((2, 2, 3), -1)
        rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        grid = torch.stack((columns, rows), -1).to(out.dtype)
        return torch.cat([(centre.sigmoid() + grid) * 8, size.exp(), score.sigmoid()], -1).reshape(n, -1, 7)


class Transformer(nn.Module):
    """Two pre-norm encoder layers with a causal mask over learnt positions."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(100, 32), nn.Parameter(torch.randn(16, 32))
        self.norms = nn.ModuleList(nn.LayerNorm(32) for _ in range(4))
        self.project = nn.ModuleList(nn.Linear(32, 96) for _ in range(2))
        self.mix = nn.ModuleList(nn.Linear(32, 32) for _ in range(2))
        self.feed = nn.ModuleList(nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.Linear(64, 32)) for _ in range(2))
        self.head = nn.Linear(32, 100)

    def forward(self, ids: Tensor) -> Tensor:
        """Return probabilities (n, length, 100) for token ids (n, length)."""
        n, length = ids.shape
        x = self.tokens(ids) + self.positions[:length]
        for layer in range(2):
            both = self.project[layer](self.norms[2 * layer](x)).view(n, length, 3, 4, 8).permute(2, 0, 3, 1, 4)
            mixed = nn.functional.scaled_dot_product_attention(both[0], both[1], both[2], is_causal=True)
            x = x + self.mix[layer](mixed.transpose(1, 2).reshape(n, length, 32))
            x = x + self.feed[layer](self.norms[2 * layer + 1](x))
        return self.head(x).softmax(-1)


class SsdLite(nn.Module):
    """torchvision's SSDLite with MobileNetV3, without what follows the head (which is no network but a search)."""

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import detection

        whole = detection.ssdlite320_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=5)
        self.backbone, self.head = whole.backbone, whole.head

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return box offsets (n, anchors, 4) and class scores (n, anchors, 5)."""
        out = self.head(list(self.backbone(images).values()))
        return out["bbox_regression"], out["cls_logits"]
