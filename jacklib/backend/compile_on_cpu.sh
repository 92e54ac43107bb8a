#!/bin/sh
# Written by jacklib (jacklib/kernels.py), which says what this is for.
for library; do :; done
case "${1##*/} $3" in
"asm_tuner.py "*_op.cc) ;;
*) exec PYTHON "$@" ;;
esac
tuner=$1
compiler=${2#--cc_path=}
shift 2
