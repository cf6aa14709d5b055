"""shapes3d: against a second renderer, against closed forms, and against the original's statistics."""

import colorsys
import hashlib

import numpy as np
import pytest

import zoo
from zoo.datasets import _raycast
from zoo.datasets._pipelines import permutation
from zoo.datasets._raycast import FLOOR, OBJECT, SKY, WALLS

ORIGINAL_MEAN = [0.5026, 0.5788, 0.6034]
ORIGINAL_STD = [0.294, 0.344, 0.366]
ORIGINAL_DISTANCE = {
    "wall_hue": 0.1122,
    "floor_hue": 0.1086,
    "object_hue": 0.0416,
    "shape": 0.0207,
    "scale": 0.0182,
    "orientation": 0.0116,
}
DISTANCE, HEIGHT, FOCAL, WALL = 0.8265, 0.208, 73.9, 0.587  # in half widths of the room, and pixels
FRONT = 7  # the orientation of angle 0


@pytest.fixture(scope="module")
def data():
    return zoo.datasets.load("shapes3d")


@pytest.fixture(scope="module")
def views():
    """Weights of the materials: scale, shape, orientation, row, column, material."""
    return _raycast.views().reshape(8, 4, 15, 64, 64, 4)


def random_factors(data, n, seed=0):
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(size, size=n) for size in data.factor_sizes], axis=1)


def unit_images(data, factors):
    return data.images(data.index(factors)).astype("float64") / 255


# The geometry, marched along signed distances: slower, and no line in common with the ray-caster.


def signed_distance(shape, scale, points):
    """Distance of points to the object, negative inside; lengths as in the definition of each shape."""
    x, y, z = np.moveaxis(points, -1, 0)
    radial = np.hypot(x, y)

    def beyond(*excess):
        outside = np.sqrt(sum(np.maximum(part, 0) ** 2 for part in excess))
        return outside + np.minimum(np.maximum.reduce(excess), 0)

    half = 0.11 * scale
    if shape == 0:
        return beyond(abs(x) - half, abs(y) - half, abs(z - half) - half)
    if shape == 1:
        return beyond(radial - 0.12 * scale, abs(z - half) - half)
    if shape == 2:
        return np.hypot(radial, z - 0.125 * scale) - 0.125 * scale
    radius, height = 0.105 * scale, 0.41 * scale
    return np.hypot(radial, z - np.clip(z, radius, height - radius)) - radius


def centre_rays(angle):
    """The camera, and unit vectors through the centres of the pixels, `(64, 64, 3)`."""
    sin, cos = np.sin(angle), np.cos(angle)
    offset = (np.arange(64) - 31.5) / FOCAL
    right, down = np.meshgrid(offset, offset)
    rays = np.array([-sin, cos, 0]) + right[..., None] * np.array([cos, sin, 0])
    rays = rays - down[..., None] * np.array([0, 0, 1.0])
    camera = np.array([DISTANCE * sin, -DISTANCE * cos, HEIGHT])
    return camera, rays / np.linalg.norm(rays, axis=-1, keepdims=True)


def march(shape, scale, camera, rays, length=2.0):
    """How near rays come to the object, and where."""
    time = np.zeros(rays.shape[:-1])
    nearest = np.full(rays.shape[:-1], np.inf)
    for _ in range(200):
        distance = signed_distance(shape, scale, camera + time[..., None] * rays)
        nearest = np.minimum(nearest, distance)
        time = np.minimum(time + distance, length)
    return nearest, camera + time[..., None] * rays


@pytest.mark.parametrize("shape", range(4))
@pytest.mark.parametrize(("size", "turn"), [(0, 0), (3, 5), (7, 14), (5, 7)])
def test_objects_are_where_marching_meets_them(views, shape, size, turn):
    camera, rays = centre_rays(np.radians(-30 + 60 * turn / 14))
    scale = 0.75 + 0.5 * size / 7
    nearest, points = march(shape, scale, camera, rays)
    weights = views[size, shape, turn]
    pixel = np.hypot(*(points - camera).T[:2]).T / FOCAL
    hit, missed = nearest < 1e-4, nearest > 0.75 * pixel
    assert hit.sum() > 100
    whole = weights[..., FLOOR] + weights[..., WALLS] == 0
    assert (weights[missed][:, OBJECT] == 0).all(), "something beside the object"
    assert (weights[hit][:, OBJECT] > 0).all(), "something missing of the object"
    assert (hit & whole).sum() > 0.8 * hit.sum(), "the object is transparent"


