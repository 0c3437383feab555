#!/bin/bash
# Score an enhancer over a million photos on a cluster with SLURM: every task takes its share.
#
#     sbatch --array=1-64 --cpus-per-task=8 examples/slurm_array.sh photos/ runs/mine clahe
#     sbatch --dependency=afterok:JOB --wrap "wespe-bench report runs/mine"
#
# On a shared file system all tasks write one folder: parts of its store appear by a rename, and
# no two tasks have a photo in common. A task that dies is submitted again, and takes up its share
# where it was. Without a shared file system give every task an --out of its own, and join them:
#
#     wespe-bench merge shards/* --out runs/mine
set -euo pipefail
photos=${1:?usage: slurm_array.sh PHOTOS OUT ENHANCER...} out=${2:?the run folder}
shift 2
: "${SLURM_ARRAY_TASK_ID:?start it with sbatch --array=1-N}"
wespe-bench run --enhancers "$@" --input "$photos" --out "$out" --metrics entropy bpp \
  --shard "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" --jobs "${SLURM_CPUS_PER_TASK:-1}"
