"""The 480 views of shapes3d, ray-cast: how much of each material every pixel shows, and how bright.

A square room without a ceiling, an object on its floor, a camera that looks at the object from a circle around it.
Lengths are in units of half the room's width; x points right, y away from the camera at angle 0, z up. Vectors have
a first axis (x, y, z); rays are an array (3, 16, 64, 64): 16 rays for each pixel, row and column.
"""

from collections.abc import Callable

import numpy as np

SIDE = 64  # pixels of an image
SAMPLES = 4  # rays for each pixel, along each axis

# The camera, fitted to the originals.
DISTANCE, HEIGHT, FOCAL = 0.8265, 0.208, 73.9  # the last in pixels
WALL = 0.587  # height

SCALES = np.linspace(0.75, 1.25, 8)
ANGLES = np.radians(np.linspace(-30, 30, 15))

# Light from everywhere, a lamp at the camera, a sun at the upper left, and a little of the sky in every surface: chosen
# so that means, spreads and distances come near the originals'.
AMBIENT, HEADLIGHT, SUNLIGHT, GLOSS = 0.25, 0.56, 0.65, 0.02
TO_SUN = (np.array([-0.42, -0.36, 0.83]) / np.linalg.norm([-0.42, -0.36, 0.83])).astype("float32")
SUN_RADIUS = 0.2  # of its disc, seen from the floor, in radians: the softness of the shadow
SUN_POINTS = 32

# The shadow of an object of scale 1 on a square of the floor, as a picture.
SHADOW_FROM, SHADOW_TO, SHADOW_POINTS = -0.2, 0.5, 176

FLOOR, WALLS, OBJECT, SKY = range(4)

UP = np.array([0, 0, 1], np.float32)

Interval = tuple[np.ndarray, np.ndarray]
Meeting = tuple[np.ndarray, np.ndarray]
Solid = Callable[[np.ndarray, np.ndarray], Meeting]


def views() -> np.ndarray:
    """How much of each material every pixel of every view shows: coverage times brightness.

    Returns:
        uint8 array, shape `(8·4·15, 64·64, 4)`: scale, shape, orientation (fastest); row, column; floor, walls,
        object, sky. The four add up to 255 at most.
    """
    shadows = [shadow(solid) for solid in SOLIDS]
    weights = np.empty((len(SCALES), len(SOLIDS), len(ANGLES), SIDE * SIDE, 4), np.uint8)
    for turn, angle in enumerate(ANGLES):
        camera, rays = camera_rays(angle)
        room, sun, points = cast_room(camera, rays)
        for size, scale in enumerate(SCALES.astype("float32")):
            # An object that stands on the origin and grows is a camera that comes nearer.
            columns = columns_near_axis(0.16 * scale)
            ahead = np.ascontiguousarray(rays[..., columns])
            for shape, solid in enumerate(SOLIDS):
                view = room.copy()
                view[FLOOR] += sun * (1 - look_up(shadows[shape], points / scale))
                time, normals = solid(camera / scale, ahead)
                hit = np.isfinite(time)
                inside = view[..., columns]
                inside[:, hit] = 0
                inside[OBJECT, hit] = brightness(normals[:, hit], ahead[:, hit])
                weights[size, shape, turn] = as_bytes(view.mean(axis=1).reshape(4, -1)).T
    return weights.reshape(-1, SIDE * SIDE, 4)


def as_bytes(view: np.ndarray) -> np.ndarray:
    """Brightness of the materials, with the sky's gloss, in 255ths: shape `(4, pixels)`.

    Rounded so that the sum is the rounded sum: no colour then exceeds 255.
    """
    sky = view[SKY] + GLOSS * (1 - view[SKY])
    view = np.concatenate([view[:SKY] * (1 - GLOSS), sky[None]])
    return np.diff(np.round(255 * np.minimum(view.cumsum(axis=0), 1)), axis=0, prepend=0)


def camera_rays(angle: float) -> tuple[np.ndarray, np.ndarray]:
    """The camera's place, shape `(3, 1, 1, 1)`, and unit vectors along its rays, shape `(3, 16, 64, 64)`."""
    sin, cos = np.sin(angle), np.cos(angle)
    place = np.array([DISTANCE * sin, -DISTANCE * cos, HEIGHT]).reshape(3, 1, 1, 1)
    within = (np.arange(SAMPLES) + 0.5) / SAMPLES
    below, beside = (part.reshape(-1, 1, 1) for part in np.meshgrid(within, within, indexing="ij"))
    pixel = np.arange(SIDE) - SIDE / 2
    right, down = (pixel + beside) / FOCAL, (pixel[:, None] + below) / FOCAL
    rays = np.stack(np.broadcast_arrays(cos * right - sin, sin * right + cos, -down))
    rays /= np.sqrt(dot(rays, rays))
    return place.astype(np.float32), rays.astype(np.float32)


