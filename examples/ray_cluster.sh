#!/bin/bash
# Enhance and score on a Ray cluster: a head, as many nodes as you like, and this.
#
#     export RAY_AUTH_MODE=token RAY_AUTH_TOKEN=...   # on all of them: a secret of 64 hex digits
#     ray start --head --port 6379                    # on the first machine
#     ray start --address FIRST:6379                  # on each other one, now or later
#     examples/ray_cluster.sh FIRST:6379 photos/ runs/mine DPED=dped:iphone.safetensors
#
# GPUS=0.25 lets four workers share a GPU. Nodes may come and go; what a lost one was doing is
# done again, and this command, killed, resumes from what its run folder holds.
set -euo pipefail
address=${1:?usage: ray_cluster.sh HOST:PORT PHOTOS OUT ENHANCER...}
photos=${2:?the folder of photos} out=${3:?the run folder}
shift 3
wespe-bench run --enhancers "$@" --input "$photos" --out "$out" --metrics entropy bpp \
  --engine "ray:$address?gpus=${GPUS:-0}"
