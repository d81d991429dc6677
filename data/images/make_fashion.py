"""Rebuild the embedded Fashion-MNIST subset: python make_fashion.py FOLDER_OF_IDX_FILES."""

import gzip
import sys
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
PER_ROW = 100


def read_idx(path: Path) -> np.ndarray:
    """The array of an IDX file: its shape stands in big-endian words after the magic number."""
    data = gzip.decompress(path.read_bytes())
    shape = np.frombuffer(data, ">u4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def main(folder: Path) -> None:
    """Keep the first images of each class in file order and write them as two mosaics."""
    for split, prefix, per_class in (("train", "train", 600), ("test", "t10k", 100)):
        images = read_idx(folder / f"{prefix}-images-idx3-ubyte.gz")
        labels = read_idx(folder / f"{prefix}-labels-idx1-ubyte.gz")
        tiles = np.concatenate([images[labels == c][:per_class] for c in range(10)])
        rows = tiles.reshape(-1, PER_ROW, 28, 28).transpose(0, 2, 1, 3).reshape(-1, PER_ROW * 28)
        Image.fromarray(rows).save(HERE / f"fashion-{split}.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
