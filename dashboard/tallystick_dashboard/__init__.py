"""The screens; they read through the service's API and through nothing else."""
