"""A private copy of the installed Jittor 1.3.11 that compiles with CUDA 13 and cuDNN 9.

Each change is one text replaced by another, with the reason. The installed Jittor is not touched.
"""

import importlib.metadata
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from jacklib.backend.folders import digest, make_once


class Change(NamedTuple):
    """In `file`, `old` becomes `new` wherever it stands."""

    file: str
    why: str
    old: str
    new: str


_COMPILER, _EXTERN = "jittor/compiler.py", "jittor/compile_extern.py"
_HELPER = "jittor/extern/cuda/inc/helper_cuda.h"
_WHERE = "jittor/extern/cuda/cub/ops/cub_where_op.cc"
_DEPTHWISE, _SOFTMAX = "jittor/depthwise_conv.py", "jittor/other/code_softmax.py"
_OLD_RNN = (
    "cudnnSetRNNDescriptor_v6", "cudnnGetRNNParamsSize", "cudnnGetRNNWorkspaceSize",
    "cudnnGetRNNTrainingReserveSize", "cudnnGetRNNLinLayerMatrixParams",
    "cudnnGetRNNLinLayerBiasParams", "cudnnRNNForwardTraining", "cudnnRNNForwardInference",
    "cudnnRNNBackwardData", "cudnnRNNBackwardWeights",
)  # fmt: skip
_RNN_STAND_INS = "".join(
    f"template <class... A> static inline cudnnStatus_t {name}(A...)"
    " { return CUDNN_STATUS_NOT_SUPPORTED; }\n"
    for name in _OLD_RNN
)
_LIMITS = "".join(
    f"#define NPP_{name} {value}\n"
    for name, value in (
        ("MIN_32U", "0"), ("MAX_32U", "4294967295U"), ("MIN_32S", "(-2147483647 - 1)"),
        ("MAX_32S", "2147483647"), ("MIN_64U", "0"), ("MAX_64U", "18446744073709551615ULL"),
        ("MIN_64S", "(-9223372036854775807LL - 1)"), ("MAX_64S", "9223372036854775807LL"),
    )
)  # fmt: skip

