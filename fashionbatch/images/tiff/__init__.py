"""What TIFF alone needs: its directory, samples that Pillow does not read or reads wrongly, and a silent libtiff."""

from fashionbatch.images.tiff.libtiff import check_whole, silent_libtiff, tile_size
from fashionbatch.images.tiff.opening import open_tiff

__all__ = ["check_whole", "open_tiff", "silent_libtiff", "tile_size"]
