#!/bin/sh
# Written by jacklib (jacklib/kernels.py), which says what this is for.
for library; do :; done
case "$1 $library" in
*"_op.cc "*_op.so) ;;
*) exec NVCC "$@" ;;
esac
tuner=
compiler=NVCC
