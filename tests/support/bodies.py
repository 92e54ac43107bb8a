"""BVH files that tests write."""

from jacklib.data.poses import JOINTS, PARENTS

# A standing body in some unit: each joint from its parent.
BODY = {
    "root": (0, 90, 0), "spine": (0, 24, 0), "neck": (0, 24, 0), "head": (0, 18, 0),
    "left shoulder": (18, 0, 0), "left elbow": (0, -28, 0), "left hand": (0, -25, 0),
    "right shoulder": (-18, 0, 0), "right elbow": (0, -28, 0), "right hand": (0, -25, 0),
    "left hip": (9, 0, 0), "left knee": (0, -42, 0), "left foot": (0, -42, 0),
    "right hip": (-9, 0, 0), "right knee": (0, -42, 0), "right foot": (0, -42, 0),
}  # fmt: skip


def body_bvh(path, names, *, z_up=False, frames=10, fps=30, prefix="", leave_out=()):
    """A body that moves forward by 4 units per frame, in a BVH file of joints so named."""

    def axes(x, y, z):
        return (x, -z, y) if z_up else (x, y, z)

    def write(joint, depth):
        pad = "  " * depth
        name, end = prefix + names[joint], names[joint].endswith("end")
        kind = "ROOT" if joint == 0 else "JOINT"
        kind = "End Site" if end else f"{kind} {name}"
        offset = " ".join(map(str, axes(*BODY[JOINTS[joint]])))
        lines = [f"{pad}{kind}", f"{pad}{{", f"{pad} OFFSET {offset}"]
        if not end:
            place = "6 Xposition Yposition Zposition" if joint == 0 else "3"
            lines.append(f"{pad} CHANNELS {place} Zrotation Yrotation Xrotation")
        children = [c for c in range(16) if PARENTS[c] == joint and JOINTS[c] not in leave_out]
        for child in children:
            lines += write(child, depth + 1)
        if not children and not end:
            lines += [f"{pad} End Site", f"{pad} {{", f"{pad} OFFSET 0 1 0", f"{pad} }}"]
        return lines + [f"{pad}}}"]

    lines = ["HIERARCHY", *write(0, 0)]
    channels = 3 + 3 * sum(" CHANNELS" in line for line in lines)
    lines += ["MOTION", f"Frames: {frames}", f"Frame Time: {1 / fps:.7f}"]
    for t in range(frames):
        where = axes(0, 90, 4 * t)
        lines.append(" ".join(map(str, [*where, *[0] * (channels - 3)])))
    path.write_text("\n".join(lines) + "\n")
    return path