def columns_near_axis(radius: float) -> slice:
    """The pixel columns whose rays pass the room's axis at a distance below `radius`, and one more at each side."""
    reach = FOCAL * radius / np.sqrt(DISTANCE**2 - radius**2)
    return slice(int(SIDE / 2 - reach) - 1, int(SIDE / 2 + reach) + 2)


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Sum of the products of coordinates."""
    return sum(x * y for x, y in zip(a, b, strict=True))


def brightness(normals: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Brightness of sunlit surfaces with unit normals, seen along rays."""
    return np.minimum(skylight(normals, rays) + sunlight(normals), 1)


def skylight(normals: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """What a surface in the shadow shows: ambient light and the lamp at the camera."""
    return AMBIENT + HEADLIGHT * np.maximum(-dot(normals, rays), 0)


def sunlight(normals: np.ndarray) -> np.ndarray:
    """What the sun adds to a surface, where it shines on it."""
    return SUNLIGHT * np.maximum(dot(normals, TO_SUN), 0)


def cast_room(camera: np.ndarray, rays: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The empty room, its floor in the shadow.

    Returns:
        Brightness of each material, shape `(4, 16, 64, 64)`; what the sun adds to the floor, shape `(16, 64, 64)`;
        where rays meet the floor, (x, y), shape `(2, 16, 64, 64)`, and infinity where they do not.
    """
    times = (np.sign(rays[:2]) - camera[:2]) / rays[:2]
    side, time = times.argmin(axis=0), times.min(axis=0)
    height = HEIGHT + time * rays[2]
    floor, wall = height < 0, (height >= 0) & (height < WALL)
    walls = [np.where(side == axis, -np.sign(rays[axis]), 0) for axis in range(3)]

    bright = np.zeros((4, *floor.shape), np.float32)
    bright[FLOOR] = np.where(floor, skylight(UP, rays), 0)
    bright[WALLS] = np.where(wall, brightness(walls, rays), 0)
    bright[SKY] = ~floor & ~wall
    points = camera[:2] - HEIGHT / np.minimum(rays[2], -1e-3) * rays[:2]
    return bright, floor * sunlight(UP), np.where(floor, points, np.float32(np.inf))


# Solids of scale 1, on the floor at the origin: when rays enter them (infinity where they miss), and the unit normal
# there. Origins and directions of rays have as many axes, the shapes of which fit.


def cube(origin: np.ndarray, rays: np.ndarray) -> Meeting:
    """A cube of side 0.22."""
    bounds = [(-0.11, 0.11), (-0.11, 0.11), (0, 0.22)]
    sides = [slab(x, ray, *bound) for x, ray, bound in zip(origin, rays, bounds, strict=True)]
    enter = np.maximum.reduce([side[0] for side in sides])
    leave = np.minimum.reduce([side[1] for side in sides])
    normals = [
        np.where(enter == side[0], -np.sign(ray), 0) for side, ray in zip(sides, rays, strict=True)
    ]
    return first_meeting(enter, leave), np.stack(normals)


def cylinder(origin: np.ndarray, rays: np.ndarray) -> Meeting:
    """A cylinder of radius 0.12 and height 0.22."""
    side, cap = ball(origin[:2], rays[:2], 0.12), slab(origin[2], rays[2], 0, 0.22)
    enter = np.maximum(side[0], cap[0])
    time = first_meeting(enter, np.minimum(side[1], cap[1]))
    radial = meeting(origin[:2], rays[:2], time) / np.float32(0.12)
    on_cap = cap[0] == enter
    normals = np.concatenate(
        [np.where(on_cap, 0, radial), np.where(on_cap, -np.sign(rays[2]), 0)[None]]
    )
    return time, normals


def sphere(origin: np.ndarray, rays: np.ndarray) -> Meeting:
    """A sphere of radius 0.125."""
    origin = lowered(origin, 0.125)
    time = first_meeting(*ball(origin, rays, 0.125))
    return time, meeting(origin, rays, time) / np.float32(0.125)


def capsule(origin: np.ndarray, rays: np.ndarray) -> Meeting:
    """A capsule of radius 0.105 and total height 0.41."""
    radius, low, high = 0.105, 0.105, 0.305
    side, cap = ball(origin[:2], rays[:2], radius), slab(origin[2], rays[2], low, high)
    time = first_meeting(np.maximum(side[0], cap[0]), np.minimum(side[1], cap[1]))
    for height in (low, high):
        time = np.minimum(time, first_meeting(*ball(lowered(origin, height), rays, radius)))
    normals = meeting(origin, rays, time)
    normals[2] -= np.clip(normals[2], low, high)
    return time, normals / np.float32(radius)


SOLIDS = (cube, cylinder, sphere, capsule)


def lowered(points: np.ndarray, height: float) -> np.ndarray:
    """Points moved down."""
    return np.stack([points[0], points[1], points[2] - np.float32(height)])


def slab(origin: np.ndarray, rays: np.ndarray, low: float, high: float) -> Interval:
    """When one coordinate of rays enters and leaves `[low, high]`."""
    first, second = (low - origin) / rays, (high - origin) / rays
    return np.minimum(first, second), np.maximum(first, second)


def ball(origin: np.ndarray, rays: np.ndarray, radius: float) -> Interval:
    """When rays enter and leave a ball, or a disc, around 0; never, where they miss it.

    The roots of |origin + t·ray|² = radius², that is of a·t² + 2·b·t + c = 0.
    """
    a, b, c = dot(rays, rays), dot(origin, rays), dot(origin, origin) - radius**2
    discriminant = b**2 - a * c
    root = np.sqrt(np.maximum(discriminant, 0))
    missed = discriminant <= 0
    return np.where(missed, np.inf, (-b - root) / a), np.where(missed, -np.inf, (root - b) / a)


def first_meeting(enter: np.ndarray, leave: np.ndarray) -> np.ndarray:
    """When rays meet a solid that they enter and leave at given times; infinity where they do not, ahead."""
    return np.where((enter < leave) & (leave > 0), enter, np.float32(np.inf))


def meeting(origin: np.ndarray, rays: np.ndarray, time: np.ndarray) -> np.ndarray:
    """Points of rays at given times; the origin where that is never."""
    time = np.where(np.isfinite(time), time, 0)
    return np.stack([x + time * ray for x, ray in zip(origin, rays, strict=True)])


def shadow(solid: Solid) -> np.ndarray:
    """Hidden part of the sun's disc, seen from a grid of points on the floor: shape `(176, 176)`, x, y."""
    line = np.linspace(SHADOW_FROM, SHADOW_TO, SHADOW_POINTS, dtype=np.float32)
    x, y = np.meshgrid(line, line, indexing="ij")
    points = np.stack([x, y, np.zeros_like(x)])
    hidden = [np.isfinite(solid(points, ray)[0]) for ray in sun_rays()]
    return np.mean(hidden, axis=0, dtype=np.float32)


def sun_rays() -> np.ndarray:
    """Unit vectors to points spread evenly over the sun's disc, shape `(32, 3, 1, 1)`."""
    k = np.arange(SUN_POINTS)
    radius = SUN_RADIUS * np.sqrt((k + 0.5) / SUN_POINTS)
    turn = k * np.pi * (3 - np.sqrt(5))  # the golden angle
    first = np.cross(TO_SUN, UP)
    first /= np.linalg.norm(first)
    second = np.cross(TO_SUN, first)
    rays = TO_SUN + np.outer(radius * np.cos(turn), first) + np.outer(radius * np.sin(turn), second)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    return rays.astype(np.float32).reshape(SUN_POINTS, 3, 1, 1)


def look_up(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """A shadow at points of the floor `(2, …)`, interpolated between those of its grid; 0 beyond the grid."""
    step = (SHADOW_TO - SHADOW_FROM) / (SHADOW_POINTS - 1)
    x, y = (points - SHADOW_FROM) / step
    last = SHADOW_POINTS - 1
    within = (x >= 0) & (x < last) & (y >= 0) & (y < last)
    (column, u), (row, v) = (np.divmod(part[within], 1) for part in (x, y))
    corner = (column * SHADOW_POINTS + row).astype(int)
    flat = picture.ravel()
    low = flat[corner] * (1 - u) + flat[corner + SHADOW_POINTS] * u
    high = flat[corner + 1] * (1 - u) + flat[corner + SHADOW_POINTS + 1] * u
    found = np.zeros(within.shape, np.float32)
    found[within] = low * (1 - v) + high * v
    return found
