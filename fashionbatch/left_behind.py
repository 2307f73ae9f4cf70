"""Names that systems leave in folders of photos, and that are no photos of the user's: thumbnails, resource forks."""

from __future__ import annotations

_LEFT_BEHIND = frozenset(
    {
        "__macosx",  # macOS: in archives, with a `._` file for each photo
        "thumbs.db",  # Windows: its thumbnails
        "ehthumbs.db",
        "ehthumbs_vista.db",
        "desktop.ini",  # Windows: how a folder is shown
        "$recycle.bin",  # Windows: what was deleted
        "system volume information",  # Windows
        "recycler",  # Windows, earlier
        "found.000",  # Windows: what a check of the disk has found
        "_vti_cnf",  # Windows: FrontPage's notes, of the same names as the photos
        "zbthumbnail.info",  # Windows: thumbnails of ZoomBrowser
        "picasa.ini",
        "@eadir",  # Synology: its thumbnails, as .jpg
        "#recycle",  # Synology: what was deleted
        "#snapshot",  # Synology
        "@tmp",  # Synology
        "@__thumb",  # QNAP: its thumbnails, as .jpg
        "@recycle",  # QNAP: what was deleted
        "@recently-snapshot",  # QNAP
        "lost.dir",  # Android: what a check of a card has found
        "network trash folder",  # macOS, on drives of a network
        "temporary items",  # macOS, on drives of a network
        "lost+found",  # Linux: what a check of the file system has found
        "icon\r",  # macOS: a folder's own picture
    }
)

PROVENANCE = "collected.csv"
"""The table that `data collect` writes beside class folders: where photos come from, refused ones too; no labels."""


def is_left_behind(name: str) -> bool:
    """Whether a file or folder is hidden, or has a name that a system gives to what it keeps beside a user's files.

    Training and labeling leave the same ones out. A name that begins with a dot is hidden: so are `._photo.jpg` of
    macOS, `.thumbs`, `.ipynb_checkpoints` and `.git`.

    Args:
        name: without the folder.
    """
    return name.startswith(".") or name.casefold() in _LEFT_BEHIND
