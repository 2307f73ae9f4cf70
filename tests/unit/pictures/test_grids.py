from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from fashionbatch.pictures import grids
from fashionbatch.pictures.drawing.style import GREY, RIGHT, SIZE_LIMIT, WRONG
from fashionbatch.pictures.drawing.tiles import THICK, THIN, Caption, Section, Tile, draw_tiles, scaled
from fashionbatch.pictures.grids import draw_disagreements, draw_mistakes, draw_montage, draw_samples


def of_colour(image, colour):
    wanted = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    return (image == wanted).all(axis=2)


def frames(image, colour, side=36):
    """How many tiles have a frame of that colour, where no captions are drawn: those of wrong ones are thick."""
    width = THICK if colour == WRONG else THIN
    return int(of_colour(image, colour).sum()) / (side**2 - (side - 2 * width) ** 2)


def test_a_montage_frames_right_ones_green_and_wrong_ones_red_and_thicker(photos, predictions, tmp_path, pixels):
    image = pixels(draw_montage(photos, predictions, tmp_path / "montage.png", count=30, tile=36))
    assert frames(image, RIGHT) == 21
    assert frames(image, WRONG) == 9
    assert THICK >= 2 * THIN


def test_a_montage_leaves_no_lines_free_under_right_ones(photos, predictions, tmp_path, pixels):
    short = dataclasses.replace(predictions, names=("a", "b", "c"))
    perfect = dataclasses.replace(short, correct=np.ones(30, bool))
    one_wrong = dataclasses.replace(short, correct=np.arange(30) > 0)
    heights = [pixels(draw_montage(photos, each, tmp_path / "m.png")).shape[0] for each in (perfect, one_wrong)]
    assert 0 < heights[1] - heights[0] < 40  # lines of one row


def test_a_montage_has_as_many_tiles_as_asked_and_the_seed_chooses_them(photos, predictions, tmp_path, pixels):
    def draw(seed):
        return pixels(draw_montage(photos, predictions, tmp_path / "m.png", count=12, tile=36, seed=seed))

    one = draw(1)
    assert frames(one, RIGHT) + frames(one, WRONG) == 12
    assert np.array_equal(one, draw(1))
    assert not np.array_equal(one, draw(2))


def test_mistakes_show_only_wrong_images_and_no_more_than_asked(photos, predictions, tmp_path, pixels):
    image = pixels(draw_mistakes(photos, predictions, tmp_path / "all.png", tile=36))
    assert frames(image, WRONG) == 9
    assert not of_colour(image, RIGHT).any()
    few = pixels(draw_mistakes(photos, predictions, tmp_path / "few.png", tile=36, count=4))
    assert frames(few, WRONG) == 4


def test_mistakes_name_the_right_label_in_green_and_the_predicted_one_in_red(photos, predictions, tmp_path, pixels):
    image = pixels(draw_mistakes(photos, predictions, tmp_path / "mistakes.png", tile=120, count=4))
    assert of_colour(image, RIGHT).any()
    assert of_colour(image, WRONG).sum() > 4 * (120**2 - 112**2)


def test_no_mistakes_give_a_picture_that_says_so(photos, predictions, tmp_path, pixels):
    perfect = dataclasses.replace(predictions, correct=np.ones(30, bool))
    image = pixels(draw_mistakes(photos, perfect, tmp_path / "none.png"))
    assert image.shape[0] < 100
    assert image.min() < 100


def test_samples_stand_above_what_augmentation_makes_of_them(photos, tmp_path, pixels):
    plain = pixels(draw_samples(photos[:8], ["a"] * 8, tmp_path / "plain.png"))
    variants = [(number, np.repeat(photos[number : number + 1], 4, axis=0)) for number in (0, 3, 5)]
    both = pixels(draw_samples(photos[:8], ["a"] * 8, tmp_path / "both.png", augmented=variants))
    assert both.shape[1] == plain.shape[1]
    assert both.shape[0] > plain.shape[0] + 3 * 90


def test_the_hairline_around_a_sample_touches_it(tmp_path, pixels):
    black = np.zeros((1, 28, 28, 1), np.uint8)
    image = pixels(draw_samples(black, [""], tmp_path / "one.png", title=""))
    rows, columns = np.nonzero((image == 0).all(axis=2))
    assert len(rows) == (3 * 28) ** 2
    assert (image[rows.min() - 1, columns.min() : columns.max()] == 0xDD).all()


def test_small_images_are_enlarged_without_blur(photos):
    enlarged = np.asarray(scaled(photos[0], 90))
    assert enlarged.shape == (84, 84, 3)
    assert set(np.unique(enlarged)) <= set(np.unique(photos[0]))
    assert (enlarged[:3, :3, 0] == photos[0][0, 0, 0]).all()


@pytest.mark.parametrize(
    ("shape", "size"), [((300, 150, 3), (100, 50)), ((90, 180, 1), (50, 100)), ((2, 900, 3), (1, 100))]
)
def test_photos_of_any_shape_fit_their_tile(shape, size):
    picture = scaled(np.zeros(shape, np.uint8), 100)
    assert (picture.height, picture.width) == size


def test_photos_keep_every_colour_however_large_the_file_becomes(tmp_path, pixels):
    # Soft shades, of which 256 colours would make steps.
    shades = np.stack(np.meshgrid(np.arange(96), np.arange(96)), axis=-1)
    photo = np.concatenate([shades, np.full((96, 96, 1), 90)], axis=2).astype(np.uint8)
    noise = np.random.default_rng(0).integers(0, 255, (36, 96, 96, 3), np.uint8)
    tiles = [Tile(image, border=WRONG) for image in (*noise, photo)]
    path = draw_tiles([Section(tiles, 6)], tmp_path / "big.png", tile=104)
    assert path.stat().st_size > SIZE_LIMIT
    with Image.open(path) as image:
        assert image.mode == "RGB"
    shown = pixels(path)
    assert set(map(tuple, photo.reshape(-1, 3).tolist())) <= set(map(tuple, shown.reshape(-1, 3).tolist()))
    assert of_colour(shown, WRONG).sum() > 0.9 * 37 * (104**2 - 96**2)


def test_the_names_of_files_stand_under_mistakes_and_disagreements(tmp_path, photos, predictions, monkeypatch):
    drawn = []
    monkeypatch.setattr(grids, "draw_tiles", lambda sections, path, **_: drawn.extend(sections[0].tiles))
    files = [f"shoes/{number:04d}.jpg" for number in range(30)]
    files[0] = "caf\udce9.jpg"  # a name that is no UTF-8
    wrong = predictions.mistakes()
    draw_mistakes(photos, predictions, tmp_path / "wrong.png", files=files)
    assert [tile.captions[-1].text for tile in drawn] == [
        "caf\\xe9.jpg" if number == 0 else files[number] for number in wrong
    ]
    drawn.clear()
    draw_disagreements(photos, [predictions] * 2, [3, 4], ["a", "b"], tmp_path / "differ.png", files=files)
    assert [tile.captions[-1] for tile in drawn] == [Caption(files[n], GREY, is_file=True) for n in (3, 4)]


def test_captions_of_neighbours_keep_a_gap_between_them(tmp_path, pixels):
    image = np.full((40, 40, 3), 255, np.uint8)
    captions = [Caption("W" * 40, "#0000FF", "(99%)")]
    grid = pixels(draw_tiles([Section([Tile(image, captions)] * 2, 2)], tmp_path / "two.png", tile=100)).astype(int)
    columns = np.flatnonzero((grid[..., 2] > grid[..., 0] + 60).any(axis=0))
    assert np.diff(columns).max() >= 8
