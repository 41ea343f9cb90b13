#!/bin/bash
# AsySG-con on a cluster under Slurm: one server and 32 workers, one rank to a core.
#     sbatch docs/slurm.sh scenarios/asysg_con.toml
#SBATCH --job-name=asysim
#SBATCH --ntasks=33
#SBATCH --cpus-per-task=1
#SBATCH --time=00:30:00

# mpi4py has to be built for the cluster's own MPI library, which srun starts the ranks of:
#     module load openmpi && pip install --no-binary=mpi4py mpi4py && pip install asysim
# One thread of BLAS to a rank is what asysim sees to by itself.
srun asysim run "${1:?a scenario file}" workers.count=$((SLURM_NTASKS - 1)) --on mpi --out "run-${SLURM_JOB_ID}"
