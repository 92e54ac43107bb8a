#!/bin/sh
# Written by jacklib: answers Jittor's two questions for PYTHON
case "$1" in
--includes) echo "-IINCLUDE" ;;
--extension-suffix) echo "SUFFIX" ;;
esac