@pytest.mark.parametrize("shape", range(4))
def test_objects_are_lit_as_their_surface_turns(views, shape):
    """Light by the gradient of the signed distance, where a pixel holds nothing but one smooth piece of surface."""
    camera, rays = centre_rays(np.radians(-30))
    nearest, points = march(shape, 1.25, camera, rays)
    step = 1e-5
    gradient = np.stack(
        [
            signed_distance(shape, 1.25, points + step * axis)
            - signed_distance(shape, 1.25, points - step * axis)
            for axis in np.eye(3)
        ],
        axis=-1,
    )
    normals = gradient / (2 * step)
    facing = np.maximum(-(normals * rays).sum(axis=-1), 0)
    sun = np.array([-0.42, -0.36, 0.83])
    lit = np.maximum(normals @ sun / np.linalg.norm(sun), 0)
    expected = np.minimum(
        _raycast.AMBIENT + _raycast.HEADLIGHT * facing + _raycast.SUNLIGHT * lit, 1
    )
    smooth = nearest < 1e-4
    for axis in (0, 1):
        for shift in (-1, 1):
            beside = np.roll(normals, shift, axis=axis)
            smooth &= np.roll(nearest, shift, axis=axis) < 1e-4
            smooth &= (normals * beside).sum(axis=-1) > 0.97
    assert smooth.sum() > 150
    shown = views[7, shape, 0][..., OBJECT] / 255 / (1 - _raycast.GLOSS)
    np.testing.assert_allclose(shown[smooth], expected[smooth], atol=0.02)
    assert np.ptp(expected[smooth]) > 0.2


def test_lines_of_the_room_are_where_perspective_puts_them(views):
    """Seen from the front, at the left border: the far wall's edges are 1.8265 away."""
    column = views[0, 2, FRONT][:, 20].astype(float)
    sky = column[:, SKY] / 255
    wall_top = 32 - FOCAL * (WALL - HEIGHT) / (1 + DISTANCE)
    assert (sky - _raycast.GLOSS).clip(0).sum() / (1 - _raycast.GLOSS) == pytest.approx(
        wall_top, abs=0.2
    )
    floor = column[:, FLOOR] > 0
    floor_top = 32 + FOCAL * HEIGHT / (1 + DISTANCE)
    assert floor.argmax() == int(floor_top)
    assert floor[int(floor_top) :].all()


@pytest.mark.parametrize("size", [0, 4, 7])
def test_sizes_of_objects_in_pixels(views, size):
    """The cube by its near face, the sphere by its cone of tangents, the capsule by its height."""
    scale = 0.75 + 0.5 * size / 7
    cube = views[size, 0, FRONT][..., OBJECT]
    near = DISTANCE - 0.11 * scale
    assert (cube > 0).any(axis=0).sum() == pytest.approx(FOCAL * 0.22 * scale / near, abs=2)
    sphere = views[size, 2, FRONT][..., OBJECT]
    radius, height = 0.125 * scale, 0.125 * scale - HEIGHT
    distance = np.hypot(DISTANCE, height)
    across = 2 * FOCAL * radius / np.sqrt(DISTANCE**2 - radius**2)
    assert (sphere > 0).any(axis=0).sum() == pytest.approx(across, abs=2)
    tilt, half = np.arctan2(height, DISTANCE), np.arcsin(radius / distance)
    upright = FOCAL * (np.tan(tilt + half) - np.tan(tilt - half))
    assert (sphere > 0).any(axis=1).sum() == pytest.approx(upright, abs=2)


