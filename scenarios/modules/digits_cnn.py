"""A small convolutional network for images of 8 × 8 pixels in ten classes: 6,170 parameters."""

from torch import nn


def make() -> nn.Module:
    """Return the network, with torch's own random start; inputs have shape (M, 1, 8, 8)."""
    return nn.Sequential(
        nn.Conv2d(1, 12, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(12, 24, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(24 * 2 * 2, 32),
        nn.ReLU(),
        nn.Linear(32, 10),
    )
