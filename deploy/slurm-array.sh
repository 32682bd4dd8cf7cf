#!/usr/bin/env bash
# One conversion shared by the tasks of a Slurm array, merged once all of them are done:
#
#   deploy/slurm-array.sh SOURCE TARGET N [options of regroup convert]
#   deploy/slurm-array.sh /models/deepseek-v2 /models/dsv2-gla 8 --to gla --latent-heads 8
#
# SOURCE and TARGET lie on a file system that all nodes see. A task that is preempted or killed is
# queued again and goes on where it was. REGROUP names the launcher (default: the one beside this
# folder); SLURM_OPTIONS are given to sbatch, such as "--partition=cpu --mem=16G --cpus-per-task=8".
set -eu

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

# A task of the array: sbatch runs a copy of this file, so that its own place says nothing.
if [ -n "${SLURM_ARRAY_TASK_ID:-}" ]; then
  source="$1" target="$2" count="$3"
  shift 3
  exec "$REGROUP" convert "$source" "$target" --part "$SLURM_ARRAY_TASK_ID/$count" --resume "$@"
fi

if [ $# -lt 3 ]; then
  sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
export REGROUP="${REGROUP:-$here/../regroup}"
target="$2" count="$3"
# shellcheck disable=SC2086 # the user's options are meant to be split
array="$(sbatch --parsable --requeue --export=ALL --array="1-$count" --job-name=regroup-part \
  ${SLURM_OPTIONS:-} "${BASH_SOURCE[0]}" "$@")"
# shellcheck disable=SC2086
sbatch --export=ALL --dependency="afterok:${array%%;*}" --job-name=regroup-merge \
  ${SLURM_OPTIONS:-} --wrap="$(printf '%q merge %q' "$REGROUP" "$target")"