def test_turning_left_and_right_are_mirror_images_but_for_the_light(views):
    """Which materials a pixel shows is mirrored, how bright they are is not: the light comes from the left."""
    for turn in range(7):
        left, right = views[4, :, turn], views[4, :, 14 - turn][:, :, ::-1]
        agree = (left > 10) == (right > 10)
        assert agree.mean() > 0.999
    assert (views[4, :, 0] != views[4, :, 14][:, :, ::-1]).mean() > 0.05


def test_edges_are_smooth(views):
    """Sphere before sky and wall: pixels of its outline hold a part of both."""
    weights = views[7, 2, FRONT].astype(int)
    both = (weights[..., OBJECT] > 20) & (weights[..., WALLS] > 20)
    assert both.sum() > 20


def test_the_shadow_is_soft_and_falls_to_the_right(views):
    """Against the same room with the smallest object of another shape, whose shadow is elsewhere."""
    light = views[:, :, FRONT].max(axis=(0, 1))[..., FLOOR].astype(float)
    shaded = views[7, 2, FRONT].astype(float)
    bare = (shaded[..., OBJECT] == 0) & (light > 0) & (shaded[..., WALLS] == 0)
    dark = np.where(bare, 1 - shaded[..., FLOOR] / np.maximum(light, 1), 0)
    columns = (dark * np.arange(64)).sum() / dark.sum()
    assert columns > 36
    assert 0.5 < dark.max() < 0.75  # what is left is the light that casts no shadow
    assert ((dark > 0.1) & (dark < 0.4)).sum() > 10


# Colours.


def test_images_are_weights_times_colours(data, views):
    factors = random_factors(data, 300)
    hues = np.array([colorsys.hsv_to_rgb(hue / 10, 1, 1) for hue in range(10)])
    sky = np.tile(np.array([[153, 226, 249]]) / 255, (300, 1))
    colours = np.stack([*(hues[factors[:, part]] for part in range(3)), sky], axis=1)
    scale, shape, orientation = factors[:, 3:].T
    weights = views[scale, shape, orientation].astype(float)
    expected = np.einsum("nhwm,nmc->nhwc", weights, colours)
    images = data.images(data.index(factors)).astype(float)
    assert np.abs(images - expected).max() <= 0.5 + 1e-3
    assert expected.max() <= 255


def test_the_sky_is_the_originals(data):
    images = data.images(data.index(random_factors(data, 50)))
    assert (images[:, 0, 0] == (153, 226, 249)).all()


def test_factor_values_are_the_originals(data):
    hue, _, _, scale, shape, angle = data.factor_values
    np.testing.assert_allclose(hue, np.arange(10) / 10)
    np.testing.assert_allclose(scale, np.linspace(0.75, 1.25, 8))
    np.testing.assert_allclose(np.degrees(angle), np.linspace(-30, 30, 15))
    assert shape.tolist() == ["cube", "cylinder", "sphere", "capsule"]


# What each factor changes.


@pytest.mark.parametrize(
    ("factor", "material"), [("floor_hue", FLOOR), ("wall_hue", WALLS), ("object_hue", OBJECT)]
)
def test_a_hue_changes_its_material_and_nothing_else(data, views, factor, material):
    factors = random_factors(data, 200)
    moved = factors.copy()
    column = data.factor_names.index(factor)
    moved[:, column] = (moved[:, column] + 1) % 10
    before, after = (data.images(data.index(rows)) for rows in (factors, moved))
    changed = (before != after).any(axis=-1)
    weights = views[tuple(factors[:, 3:].T)][..., material]
    assert not changed[weights == 0].any()
    assert changed[weights > 4].all()


def test_walls_floor_and_object_are_where_they_can_be(views):
    """By geometry alone: no floor above the far corner's foot, no wall below the near one's, no sky below either."""
    foot = 32 + FOCAL * HEIGHT / np.hypot(1 + DISTANCE, 1)
    assert not views[..., : int(foot), :, FLOOR].any()
    assert not views[..., 52:, :, WALLS].any()
    gloss = np.ceil(255 * _raycast.GLOSS) + 1
    assert (views[..., 25:, :, SKY] <= gloss).all()


