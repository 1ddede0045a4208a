"""Coloured balls, photographed independently of the readers, and written as Blender, instant-ngp and nerfstudio do."""

import json

import numpy as np
from PIL import Image

BALLS = np.array([[0.75, 0.1, 0.0], [-0.3, 0.6, 0.45], [0.0, -0.55, -0.6], [-0.65, -0.2, 0.3]])  # no symmetry
COLOURS = np.array([[255, 0, 0], [0, 200, 0], [0, 0, 255], [200, 0, 200]])
BALL = 0.2
RADIUS = 4.0
GREY = (120, 140, 160)


def pose(azimuth, elevation, radius=RADIUS, centre=(0, 0, 0)):
    """Camera to world, 4 x 4, axes of OpenGL, z up; the camera looks at ``centre``. Angles in degrees."""
    a, e = np.radians([azimuth, elevation])
    back = np.array([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)])
    right = np.cross([0, 0, 1.0], back)
    right /= np.linalg.norm(right)
    made = np.eye(4)
    made[:3] = np.stack([right, np.cross(back, right), back, radius * back + np.array(centre)], axis=1)
    return made


POSES = [pose(60 * i, 20 * np.sin(2 * i) + 5) for i in range(6)]


def seen(at, lens, points=BALLS, k1=0.0):
    """Pixels (u, v) of points and their depths; ``lens`` is fx, fy, cx, cy, and ``k1`` bends rays."""
    x, y, z = ((points - at[:3, 3]) @ at[:3, :3]).T
    x, y = (value * (1 + k1 * (x**2 + y**2) / z**2) for value in (x, y))
    return np.stack([lens[2] - lens[0] * x / z, lens[3] + lens[1] * y / z], axis=1), -z


def photograph(at, lens, width, height, k1=0.0):
    """RGBA: each ball is a disc at the image of its centre, the nearer over the farther; transparent elsewhere."""
    picture = np.zeros((height, width, 4), np.uint8)
    picture[..., :3] = GREY
    columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    places, depths = seen(at, lens, k1=k1)
    for i in np.argsort(-depths):
        (u, v), r = places[i], BALL / depths[i]
        disc = ((columns - u) / (lens[0] * r)) ** 2 + ((rows - v) / (lens[1] * r)) ** 2 < 1
        picture[disc] = [*COLOURS[i], 255]
    return Image.fromarray(picture)


def blender(folder, poses=POSES, *, side=64, focal=1.4, suffix=".png", name="transforms.json", path="./train/r_{}"):
    """One object: RGBA, no suffix in ``file_path``, the field of view."""
    lens = (side * focal, side * focal, side / 2, side / 2)
    for i, at in enumerate(poses):
        _save(photograph(at, lens, side, side), folder / (path.replace("\\", "/").format(i) + suffix))
    frames = [{"file_path": path.format(i), "transform_matrix": at.tolist()} for i, at in enumerate(poses)]
    write(folder / name, {"camera_angle_x": 2 * np.arctan(0.5 / focal), "frames": frames})
    return lens


def instant_ngp(folder, poses=POSES, *, width=96, height=64, white=True, **more):
    """JPEG over white, intrinsics of pictures twice as large, the principal point off the middle."""
    lens = (90.0, 92.0, 50.0, 30.0)
    backdrop = Image.new("RGBA", (width, height), "white" if white else (*GREY, 255))
    for i, at in enumerate(poses):
        picture = Image.alpha_composite(backdrop, photograph(at, lens, width, height, more.get("k1", 0))).convert("RGB")
        _save(picture, folder / f"images/{i:04d}.jpg", quality=100, subsampling=0)
    about = {"w": 2 * width, "h": 2 * height, "k1": 0, "k2": 0, "p1": 0, "p2": 0, "aabb_scale": 4}
    about |= dict(zip(("fl_x", "fl_y", "cx", "cy"), (2 * x for x in lens), strict=True))
    about |= {"camera_angle_x": 2 * np.arctan(width / 2 / lens[0])} | more
    frames = [
        {"file_path": f"./images/{i:04d}.jpg", "sharpness": 20.0, "transform_matrix": at.tolist()}
        for i, at in enumerate(poses)
    ]
    write(folder / "transforms.json", about | {"frames": frames})
    return lens


def nerfstudio(folder, poses=POSES, *, width=64, height=80, masks=True, points=None, **more):
    """PNG over a grey wall, a lens for each frame, masks beside them, points in a PLY file."""
    lens = (88.0, 86.0, 30.0, 44.0)
    frames = []
    for i, at in enumerate(poses):
        picture = photograph(at, lens, width, height)
        _save(picture.convert("RGB"), folder / f"images/frame_{i + 1:05d}.png")
        frame = {"file_path": f"images/frame_{i + 1:05d}.png", "transform_matrix": at.tolist(), "colmap_im_id": i + 1}
        frame |= dict(zip(("fl_x", "fl_y", "cx", "cy"), lens, strict=True)) | {"w": width, "h": height}
        if masks:
            _save(picture.getchannel("A"), folder / f"masks/frame_{i + 1:05d}.png")
            frame["mask_path"] = f"masks/frame_{i + 1:05d}.png"
        frames.append(frame | {"k1": 0.0, "k2": 0.0, "p1": 0.0, "p2": 0.0})
    about = {"camera_model": "OPENCV", "applied_transform": np.eye(4)[:3].tolist(), "frames": frames} | more
    if points is not None:
        about["ply_file_path"] = "sparse_pc.ply"
        (folder / "sparse_pc.ply").write_bytes(ply(points))
    write(folder / "transforms.json", about)
    return lens


def ply(points, kind="ascii"):
    """A PLY file of points, with colours, as nerfstudio writes it; or binary with doubles."""
    number = "float" if kind == "ascii" else "double"
    head = f"ply\nformat {kind} 1.0\ncomment made by a test\nelement vertex {len(points)}\n"
    head += "".join(f"property {number} {axis}\n" for axis in "xyz")
    head += "".join(f"property uchar {colour}\n" for colour in ("red", "green", "blue")) + "end_header\n"
    if kind == "ascii":
        return (head + "".join(f"{x:8f} {y:8f} {z:8f} 9 9 9\n" for x, y, z in points)).encode()
    order = "<" if "little" in kind else ">"
    rows = np.zeros(len(points), [("xyz", f"{order}f8", 3), ("rgb", "u1", 3)])
    rows["xyz"] = points
    return head.encode() + rows.tobytes()


def write(file, about):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(about))


def edit(file, change):
    """Change what a JSON file says."""
    about = json.loads(file.read_text())
    change(about)
    file.write_text(json.dumps(about))


def _save(picture, file, **options):
    file.parent.mkdir(parents=True, exist_ok=True)
    picture.save(file, **options)
