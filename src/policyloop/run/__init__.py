"""Where and when work runs: jobs (what), schedule (when), runners (where), and the processes of a deployment."""