CHANGES = (
    Change(_HELPER, "CUDA 13 has no computeMode in cudaDeviceProp (only unused helpers ask)",
           "deviceProp.computeMode", "cudaComputeModeDefault"),
    Change(_HELPER, "nor a clockRate", "deviceProp.clockRate", "1"),
    Change(_COMPILER, "CUDA 13's CCCL needs C++17 in device code",
           '        nvcc_flags = nvcc_flags.replace("-Wall", "")\n',
           '        if nvcc_version >= [13]:\n'
           '            nvcc_flags = nvcc_flags.replace("-std=c++14", "-std=c++17")\n'
           '        nvcc_flags = nvcc_flags.replace("-Wall", "")\n'),
    Change(_EXTERN, "cuDNN 9 is divided into other libraries than cuDNN 8",
           "                for l in libs:\n                    ex_cudnn_path",
           "                folder = os.path.dirname(culib_path)\n"
           "                if not os.path.isfile(os.path.join(folder, libs[0])):\n"
           '                    globals()["cudnn_v9"] = True\n'
           "                    libs = ['libcudnn_graph.so', 'libcudnn_ops.so',\n"
           "                            'libcudnn_cnn.so', 'libcudnn_adv.so']\n"
           "                for l in libs:\n                    ex_cudnn_path"),
    Change(_EXTERN, "whether it is cuDNN 9, for nn.py",
           "\ncudnn = cublas = curand = cufft = cusparse = None\n",
           "\ncudnn = cublas = curand = cufft = cusparse = None\ncudnn_v9 = False\n"),
    Change("jittor/extern/cuda/cudnn/inc/cudnn_wrapper.h",
           "cuDNN 9 dropped the RNN functions of cuDNN 7: they compile, and fail if called",
           "#include <cudnn.h>\n",
           f"#include <cudnn.h>\n#if CUDNN_MAJOR >= 9\n{_RNN_STAND_INS}#endif\n"),
    Change("jittor/nn.py", "so that nothing calls them (RNN)",
           "if jt.flags.use_cuda and jt.cudnn and jt.compiler.is_cuda:",
           "if jt.flags.use_cuda and jt.cudnn and jt.compiler.is_cuda"
           " and not jt.compile_extern.cudnn_v9:"),
    Change("jittor/nn.py", "so that nothing calls them (LSTM)",
           "if jt.flags.use_cuda and jt.cudnn and self.proj_size == 0 and jt.compiler.is_cuda:",
           "if jt.flags.use_cuda and jt.cudnn and self.proj_size == 0 and jt.compiler.is_cuda"
           " and not jt.compile_extern.cudnn_v9:"),
    Change(_WHERE, "CCCL 3 has thrust's iterators in place of CUB's",
           "#include <thrust/transform.h>\n",
           "#include <thrust/iterator/counting_iterator.h>\n"
           "#include <thrust/iterator/transform_iterator.h>\n"),
    Change(_WHERE, "the counting one", "cub::CountingInputIterator<To> counting_itr(0);",
           "thrust::counting_iterator<To> counting_itr(0);"),
    Change(_WHERE, "and the transforming one",
           "cub::TransformInputIterator<bool, NonZeroOp<Ti>, Ti*> itr(",
           "thrust::transform_iterator<NonZeroOp<Ti>, Ti*, bool> itr("),
    Change("jittor/src/misc/cuda_limits.h", "NPP's header, for eight constants, is in no package",
           "#include <npp.h>\n", _LIMITS),
    Change(_DEPTHWISE, "CCCL 3 has no cub::LaneId: its stand-in",
           "    template <typename T>\n    __device__ __inline__ void CudaAtomicAddWithWarp",
           "    __device__ __inline__ unsigned jt_lane_id() {\n"
           '    unsigned r; asm volatile("mov.u32 %0, %%laneid;" : "=r"(r)); return r;\n    }\n'
           "    template <typename T>\n    __device__ __inline__ void CudaAtomicAddWithWarp"),
    Change(_DEPTHWISE, "and its use", "cub::LaneId()", "jt_lane_id()"),
    Change(_SOFTMAX, "CCCL 3 has no cub::Max: its stand-in",
           "#include <type/fp16_compute.h>\n''', cuda_src",
           "#include <type/fp16_compute.h>\nstruct JtMax {{ __device__ float operator()"
           "(float a, float b) const {{ return a > b ? a : b; }} }};\n''', cuda_src"),
    Change(_SOFTMAX, "and its use", "cub::Max()", "JtMax()"),
)  # fmt: skip


def patched_copy(site_packages: Path, folder: Path) -> Path:
    """The folder with the changed copies of `jittor` and `jittor_utils`, made if need be.

    site_packages: where both are installed. Raises RuntimeError if a text to be changed is not
    there: another Jittor than these changes are for.
    """
    if site_packages.parent == folder:
        return site_packages  # this process found a copy first: its parent made it
    what = [importlib.metadata.version("jittor"), sys.version, str(site_packages)]
    what += map(str, CHANGES)
    made = folder / f"jittor-{digest('|'.join(what))}"

    def fill(making: Path) -> None:
        for name in ("jittor", "jittor_utils"):
            shutil.copytree(site_packages / name, making / name,
                ignore=shutil.ignore_patterns("__pycache__"))  # fmt: skip
        apply(making)

    make_once(made, fill, made.is_dir)
    return made


def apply(root: Path) -> None:
    """Make the changes in root/jittor. Raises RuntimeError if one does not fit."""
    for change in CHANGES:
        path = root / change.file
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if change.old not in text:
            raise RuntimeError(
                f"{change.file}: found no {change.old.strip().splitlines()[0]!r}, which is to be "
                f"changed ({change.why}). These changes are for Jittor 1.3.11.0"
            )
        path.write_text(text.replace(change.old, change.new), encoding="utf-8")