@pytest.mark.parametrize("factor", ["scale", "shape"])
def test_scale_and_shape_change_object_and_shadow_only(data, views, factor):
    factors = random_factors(data, 200)
    moved = factors.copy()
    column = data.factor_names.index(factor)
    moved[:, column] = (moved[:, column] + 1) % data.factor_sizes[column]
    before, after = (data.images(data.index(rows)) for rows in (factors, moved))
    changed = (before != after).any(axis=-1)
    first, second = (views[tuple(rows[:, 3:].T)] for rows in (factors, moved))
    touched = (first[..., OBJECT] > 0) | (second[..., OBJECT] > 0)
    floor = (first[..., FLOOR] > 0) & (second[..., FLOOR] > 0)
    assert not changed[~touched & ~floor].any()
    assert changed.mean() < 0.35
    assert not changed[:, :, :3].any()


def test_four_thousand_random_images_differ(data):
    rng = np.random.default_rng(0)
    indices = rng.permutation(len(data))[:4000]
    assert distinct(data, indices)


@pytest.mark.slow
def test_no_two_of_all_images_are_the_same(data):
    assert distinct(data, np.arange(len(data)))


def distinct(data, indices):
    """Whether all images differ, by their hashes of 128 bits."""
    hashes = set()
    for start in range(0, len(indices), 256):
        images = data.images(indices[start : start + 256])
        hashes |= {hashlib.blake2b(image.tobytes(), digest_size=16).digest() for image in images}
    return len(hashes) == len(indices)


def test_all_views_differ(views):
    flat = views.reshape(480, -1)
    assert len(np.unique(flat, axis=0)) == 480


# The original's statistics.


def test_mean_and_std_are_the_originals(data):
    """The original's std is the mean of those of single images."""
    images = unit_images(data, random_factors(data, 3000))
    np.testing.assert_allclose(images.mean(axis=(0, 1, 2)), ORIGINAL_MEAN, atol=0.01)
    np.testing.assert_allclose(images.std(axis=(1, 2)).mean(axis=0), ORIGINAL_STD, atol=0.012)


def test_distances_along_factors_are_the_originals(data):
    """Mean squared difference of two different images of a traversal: their order, and each within a quarter."""
    found = {}
    for column, name in enumerate(data.factor_names):
        size = data.factor_sizes[column]
        rows = random_factors(data, 150, seed=column).repeat(size, axis=0)
        rows[:, column] = np.tile(np.arange(size), 150)
        images = unit_images(data, rows).reshape(150, size, -1)
        found[name] = 2 * images.var(axis=1, ddof=1).mean()
    assert sorted(found, key=found.get) == list(ORIGINAL_DISTANCE)[::-1]
    for name, distance in ORIGINAL_DISTANCE.items():
        assert found[name] == pytest.approx(distance, rel=0.25), name


def test_distance_of_random_pairs_is_the_originals(data):
    images = unit_images(data, random_factors(data, 3000))
    pairs = ((images[:1500] - images[1500:]) ** 2).mean(axis=(1, 2, 3))
    assert pairs.mean() == pytest.approx(0.2432, abs=0.006 + 3 * pairs.std() / np.sqrt(1500))


@pytest.mark.parametrize("batch_size", [64, 128, 96])
def test_large_batches_are_made_of_parts(data, batch_size):
    order = permutation(len(data), 4, 0).numpy()[: 2 * batch_size].reshape(2, batch_size)
    for indices, batch in zip(order, data.batches(batch_size, seed=4), strict=False):
        assert batch.shape == (batch_size, 64, 64, 3)
        np.testing.assert_array_equal(batch, data.images(indices))
    assert data.batches(batch_size).element_spec.shape == (batch_size, 64, 64, 3)


def test_views_fit_in_a_few_mebibytes(views):
    assert views.nbytes < 8 * 2**20
    assert views.sum(axis=-1, dtype=int).max() <= 255
