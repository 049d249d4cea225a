"""What row-level security costs the hot reads: with it and without, in one run."""
