#!/bin/bash
# Train one network on several nodes. Run it on each of them, or let SLURM do so:
#
#     srun --nodes=2 --ntasks-per-node=1 examples/torchrun_two_nodes.sh \
#         train wespe --source photos/ --target better/ --out runs/train/mine
#
# By hand: HEAD=first-node NODES=2 NODE=0 on the first, NODE=1 on the second. All nodes see the
# same photos and the same --out; the first writes. Killed, the same command resumes.
set -euo pipefail
nodes=${NODES:-${SLURM_JOB_NUM_NODES:-1}}
node=${NODE:-${SLURM_NODEID:-0}}
head=${HEAD:-$(scontrol show hostnames "${SLURM_JOB_NODELIST:?say HEAD, NODES and NODE, or start it with srun}" | head -n 1)}
exec torchrun --nnodes "$nodes" --node-rank "$node" --nproc-per-node "${PER_NODE:-1}" \
  --master-addr "$head" --master-port "${PORT:-29500}" --no-python wespe-bench "$@"
