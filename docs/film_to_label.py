"""Which emotion VAANet sees in a film: without Jittor, PyTorch and JACK.

bash script/run.sh export vaanet --out vaanet.onnx
pip install numpy onnxruntime av pillow librosa soundfile
python film_to_label.py vaanet.onnx film.mp4
"""

import io
import json
import sys

import av
import librosa
import numpy as np
import onnxruntime
from PIL import Image

session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
about = session.get_modelmeta().custom_metadata_map
c, before = json.loads(about["config"]), json.loads(about["before"])
S, D, size = c["seq_len"], c["snippet_duration"], c["sample_size"]

# Pictures: 30 per second, the short side 240, each once through JPEG, as in training.
frames, times = [], []
with av.open(sys.argv[2]) as film:
    for frame in film.decode(video=0):
        scale = before["short_side"] / min(frame.width, frame.height)
        to = int(frame.width * scale + 0.5), int(frame.height * scale + 0.5)
        scaled = frame.reformat(*to, "rgb24", interpolation="BICUBIC")
        frames.append(Image.fromarray(scaled.to_ndarray()))
        times.append(frame.time)
times = np.array(times) - times[0]
count = int(np.ceil((times[-1] + times[1] - 1e-3) * before["frames_per_second"]))
shown = np.searchsorted(times, np.arange(count) / before["frames_per_second"] + 1e-3) - 1


def square(frame):
    stored = io.BytesIO()
    frame.save(stored, "JPEG", quality=before["jpeg_quality"])
    frame = Image.open(stored).convert("RGB")
    scale = size / min(frame.size)
    w, h = (int(side * scale + 1e-9) for side in frame.size)
    left, top = round(w / 2) - round(size / 2), round(h / 2) - round(size / 2)
    frame = frame.resize((w, h), Image.Resampling.BILINEAR)
    return np.asarray(frame.crop((left, top, left + size, top + size)))


# D pictures from the middle of each of S equal parts; a short film begins again.
part = max(count, S * D) // S
chosen = (np.arange(S)[:, None] * part + part // 2 - D // 2 + np.arange(D)) % count
visual = np.stack([square(frames[i]) for i in shown[chosen].ravel()]).reshape(S, D, size, size, 3)
visual = visual.transpose(0, 4, 1, 2, 3)[None].astype(np.float32)

# Sound: MP3 as in training, one channel at 44.1 kHz, MFCC.
mp3 = io.BytesIO()
with av.open(sys.argv[2]) as film, av.open(mp3, "w", format="mp3") as target:
    source = film.streams.audio[0]
    layout = "stereo" if source.channels > 1 else "mono"
    stream = target.add_stream("libmp3lame", rate=source.rate, layout=layout, format="s16p")
    stream.bit_rate = 128_000
    resampler = av.AudioResampler("s16p", layout, source.rate, 1152)
    for frame in [*film.decode(source), None]:
        for piece in resampler.resample(frame):
            target.mux(stream.encode(piece))
    target.mux(stream.encode(None))
mp3.seek(0)
wave, _ = librosa.load(mp3, sr=before["sample_rate"])
mfcc = librosa.feature.mfcc(y=wave, sr=before["sample_rate"], n_mfcc=32).T
audio = mfcc[np.arange(session.get_inputs()[1].shape[1]) % len(mfcc)][None].astype(np.float32)

names = json.loads(about["class_names"])
(found,) = session.run(["probabilities"], {"visual": visual, "audio": audio})[0]
for i in np.argsort(-found):
    print(f"{names[i]:<14} {found[i]:.4f}")
if doubt := json.loads(about["doubt"]):
    print("Note:", doubt)
