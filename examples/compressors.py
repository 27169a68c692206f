"""Which compressor, at which level? A whole small study on real files.

zlib, bz2 and lzma compress some of the Python standard library's own sources. The first call
tries the levels 1 and 6. The second call extends the study by 3 and 9 and runs only the new psets.
From then on there is nothing left to run. See how much the ratio gains from a higher level, and
what it costs in time. `python compressors.py FOLDER` keeps the study in FOLDER instead of calc.
`--plot` also draws a picture in that folder, which needs matplotlib.
"""

import bz2
import functools
import lzma
import os
import sys
import sysconfig
import time
import zlib

import psweep as ps

STDLIB = sysconfig.get_path("stdlib")
FILES = [
    "argparse.py", "ast.py", "_pydecimal.py", "inspect.py",
    "subprocess.py", "tarfile.py", "turtle.py", "typing.py",
]  # fmt: skip
CODECS = {
    "zlib": (zlib.compress, zlib.decompress),
    "bz2": (bz2.compress, bz2.decompress),
    "lzma": (lambda data, level: lzma.compress(data, preset=level), lzma.decompress),
}


def compress(pset):
    with open(os.path.join(STDLIB, pset["file"]), "rb") as file:
        data = file.read()
    pack, unpack = CODECS[pset["codec"]]
    start = time.perf_counter()
    packed = pack(data, pset["level"])
    middle = time.perf_counter()
    unpacked = unpack(packed)
    return {
        "size": len(data),
        "ratio": len(data) / len(packed),
        "compress_s": middle - start,
        "decompress_s": time.perf_counter() - middle,
        "round_trip": unpacked == data,
    }


def plot(df, path):
    import matplotlib.pyplot as plt  # here, as all else does without it

    df = df.assign(speed=df["size"] / df.compress_s / 1e6)
    # the median, as one file that had to wait for other programs says nothing of the codec
    points = df.groupby(["codec", "level"], as_index=False).agg(
        {"speed": "median", "ratio": "mean"}
    )
    plt.style.use("tableau-colorblind10")
    fig, ax = plt.subplots(figsize=(5.4, 4.05), layout="constrained")
    for (codec, rows), marker in zip(points.groupby("codec"), "osD", strict=True):
        (line,) = ax.semilogx(rows.speed, rows.ratio, marker + "-", label=codec)
        style = {"color": line.get_color(), "textcoords": "offset points"}
        for row in rows.iloc[[0, -1]].itertuples():  # the ends tell where the others are
            ax.annotate(row.level, (row.speed, row.ratio), (5, 5), **style)
    ax.margins(0.15, 0.1)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlabel("speed of compressing (MB/s)")
    ax.set_ylabel(f"size before / size after (mean of {len(FILES)} files)")
    ax.set_title("Compressors on Python's own sources")
    ax.grid(which="both", alpha=0.3)
    ax.legend(title="codec (levels 1 to 9)")
    fig.savefig(path)
    print(f"picture: {path}")


def grid(levels):
    return ps.pgrid(ps.plist("codec", CODECS), ps.plist("level", levels), ps.plist("file", FILES))


if __name__ == "__main__":
    args = [arg for arg in sys.argv[1:] if arg != "--plot"]
    calc_dir = args[0] if args else "calc"
    run = functools.partial(ps.run_local, compress, calc_dir=calc_dir, poolsize=2, skip_dups=True)
    known = set(run([])._pset_hash)  # what earlier calls have finished

    params = grid([1, 6])
    if all(ps.pset_hash(pset) in known for pset in params):
        params = grid([1, 6, 3, 9])
    n_known = sum(ps.pset_hash(pset) in known for pset in params)
    print(f"{len(params)} psets, {n_known} known already")
    df = run(params)
    n_new = len(df) - len(known)
    print(f"this call ran {n_new} psets" if n_new else "nothing new to run")

    sums = df.groupby(["codec", "level"]).agg(
        ratio=("ratio", "mean"), size=("size", "sum"), pack=("compress_s", "sum"),
        unpack=("decompress_s", "sum"),
    )  # fmt: skip
    table = sums[["ratio"]].assign(
        compress_MB_s=sums["size"] / sums.pack / 1e6,
        decompress_MB_s=sums["size"] / sums.unpack / 1e6,
    )
    print(table.reset_index().to_string(index=False, float_format="%.2f", justify="right"))
    print(f"every file came back unchanged: {df.round_trip.all()}")
    print(f"{len(df)} rows are in {os.path.join(calc_dir, 'database.pk')}")
    if "--plot" in sys.argv:
        plot(df, os.path.join(calc_dir, "compressors.png"))
