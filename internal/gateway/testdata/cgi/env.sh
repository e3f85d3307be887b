#!/bin/sh
echo "Content-Type: text/plain"
echo
env
echo "PWD_IS=$(pwd)"
i=0
for word in "$@"; do i=$((i+1)); echo "ARG$i=$word"; done
